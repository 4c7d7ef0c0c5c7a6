#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "io/file.hpp"
#include "io/sound_file.hpp"
#include "io/ticker.hpp"
#include "media/tones.hpp"
#include "sip-probe/commands.hpp"
#include "sip-probe/failover.hpp"
#include "sip-probe/tone.hpp"

namespace confab::probe {
namespace {

constexpr unsigned kBeforeKeys = 300, kKeyLength = 100;  // ms

struct CallOptions {
    std::vector<std::int16_t> play;
    double tone = 440;
    std::string record;
    std::string digits;
    bool in_band = false;
    base::milliseconds duration{5000};
    std::optional<base::milliseconds> cancel_after;
    bool delayed_offer = false;
    bool require_media = false;
};

LegOptions leg_options(const Settings& settings, const CallOptions& call) {
    auto options = settings.leg(0);
    options.delayed_offer = call.delayed_offer;
    options.telephone_events = !call.in_band;
    return options;
}

// Keys as they sound, after a while in which the call settles.
std::vector<std::int16_t> sound_of(std::string_view digits, std::uint32_t rate) {
    std::vector<media::Tone> tones{{.milliseconds = kBeforeKeys}};
    for (const char digit : digits) {
        tones.push_back(media::dtmf_tone(digit, kKeyLength));
        tones.push_back({.milliseconds = kKeyLength});
    }
    return media::make_tones(tones, rate);
}

class Call {
public:
    Call(const Settings& settings, std::string uri, CallOptions options)
        : settings_(settings), uri_(std::move(uri)), options_(std::move(options)),
          way_(loop_, settings, leg_options(settings, options_), [this](Leg& leg) { leg.call(uri_, settings_.headers); },
               [this](Leg& leg, const Happening& happening) { happened(leg, happening); }),
          end_(loop_, [this] { way_.leg().hang_up(); }), cancel_(loop_, [this] { way_.leg().cancel(); }), tone_(options_.tone, -20, way_.leg().rate()), voice_(way_.leg().rate() / 50), heard_(voice_.size()) {
        if (options_.in_band) keys_ = sound_of(options_.digits, way_.leg().rate());
        if (options_.record.empty()) return;
        auto writer = io::SoundWriter::create(options_.record, static_cast<int>(way_.leg().rate()));
        if (!writer) throw io::StartupError(io::kIoError, writer.error());
        recording_ = std::move(*writer);
    }

    int run() {
        loop_.post([this] { way_.begin(); });
        if (options_.cancel_after) cancel_.after(*options_.cancel_after);
        io::Ticker ticker(loop_, base::milliseconds(20), [this](base::Now, std::uint64_t tick) { exchange(tick); });
        loop_.run();
        recording_.reset();
        report();
        return code_;
    }

private:
    void happened(Leg& leg, const Happening& happening) {
        switch (happening.kind) {
            case Happening::Kind::accepted:
                answered_ = true;
                status_ = happening.status;
                if (!options_.in_band) leg.dial(options_.digits);
                end_.after(options_.duration);
                return;
            case Happening::Kind::answered: return finish(app::kProbeOk);  // our BYE
            case Happening::Kind::refused:
                status_ = happening.status;
                if (options_.cancel_after && happening.status == 487) return finish(app::kProbeOk);
                return finish(complain(explain(leg, happening, uri_)));
            case Happening::Kind::ended:
            case Happening::Kind::silent:
            case Happening::Kind::unreachable: return finish(complain(explain(leg, happening, uri_)));
            default: return;
        }
    }

    void finish(int code) {
        code_ = code;
        if (code == app::kProbeOk && options_.require_media && heard_frames_ == 0 && answered_)
            code_ = complain({app::kMedia, uri_ + ": answered, but no audio came"});
        ended_ = loop_.now().steady;
        loop_.stop();
    }

    void exchange(std::uint64_t tick) {
        auto& leg = way_.leg();
        if (!leg.in_call()) return;
        std::ranges::fill(voice_, std::int16_t{0});
        if (keyed_ < keys_.size()) {
            for (auto& sample : voice_) sample = keyed_ < keys_.size() ? keys_[keyed_++] : std::int16_t{0};
        } else if (options_.play.empty()) {
            tone_.add_to(voice_);
        } else {
            for (auto& sample : voice_) sample = played_ < options_.play.size() ? options_.play[played_++] : std::int16_t{0};
        }
        if (leg.exchange(tick, voice_, heard_)) {
            ++heard_frames_;
            for (const auto sample : heard_) energy_ += static_cast<double>(sample) * sample;
        }
        if (recording_) recording_->write(heard_);
    }

