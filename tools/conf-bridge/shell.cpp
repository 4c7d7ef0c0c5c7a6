#include "conf-bridge/shell.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "conf-bridge/config.hpp"
#include "conf-bridge/core.hpp"
#include "conf-bridge/media_thread.hpp"
#include "conf-bridge/metrics.hpp"
#include "conf-bridge/studio.hpp"
#include "conf-bridge/watch.hpp"
#include "io/call_log.hpp"
#include "io/engine.hpp"
#include "io/error.hpp"
#include "io/large_pages.hpp"
#include "io/local_client.hpp"
#include "io/secret.hpp"
#include "log/log.hpp"

namespace confab::bridge {
namespace {

constexpr base::milliseconds kTick{20};
constexpr std::size_t kLegOctets = 32 << 10;  // of memory, and more than a leg takes

Config config_of(const config::Entries& entries) {
    config::Problems problems;
    return read_config(entries, problems);
}

io::LocalClient::Options locate_options(const Config& config) {
    io::LocalClient::Options options;
    options.path = config.locate_control.path;
    options.timeout = config.locate_timeout;
    options.pending = config.legs + 1;
    return options;
}

io::LocalClient::Handlers locate_handlers() {
    io::LocalClient::Handlers handlers;
    handlers.connection = [](bool connected) { log::info(connected ? "connected to conf-locate" : "no connection to conf-locate"); };
    return handlers;
}

std::shared_ptr<const PromptLibrary> prompts_of(const Config& config) {
    auto prompts = read_prompts(config);
    if (!prompts) throw io::StartupError(io::kConfig, "prompts: " + prompts.error());
    return std::make_shared<const PromptLibrary>(std::move(*prompts));
}

MediaOptions media_options(const Config& config, std::shared_ptr<const PromptLibrary> prompts, unsigned thread) {
    MediaOptions options;
    options.address = config.media_address;
    const auto pairs = config.port_pairs() / config.media_threads;
    options.low_port = static_cast<std::uint16_t>(config.media_ports.low + 2 * pairs * thread);
    options.high_port = static_cast<std::uint16_t>(options.low_port + 2 * pairs - 1);
    options.dscp = static_cast<int>(config.media_dscp << 2);
    options.receive_buffer = static_cast<int>(config.media_receive_buffer);
    options.rtcp_interval = config.rtcp_interval;
    options.policy.loudest = config.loudest;
    options.policy.talk_level = static_cast<int>(config.talk_level);
    options.policy.automatic_gain = config.automatic_gain;
    options.policy.comfort_noise = config.comfort_noise.minus_dbov;
    options.policy.max_delay = static_cast<unsigned>(config.max_delay.count());
    options.policy.media_timeout = static_cast<unsigned>(config.media_timeout / kTick);
    options.prompts = std::move(prompts);
    return options;
}

class Shell : public app::Daemon {
public:
    Shell(app::Frame& frame, const Config& config, const std::shared_ptr<const PromptLibrary>& prompts)
        : frame_(frame),
          engine_(frame.loop(), config, core_, {.act = [this](Effects& effects) { act(effects); }, .turned = [this] { report_drained(); }}),
          core_(config, engine_.listeners(), io::kernel_seed()),
          call_log_(io::CallLog::where_wanted(frame.loop(), config.call_log, config.call_log_sync)),
          locate_(frame.loop(), locate_options(config), locate_handlers()),
          has_sounds_(!config.sounds.empty()),
          studio_(frame.loop(), config, studio_handlers()) {
        if (call_log_) close_recovered_calls();
        start_media(config, prompts);
        if (!config.ticket_secret_file.empty()) core_.use_ticket_secret(io::take_secret("ticket-secret-file", config.ticket_secret_file));
        engine_.turn([this](base::Now now, Effects& effects) { core_.start(now, effects); });
    }

    local::Value status() const override {
        auto status = core_.status();
        status.set("rooms", media_counts().rooms);
        engine_.append_status(status);
        status.set("locate_connected", locate_.connected());
        return status;
    }

