#include <map>

#include "conf-bridge/core.hpp"
#include "script.hpp"
#include "subject.hpp"

namespace confab::scenario {
namespace {

bridge::Config config_of(const config::Entries& entries) {
    config::Problems problems;
    auto config = bridge::read_config(entries, problems);
    if (!problems.empty()) throw Failed(problems.front().text());
    return config;
}

// Media threads that have ports for everybody: what is scripted here is the signalling. Beats are accepted.
class BridgeSubject : public Subject {
public:
    explicit BridgeSubject(const bridge::Config& config) : core_(config, config.listen, base::Seed{7}) {}

    void receive(base::Now now, const sip::Hop& source, std::string_view bytes, bool is_stream) override {
        core_.receive(now, source, bytes, is_stream, effects_);
        collect(now);
    }
    void expire(base::Now now) override {
        core_.expire(now, effects_);
        collect(now);
    }
    std::optional<base::Instant> next_deadline() override { return core_.next_deadline(); }
    void answer(base::Now now, std::uint64_t question, const Answer& answer) override {
        core_.answer(now, question, answer, effects_);
        collect(now);
    }
    void flow_failed(base::Now now, const sip::Hop& hop) override {
        core_.flow_failed(now, hop, effects_);
        collect(now);
    }

    // drain | dial CONFERENCE TARGET | digits LEG KEYS | prompt-ended LEG | media-stopped LEG; legs count from 1 in the order of their INVITEs
    void command(base::Now now, const std::vector<std::string>& words) override {
        using enum bridge::MediaEvent::Kind;
        if (words == std::vector<std::string>{"drain"}) {
            core_.drain(now, effects_);
            return collect(now);
        }
        if (words.size() == 3 && words[0] == "dial") {
            const auto arguments = local::Value::object({{"conference", words[1]}, {"target", words[2]}});
            const auto done = core_.command(now, {1, local::find_command(local::bridge_vocabulary(), "dial"), arguments}, effects_);
            if (!done) throw Failed(done.error().message);
            return collect(now);
        }
        if (words.size() < 2) throw Failed("do drain, dial CONFERENCE TARGET, digits LEG KEYS, prompt-ended LEG or media-stopped LEG");
        const media::LegId leg{static_cast<std::uint32_t>(std::stoul(words[1]))};
        if (words[0] == "digits" && words.size() == 3) {
            for (const char key : words[2]) happen(now, {digit, leg, {}, key});
        } else if (words[0] == "prompt-ended") {
            happen(now, {prompt_ended, leg});
        } else if (words[0] == "media-stopped") {
            happen(now, {media_stopped, leg});
        } else {
            throw Failed("no such command: " + words[0]);
        }
    }

    // Besides the counts: how often each event came.
    local::Value status() override {
        auto status = core_.status();
        const auto values = core_.metrics({});
        for (std::size_t i = 0; i < values.size(); ++i) status.set(bridge::kMetricRows[i].name, values[i]);
        for (const auto& [name, count] : events_) status.set("event:" + name, count);
        return status;
    }

private:
    void happen(base::Now now, const bridge::MediaEvent& event) {
        core_.media(now, event, effects_);
        collect(now);
    }
    void collect(base::Now now) {
        take(effects_.transmit);
        for (const auto& event : effects_.publish) ++events_[std::string(event.event)];
        const auto commands = std::move(effects_.media);
        auto questions = std::move(effects_.ask);
        effects_.clear();
        for (auto& question : questions) {
            if (question.command != "beat")
                asked.push_back({question.id, "locate", std::string(question.command), std::move(question.arguments)});
            else
                answer(now, question.id, local::Value::object({{"accepted", true}}));
        }
        for (const auto& command : commands) obey(now, command);
    }
    void obey(base::Now now, const bridge::MediaCommand& command) {
        using enum bridge::MediaEvent::Kind;
        if (const auto* open = std::get_if<bridge::OpenLeg>(&command.what)) {
            const auto port = static_cast<std::uint16_t>(20'000 + 2 * open->leg.value);
            happen(now, {opened, open->leg, {*base::IpAddress::parse("192.0.2.40"), open->port != 0 ? open->port : port}});
        }
        if (const auto* close = std::get_if<bridge::CloseLeg>(&command.what)) happen(now, {closed, close->leg});
    }

    bridge::Core core_;
    bridge::Effects effects_;
    std::map<std::string, std::uint64_t> events_;
};

}  // namespace

std::unique_ptr<Subject> make_bridge(const config::Entries& entries) { return std::make_unique<BridgeSubject>(config_of(entries)); }

}  // namespace confab::scenario
