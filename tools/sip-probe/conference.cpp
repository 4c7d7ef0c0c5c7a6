#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/text.hpp"
#include "io/sound_file.hpp"
#include "io/ticker.hpp"
#include "sip-probe/commands.hpp"
#include "sip-probe/matrix.hpp"
#include "sip-probe/settings.hpp"
#include "sip-probe/tone.hpp"

namespace confab::probe {
namespace {

constexpr double kToneDb = -20, kVoiceGain = 0.5;
constexpr unsigned kSettleTicks = 25;  // 500 ms for the last joiner's media to flow

struct ConferenceOptions {
    std::size_t legs = 3;
    bool registers = false;
    bool one_each = false;
    std::vector<double> tones;
    std::vector<std::vector<std::int16_t>> voices;
    std::string record;
    base::milliseconds turn{800}, hold{0};
    double threshold_db = -40;
};

struct Member {
    std::unique_ptr<Leg> leg;
    ToneMaker tone;
    std::optional<io::SoundWriter> recording;
    std::size_t spoken = 0;
    bool joined = false, left = false;
};

class Conference {
public:
    Conference(const Settings& settings, std::string uri, ConferenceOptions options)
        : settings_(settings), uri_(std::move(uri)), options_(std::move(options)), rate_(audio_rate(settings.codecs)), voice_(rate_ / 50), heard_(rate_ / 50), start_tick_(0),
          matrix_(options_.tones, static_cast<unsigned>(options_.turn.count() / 20), options_.threshold_db, audio_rate(settings.codecs)),
          patience_(loop_, [this] { give_up(app::kNoAnswer, fmt::format("{} of {} legs joined in time", joined_, options_.legs)); }) {
        for (std::size_t i = 0; i < options_.legs; ++i) members_.push_back(make_member(i));
    }

    int run() {
        loop_.post([this] {
            for (auto& member : members_) options_.registers ? member.leg->register_contact(true, base::seconds(300)) : join(member);
        });
        patience_.after(settings_.timeout * 3);
        io::Ticker ticker(loop_, base::milliseconds(20), [this](base::Now, std::uint64_t tick) { exchange(tick); });
        loop_.run();
        for (auto& member : members_) member.recording.reset();
        if (code_ && *code_ != app::kMedia) return *code_;
        report();
        return code_.value_or(app::kProbeOk);
    }

private:
    Member make_member(std::size_t number) {
        Member member{std::make_unique<Leg>(loop_, leg_options(number), [this, number](Leg&, const Happening& happening) { happened(members_[number], number, happening); }),
                      ToneMaker(options_.tones[number], kToneDb, rate_), {}, 0, false, false};
        if (!options_.record.empty()) {
            auto writer = io::SoundWriter::create(fmt::format("{}/leg-{}.wav", options_.record, number + 1), static_cast<int>(rate_));
            if (!writer) throw io::StartupError(io::kIoError, writer.error());
            member.recording = std::move(*writer);
        }
        return member;
    }

    // Every leg speaks at the rate of the widest codec, whichever it uses itself.
    LegOptions leg_options(std::size_t number) const {
        auto leg = settings_.leg(number);
        leg.rate = rate_;
        if (options_.one_each) leg.codecs = {settings_.codecs[number % settings_.codecs.size()]};
        return leg;
    }

    void join(Member& member) { member.leg->call(uri_, settings_.headers); }

    void happened(Member& member, std::size_t number, const Happening& happening) {
        const auto who = fmt::format("leg {} ({})", number + 1, member.leg->account().address);
        switch (happening.kind) {
            case Happening::Kind::accepted:
                member.joined = true;
                ++joined_;
                progress(fmt::format("{} joined {}", who, uri_));
                return;
            case Happening::Kind::answered:
                if (member.joined) return left(member);
                if (happening.status / 100 != 2) break;
                progress(fmt::format("{} registered", who));
                return join(member);
            case Happening::Kind::challenged:
            case Happening::Kind::provisional:
            case Happening::Kind::renegotiated: return;
            default: break;
        }
        if (finishing_) return left(member);
        const auto refusal = explain(*member.leg, happening, who);
        give_up(refusal.exit_code, refusal.sentence);
    }

    void progress(const std::string& sentence) {
        if (!settings_.json) fmt::print(stderr, "{}\n", sentence);
    }

    void give_up(int code, const std::string& sentence) {
        if (code_) return;
        code_ = complain({code, sentence});
        finish();
    }

    // Every leg says BYE (or CANCEL); the loop ends when the last has gone or patience has.
    void finish() {
        if (finishing_) return;
        finishing_ = true;
        for (auto& member : members_) {
            if (member.leg->in_call())
                member.leg->hang_up();
            else
                left(member);
        }
        patience_ = io::Timer(loop_, [this] { loop_.stop(); });
        patience_.after(base::seconds(2));
    }

    void left(Member& member) {
        if (!member.left) ++gone_;
        member.left = true;
        if (gone_ == members_.size()) loop_.stop();
    }