    std::span<const std::uint64_t> metrics() override {
        core_.counters().set(Metric::oversized, engine_.signalling().counts().oversized);
        if (call_log_) {
            core_.counters().set(Metric::call_records, call_log_->counts().written);
            core_.counters().set(Metric::lost_call_records, call_log_->counts().lost);
        }
        return core_.metrics(media_counts());
    }

    void command(std::uint64_t token, const local::Request& request) override {
        if (request.command->name == "play") return play(token, request.arguments);
        auto outcome = engine_.turn([&](base::Now now, Effects& effects) { return core_.command(now, request, effects); });
        if (!outcome) {
            frame_.fail(token, outcome.error().code, outcome.error().message);
        } else if (request.command->listing) {
            answer_rows(token, std::make_shared<std::vector<local::Value>>(std::move(outcome->rows)));
        } else {
            frame_.reply(token, std::move(outcome->fields));
        }
    }

    void reload(const config::Entries& entries) override {
        const auto fresh = config_of(entries);
        engine_.reload(fresh);
        core_.reload(fresh);
        studio_.reload(fresh);
        if (call_log_) call_log_->reopen();
    }

    void drain() override {
        draining_ = true;
        engine_.turn([this](base::Now now, Effects& effects) { core_.drain(now, effects); });
    }

private:
    void report_drained() {
        if (draining_ && core_.is_idle()) frame_.drained();
    }

    Studio::Handlers studio_handlers() {
        return {.started =
                    [this](const RecordingStarted& started) {
                        engine_.turn([&](base::Now, Effects& effects) { core_.recording_started(started, effects); });
                    },
                .ended =
                    [this](const RecordingEnded& ended) {
                        engine_.turn([&](base::Now now, Effects& effects) { core_.recording_ended(now, ended, effects); });
                    }};
    }

    void start_media(const Config& config, const std::shared_ptr<const PromptLibrary>& prompts) {
        counts_.resize(config.media_threads);
        for (unsigned thread = 0; thread < config.media_threads; ++thread) {
            auto deliver = [this, alive = std::weak_ptr<int>(alive_), &loop = frame_.loop()](MediaReport report) {
                loop.post([this, alive, report = std::move(report)] {
                    if (!alive.expired()) on_media(report);
                });
            };
            media_.push_back(std::make_unique<MediaThread>(thread, media_options(config, prompts, thread), std::move(deliver)));
        }
    }

    void on_media(const MediaReport& report) {
        counts_[report.thread] = report.counts;
        core_.measured(report.samples);
        core_.loaded(report.thread, report.counts.load);
        engine_.turn([&](base::Now now, Effects& effects) {
            for (const auto& event : report.events) core_.media(now, event, effects);
        });
    }

    MediaCounts media_counts() const {
        MediaCounts sum;
        for (const auto& counts : counts_) {
            sum.rooms += counts.rooms;
            sum.lost_ticks += counts.lost_ticks;
            sum.received += counts.received;
            sum.sent += counts.sent;
            sum.rejected += counts.rejected;
            sum.unauthentic += counts.unauthentic;
            sum.rtcp_received += counts.rtcp_received;
            sum.rtcp_sent += counts.rtcp_sent;
            sum.rtcp_rejected += counts.rtcp_rejected;
            sum.dropped_digits += counts.dropped_digits;
            sum.load = std::max(sum.load, counts.load);
        }
        return sum;
    }

    void answer_rows(std::uint64_t token, std::shared_ptr<std::vector<local::Value>> rows) {
        frame_.stream(token, [this, token, rows, at = std::size_t{0}]() mutable {
            if (at >= rows->size()) return false;
            frame_.reply_more(token, std::move((*rows)[at++]));
            return true;
        });
    }

    // The file is read first: who asks hears what is wrong with it.
    void play(std::uint64_t token, const local::Value& arguments) {
        const std::string file(arguments.text("file"));
        if (!has_sounds_) return frame_.fail(token, "not-configured", "the key sounds names no directory");
        if (!is_plain_file_name(file)) return frame_.fail(token, "bad-argument", "file: expected the name of a file, without a directory");
        studio_.read(file, [this, token, number = std::string(arguments.text("conference"))](std::expected<media::Prompt, std::string> sound) {
            if (!sound) return frame_.fail(token, "bad-sound", sound.error());
            const auto played = engine_.turn([&](base::Now now, Effects& effects) { return core_.play_sound(now, number, std::move(*sound), effects); });
            if (!played) return frame_.fail(token, played.error().code, played.error().message);
            frame_.reply(token, local::Value::object({{"changed", true}}));
        });
    }