    void report() {
        const auto& leg = way_.leg();
        const auto counts = leg.media_counts();
        const double samples = static_cast<double>(heard_frames_ * heard_.size());
        const double level = samples > 0 && energy_ > 0 ? std::max(kSilenceDb, 10 * std::log10(energy_ / samples / (32768.0 * 32768.0))) : kSilenceDb;
        auto phases = phases_of(leg, settings_.lookup_ms);
        phases.set("total_ms", since_ms(leg.phases().started, ended_));
        if (settings_.json) {
            return print_json(local::Value::object({{"uri", uri_}, {"endpoint", way_.target().text()}, {"status", status_}, {"exit", code_}, {"phases", phases}, {"codec", leg.codec()}, {"packets_sent", counts.sent},
                                                    {"packets_received", counts.received}, {"packets_rejected", counts.rejected},
                                                    {"packets_lost", counts.lost}, {"level_db", std::round(level * 10) / 10}, {"tls", leg.connection()}}));
        }
        fmt::print("{}: status {} from {}\n", uri_, status_, way_.target().text());
        for (const auto& [name, value] : *phases.as_object())
            if (const auto* time = value.as_double()) fmt::print("  {:<14}{:>10.3f}\n", name, *time);
        if (!leg.codec().empty()) fmt::print("  codec {}\n", leg.codec());
        fmt::print("  packets sent {}, received {}, lost {}, rejected {}; level {:.1f} dBFS\n", counts.sent, counts.received, counts.lost, counts.rejected,
                   level);
    }

    const Settings& settings_;
    std::string uri_;
    CallOptions options_;
    io::Loop loop_;
    Failover way_;
    io::Timer end_, cancel_;
    ToneMaker tone_;
    std::vector<std::int16_t> voice_, heard_;  // 20 ms each way
    std::optional<io::SoundWriter> recording_;
    std::vector<std::int16_t> keys_;  // as tones
    std::size_t played_ = 0, keyed_ = 0;
    std::uint64_t heard_frames_ = 0;
    double energy_ = 0;
    bool answered_ = false;
    int status_ = 0;
    int code_ = app::kNoAnswer;
    base::Instant ended_{};
};

// Digits are a secret when they are a passcode: '@FILE' keeps them off the command line.
std::expected<std::string, Refusal> read_digits(std::string_view text) {
    std::string digits(text);
    if (text.starts_with('@')) {
        auto secret = io::read_secret(std::string(text.substr(1)));
        if (!secret) return std::unexpected(Refusal{io::kConfig, secret.error()});
        digits = *secret;
    }
    if (digits.find_first_not_of("0123456789*#ABCD") != std::string::npos)
        return std::unexpected(Refusal{io::kUsage, "--dtmf: expected digits 0-9, *, # and A-D"});
    return digits;
}

}  // namespace

int call(const app::Invocation& invocation) {
    const auto uri = std::string(invocation.text("URI"));
    const auto settings = read_settings(invocation, uri);
    if (!settings) return complain(settings.error());
    CallOptions options;
    const auto digits = read_digits(invocation.text("dtmf"));
    if (!digits) return complain(digits.error());
    options.digits = *digits;
    options.tone = static_cast<double>(invocation.integer("tone", 50, audio_rate(settings->codecs) * 19 / 40, 440));
    options.record = invocation.text("record");
    options.duration = invocation.duration("duration", options.duration);
    options.in_band = invocation.has("in-band");
    options.delayed_offer = invocation.has("delayed-offer");
    options.require_media = invocation.has("require-media");
    if (invocation.has("cancel-after")) options.cancel_after = invocation.duration("cancel-after", base::milliseconds(0));
    if (invocation.has("play")) {
        auto sound = read_voice(std::string(invocation.text("play")), audio_rate(settings->codecs));
        if (!sound) return complain(sound.error());
        options.play = std::move(*sound);
    }
    return Call(*settings, uri, std::move(options)).run();
}

}  // namespace confab::probe