    void exchange(std::uint64_t tick) {
        if (joined_ == members_.size() && start_tick_ == 0) {
            start_tick_ = tick + kSettleTicks;
            const auto rest = options_.turn * static_cast<long>(members_.size()) + options_.hold;
            patience_.after(rest + base::seconds(5));
        }
        const bool started = start_tick_ != 0 && tick >= start_tick_;
        const auto talker = started ? matrix_.talker(tick - start_tick_) : std::nullopt;
        for (std::size_t i = 0; i < members_.size(); ++i) {
            auto& member = members_[i];
            std::ranges::fill(voice_, std::int16_t{0});
            if (talker == i) speak(member, i);
            if (!member.leg->in_call()) continue;
            member.leg->exchange(tick, voice_, heard_);
            if (member.recording) member.recording->write(heard_);
            if (started) matrix_.hear(i, tick - start_tick_, heard_);
        }
        const auto last = start_tick_ + static_cast<std::uint64_t>((options_.turn * static_cast<long>(members_.size()) + options_.hold).count() / 20);
        if (started && tick >= last && !finishing_) judge();
    }

    void speak(Member& member, std::size_t number) {
        if (!options_.voices.empty()) {
            const auto& speech = options_.voices[number % options_.voices.size()];
            for (auto& sample : voice_)
                if (member.spoken < speech.size()) sample = static_cast<std::int16_t>(speech[member.spoken++] * kVoiceGain);
        }
        member.tone.add_to(voice_);
    }

    void judge() {
        matrix_.finish();
        const auto faults = matrix_.faults();
        if (!faults.empty()) {
            code_ = app::kMedia;
            for (const auto& fault : faults) complain({app::kMedia, fault});
        }
        finish();
    }

    void report() {
        if (settings_.json) {
            for (std::size_t i = 0; i < matrix_.legs(); ++i) print_json(row(i));
            return;
        }
        fmt::print("level in dBFS / delay in ms: each row hears, each column sounds its tone\n{:<10}", "");
        for (std::size_t j = 0; j < matrix_.legs(); ++j) fmt::print("{:>16}", fmt::format("leg {} {:.0f} Hz", j + 1, matrix_.tones()[j]));
        fmt::print("\n");
        for (std::size_t i = 0; i < matrix_.legs(); ++i) {
            fmt::print("{:<10}", fmt::format("leg {}", i + 1));
            for (std::size_t j = 0; j < matrix_.legs(); ++j) {
                const auto& cell = matrix_.cell(i, j);
                fmt::print("{:>16}", cell.heard ? fmt::format("{:.1f} / {}", cell.level_db, cell.delay_ms.value_or(0)) : "-");
            }
            fmt::print("\n");
        }
    }

    local::Value row(std::size_t listener) {
        auto value = local::Value::object({{"leg", static_cast<std::uint64_t>(listener + 1)},
                                           {"address", members_[listener].leg->account().address},
                                           {"codec", members_[listener].leg->codec()},
                                           {"tone_hz", matrix_.tones()[listener]}});
        auto hears = local::Value::array();
        for (std::size_t j = 0; j < matrix_.legs(); ++j) {
            const auto& cell = matrix_.cell(listener, j);
            auto entry = local::Value::object({{"leg", static_cast<std::uint64_t>(j + 1)}, {"heard", cell.heard}, {"level_db", std::round(cell.level_db * 10) / 10}});
            if (cell.delay_ms) entry.set("delay_ms", *cell.delay_ms);
            hears.push(std::move(entry));
        }
        const auto counts = members_[listener].leg->media_counts();
        value.set("hears", std::move(hears)).set("packets_received", counts.received).set("packets_lost", counts.lost);
        return value.set("phases", phases_of(*members_[listener].leg, settings_.lookup_ms));
    }

    const Settings& settings_;
    std::string uri_;
    ConferenceOptions options_;
    const std::uint32_t rate_;                 // of all that is said and heard
    std::vector<std::int16_t> voice_, heard_;  // 20 ms each
    io::Loop loop_;
    std::uint64_t start_tick_;
    Matrix matrix_;
    std::vector<Member> members_;
    io::Timer patience_;
    std::size_t joined_ = 0, gone_ = 0;
    bool finishing_ = false;
    std::optional<int> code_;
};

}  // namespace

int conference(const app::Invocation& invocation) {
    const auto uri = std::string(invocation.text("URI"));
    const auto settings = read_settings(invocation, uri);
    if (!settings) return complain(settings.error());
    ConferenceOptions options;
    options.legs = static_cast<std::size_t>(invocation.integer("legs", 1, 500, 3));
    options.registers = invocation.has("register");
    options.one_each = invocation.has("one-codec-each");
    options.record = invocation.text("record");
    options.turn = invocation.duration("turn", options.turn);
    if (options.turn < base::milliseconds(200)) return complain({io::kUsage, "--turn: expected at least 200ms"});
    options.hold = invocation.duration("hold", options.hold);
    options.threshold_db = -static_cast<double>(invocation.integer("threshold", 1, 90, 40));
    base::Random random(io::kernel_seed());
    options.tones = choose_tones(options.legs, random);
    const auto tones = invocation.all("tone");
    const unsigned highest = audio_rate(settings->codecs) * 19 / 40;
    for (std::size_t i = 0; i < tones.size() && i < options.legs; ++i) {
        const auto hertz = base::parse_number<unsigned>(tones[i]);
        if (!hertz || *hertz < 50 || *hertz > highest) return complain({io::kUsage, fmt::format("--tone: expected 50 to {}, got '{}'", highest, tones[i])});
        options.tones[i] = *hertz;
    }
    for (const auto& file : invocation.all("play")) {
        auto sound = read_voice(file, audio_rate(settings->codecs));
        if (!sound) return complain(sound.error());
        options.voices.push_back(std::move(*sound));
    }
    return Conference(*settings, uri, std::move(options)).run();
}

}  // namespace confab::probe
