#include "script.hpp"
#include "sip-proxy/core.hpp"
#include "subject.hpp"

namespace confab::scenario {
namespace {

constexpr std::string_view kSecret = "0123456789abcdef0123456789abcdef";

proxy::Config config_of(const config::Entries& entries) {
    config::Problems problems;
    auto config = proxy::read_config(entries, problems);
    if (!problems.empty()) throw Failed(problems.front().text());
    return config;
}

class ProxySubject : public Subject {
public:
    explicit ProxySubject(const proxy::Config& config) : config_(config), core_(made()) {}

    void receive(base::Now now, const sip::Hop& source, std::string_view bytes, bool is_stream) override {
        core_->receive(now, source, bytes, is_stream, effects_);
        collect();
    }
    void expire(base::Now now) override {
        core_->expire(now, effects_);
        collect();
    }
    std::optional<base::Instant> next_deadline() override { return core_->next_deadline(); }
    void answer(base::Now now, std::uint64_t question, const Answer& answer) override {
        core_->answer(now, question, answer, effects_);
        collect();
    }
    void flow_failed(base::Now now, const sip::Hop& hop) override {
        core_->flow_failed(now, hop, effects_);
        collect();
    }
    void resolved(base::Now now, std::uint64_t id, const proxy::Located& located) {
        core_->resolved(now, id, located, effects_);
        collect();
    }
    // drain | restart | queue DURATION (so long waited the messages of some batches) | resolved ENDPOINT… (udp:192.0.2.1:5060) | unresolved
    void command(base::Now now, const std::vector<std::string>& words) override {
        if (words == std::vector<std::string>{"drain"}) return core_->drain();
        if (words.size() == 2 && words[0] == "queue") {
            for (int batch = 0; batch < 5; ++batch) core_->batch_begin(now, config::Value<base::milliseconds>::parse(words[1]).value());
            return;
        }
        if (words == std::vector<std::string>{"restart"}) {
            core_ = made();
            return;
        }
        if (words.empty() || (words[0] != "resolved" && words[0] != "unresolved")) throw Failed("do drain, restart, resolved or unresolved");
        if (resolving_.empty()) throw Failed("no name is being resolved");
        const auto id = resolving_.front();
        resolving_.erase(resolving_.begin());
        if (words[0] == "unresolved") return resolved(now, id, std::unexpected(dns::Failure::no_such_name));
        std::vector<dns::Endpoint> endpoints;
        for (std::size_t i = 1; i < words.size(); ++i) {
            const auto peer = config::Value<config::Peer>::parse(words[i]);
            if (!peer) throw Failed("not a peer: " + words[i]);
            endpoints.push_back({static_cast<dns::Service>(proxy::hop_of_peer(*peer).transport), peer->address});
        }
        resolved(now, id, endpoints);
    }
    local::Value status() override {
        auto status = core_->status();
        status.set("calls", static_cast<std::uint64_t>(core_->calls().size()));
        const auto values = core_->metrics();
        for (std::size_t i = 0; i < values.size(); ++i) status.set(proxy::kMetricRows[i].name, values[i]);
        return status;
    }

private:
    std::unique_ptr<proxy::Core> made() const {
        return std::make_unique<proxy::Core>(config_, config_.listen, std::string(kSecret), base::Seed{7});
    }
    // A name to look up shows as a question to `dns`.
    void collect() {
        take(effects_.transmit);
        for (const auto& resolve : effects_.resolve) {
            resolving_.push_back(resolve.id);
            asked.push_back({resolve.id, "dns", "resolve", local::Value::object({{"host", resolve.query.host}})});
        }
        for (auto& question : effects_.ask) {
            const bool registrar = question.asked == proxy::Asked::registrar;
            asked.push_back(
                {question.id, registrar ? "registrar" : "locate", std::string(question.command), std::move(question.arguments)});
        }
        effects_.clear();
    }

    proxy::Config config_;
    std::unique_ptr<proxy::Core> core_;
    proxy::Effects effects_;
    std::vector<std::uint64_t> resolving_;
};

}  // namespace

std::unique_ptr<Subject> make_proxy(const config::Entries& entries) { return std::make_unique<ProxySubject>(config_of(entries)); }

}  // namespace confab::scenario
