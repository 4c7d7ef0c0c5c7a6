#include "script.hpp"
#include "sip-registrar/core.hpp"
#include "subject.hpp"

namespace confab::scenario {
namespace {

constexpr std::string_view kSecret = "0123456789abcdef0123456789abcdef";

registrar::Config config_of(const config::Entries& entries) {
    config::Problems problems;
    auto config = registrar::read_config(entries, problems);
    if (!problems.empty()) throw Failed(problems.front().text());
    return config;
}

// The store always succeeds at once: what is scripted here is the protocol.
class RegistrarSubject : public Subject {
public:
    explicit RegistrarSubject(const registrar::Config& config) : core_(config, std::string(kSecret), base::Seed{7}) {}

    void receive(base::Now now, const sip::Hop& source, std::string_view bytes, bool is_stream) override {
        core_.receive(now, source, bytes, is_stream, effects_);
        collect(now);
    }
    void expire(base::Now now) override {
        core_.expire(now, effects_);
        collect(now);
    }
    void flow_failed(base::Now now, const sip::Hop& hop) override {
        core_.flow_failed(now, hop, effects_);
        collect(now);
    }
    std::optional<base::Instant> next_deadline() override { return core_.next_deadline(); }

    // do user NAME PASSWORD | do flow-gone TOKEN
    void command(base::Now now, const std::vector<std::string>& words) override {
        if (words.size() == 3 && words[0] == "user") return add_user(words[1], words[2]);
        if (words.size() != 2 || words[0] != "flow-gone") throw Failed("do user NAME PASSWORD, do flow-gone TOKEN");
        core_.flow_gone(now, words[1], effects_);
        collect(now);
    }
    local::Value status() override {
        return local::Value::object({{"bindings", static_cast<std::uint64_t>(core_.bindings().size())},
                                     {"transactions", static_cast<std::uint64_t>(core_.transactions())},
                                     {"subscriptions", static_cast<std::uint64_t>(core_.subscriptions())},
                                     {"written", written_}});
    }

private:
    void add_user(const std::string& name, const std::string& password) {
        registrar::User user{name, {}};
        for (std::size_t i = 0; i < user.ha1.size(); ++i)
            user.ha1[i] = sip::ha1(static_cast<sip::DigestAlgorithm>(i), name, core_.config().realm, password);
        core_.users().put(std::move(user));
    }
    void collect(base::Now now) {
        std::vector<std::uint64_t> waiting;
        for (const auto& write : effects_.writes) {
            written_ += write.bindings.size();
            if (write.id != 0) waiting.push_back(write.id);
        }
        take(effects_.transmit);
        effects_.clear();
        if (waiting.empty()) return;
        core_.persisted(now, waiting, true, effects_);
        take(effects_.transmit);
        effects_.clear();
    }

    registrar::Core core_;
    registrar::Effects effects_;
    std::uint64_t written_ = 0;
};

}  // namespace

std::unique_ptr<Subject> make_registrar(const config::Entries& entries) { return std::make_unique<RegistrarSubject>(config_of(entries)); }

}  // namespace confab::scenario