    void close_recovered_calls() {
        Effects effects;
        for (const auto& line : call_log_->take_open()) core_.recover_call(frame_.loop().now(), line, effects);
        call_log_->write(effects.records);
    }

    void act(Effects& effects) {
        if (call_log_) call_log_->write(effects.records);
        for (auto& question : effects.ask) ask(question);
        command_media(effects.media);
        std::vector<MediaCommand> taps;
        for (const auto& command : effects.record) taps.push_back(studio_.act(command));
        command_media(taps);
        for (auto& occurrence : effects.publish) frame_.publish(occurrence.event, std::move(occurrence.fields));
    }

    void ask(Question& question) {
        locate_.ask(question.command, std::move(question.arguments), [this, id = question.id](Answer answer) {
            engine_.turn([&](base::Now now, Effects& effects) { core_.answer(now, id, answer, effects); });
        });
    }

    void command_media(std::vector<MediaCommand>& commands) {
        if (commands.empty()) return;
        std::vector<std::vector<MediaCommand>> by_thread(media_.size());
        for (auto& command : commands) by_thread[command.thread].push_back(std::move(command));
        for (std::size_t thread = 0; thread < media_.size(); ++thread)
            if (!by_thread[thread].empty()) media_[thread]->post(std::move(by_thread[thread]));
    }

    app::Frame& frame_;
    bool draining_ = false;
    io::Engine<Core, Effects> engine_;
    Core core_;
    std::unique_ptr<io::CallLog> call_log_;
    io::LocalClient locate_;
    const bool has_sounds_;
    std::vector<MediaCounts> counts_;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
    Studio studio_;
    std::vector<std::unique_ptr<MediaThread>> media_;  // last: joined before anything that their reports speak to is gone
};

void check_directory(std::string_view key, const std::string& path, int rights, const char* expected, const config::Entries& entries,
                     config::Problems& problems) {
    if (path.empty() || ::access((path + "/.").c_str(), rights) == 0) return;
    config::complain(entries, problems, key, expected, path + " (" + io::os_error_text(errno) + ")");
}

void check(const config::Entries& entries, config::Problems& problems) {
    const auto config = read_config(entries, problems);
    io::CallLog::check(config.call_log, entries, problems);
    io::check_secret("ticket-secret-file", config.ticket_secret_file, entries, problems);
    check_directory("recordings", config.recordings, W_OK | X_OK, "a directory that this user may write", entries, problems);
    check_directory("sounds", config.sounds, X_OK, "a directory that this user may read", entries, problems);
    if (const auto prompts = read_prompts(config); !prompts)
        problems.push_back({config::place_of(entries, "prompts"), "prompts", "a directory with voice prompts", prompts.error()});
}

}  // namespace

const app::Program& program() {
    static const app::Program kProgram = {
        .name = "conf-bridge",
        .summary = "conference focus and mixer",
        .prose = "conf-bridge answers SIP calls over UDP and TCP from trusted proxies, asks conf-locate which conference a number and "
                 "passcode open, and mixes the members of each conference. Callers without a passcode are asked to key it. Rosters and "
                 "moderation are on its control socket.",
        .commands = {watch_command()},
        .keys = &keys(),
        .vocabulary = &local::bridge_vocabulary(),
        .metrics = kMetricRows,
        .check = check,
        .start = [](app::Frame& frame, const config::Entries& entries) -> std::unique_ptr<app::Daemon> {
            auto config = config_of(entries);
            io::use_large_pages(std::min<std::size_t>(config.legs, config.port_pairs()) * kLegOctets);
            const auto prompts = prompts_of(config);
            config.languages = prompts->languages;
            return std::make_unique<Shell>(frame, config, prompts);
        },
    };
    return kProgram;
}

}  // namespace confab::bridge
