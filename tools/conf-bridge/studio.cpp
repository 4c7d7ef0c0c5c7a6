#include "conf-bridge/studio.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "io/sound_file.hpp"
#include "media/mixer.hpp"

namespace confab::bridge {
namespace {

constexpr base::seconds kLongestSound{600};

std::expected<media::Prompt, std::string> read_playable(const std::string& path) {
    auto file = io::read_sound(path, kLongestSound);
    if (!file) return std::unexpected(file.error());
    const auto rate = static_cast<std::uint32_t>(file->sample_rate);
    if (std::ranges::find(media::kRates, rate) == media::kRates.end())
        return std::unexpected(path + ": sampled at " + std::to_string(rate) + " Hz, expected 8000, 16000, 24000 or 48000 Hz");
    return std::make_shared<const media::Sound>(rate, std::move(file->samples));
}

}  // namespace

Studio::Studio(io::Loop& loop, const Config& config, Handlers handlers)
    : loop_(loop), recordings_(config.recordings), sounds_(config.sounds), handlers_(std::move(handlers)), recorder_(recorder_handlers()) {
    reload(config);
}

io::Recorder::Handlers Studio::recorder_handlers() {
    return {.started =
                [this, alive = std::weak_ptr<int>(alive_)](const io::Recorder::Started& start) {
                    loop_.post([this, alive, told = RecordingStarted{start.recording, std::filesystem::path(start.path).filename()}] {
                        if (!alive.expired()) handlers_.started(told);
                    });
                },
            .ended =
                [this, alive = std::weak_ptr<int>(alive_)](const io::Recorder::Ended& end) {
                    loop_.post([this, alive, told = RecordingEnded{end.recording, end.error, end.length, end.missing}] {
                        if (!alive.expired()) handlers_.ended(told);
                    });
                }};
}

void Studio::reload(const Config& config) {
    format_ = static_cast<io::SoundFormat>(config.recording_format);
    rate_ = config.recording_rate;
}

MediaCommand Studio::tap(unsigned thread, const RecordingSource& source, std::shared_ptr<media::SoundSink> sink) const {
    if (const auto* leg = std::get_if<media::LegId>(&source)) return {thread, RecordLeg{*leg, std::move(sink)}};
    return {thread, RecordRoom{std::get<RoomId>(source), rate_, std::move(sink)}};
}

MediaCommand Studio::act(const RecordingCommand& command) {
    if (const auto* start = std::get_if<StartRecording>(&command))
        return tap(start->thread, start->source, recorder_.start(start->id, {recordings_ + '/' + start->file, format_, rate_}));
    const auto& stop = std::get<StopRecording>(command);
    recorder_.stop(stop.id);
    return tap(stop.thread, stop.source, nullptr);
}

void Studio::read(const std::string& name, Read done) {
    reader_.loop().post([&loop = loop_, path = sounds_ + '/' + name, alive = std::weak_ptr<int>(alive_), done = std::move(done)]() mutable {
        loop.post([alive, done = std::move(done), sound = read_playable(path)]() mutable {
            if (!alive.expired()) done(std::move(sound));
        });
    });
}

}  // namespace confab::bridge
