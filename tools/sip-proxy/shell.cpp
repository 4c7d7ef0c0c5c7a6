#include "sip-proxy/shell.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include "io/call_log.hpp"
#include "io/engine.hpp"
#include "io/local_client.hpp"
#include "io/resolver.hpp"
#include "io/secret.hpp"
#include "log/log.hpp"
#include "sip-proxy/config.hpp"
#include "sip-proxy/core.hpp"
#include "sip-proxy/explain.hpp"
#include "sip-proxy/metrics.hpp"

namespace confab::proxy {
namespace {

Config config_of(const config::Entries& entries) {
    config::Problems problems;
    return read_config(entries, problems);
}

io::LocalClient::Options client_options(const config::ControlAddress& address, const Config& config) {
    io::LocalClient::Options options;
    options.path = address.path;
    options.timeout = config.question_timeout;
    options.pending = config.contexts;
    return options;
}

// What our listeners can send, in the order in which they stand.
io::Resolver::Options resolver_options(const Config& config) {
    io::Resolver::Options options;
    options.servers = config.dns_servers;
    options.budget = config.dns_budget;
    const auto add_once = [](auto& list, auto value) {
        if (std::ranges::find(list, value) == list.end()) list.push_back(value);
    };
    options.abilities.services.clear();
    options.abilities.families.clear();
    for (const auto& listener : config.listen) {
        add_once(options.abilities.services, listener.transport == "tls" ? dns::Service::tls : listener.transport == "tcp" ? dns::Service::tcp : dns::Service::udp);
        add_once(options.abilities.families, listener.address.ip.family);
    }
    return options;
}

io::LocalClient::Handlers connection_notes(std::string_view daemon) {
    io::LocalClient::Handlers handlers;
    handlers.connection = [daemon](bool connected) {
        log::info(std::string(connected ? "connected to " : "no connection to ") + std::string(daemon));
    };
    return handlers;
}

class Shell : public app::Daemon {
public:
    Shell(app::Frame& frame, Config config)
        : frame_(frame),
          secret_(io::take_secret("nonce-secret-file", config.nonce_secret_file)),
          engine_(frame.loop(), config, core_, {.act = [this](Effects& effects) { act(effects); }, .turned = [this] { report_drained(); }}),
          core_(config, engine_.listeners(), secret_, io::kernel_seed()),
          resolver_(frame.loop(), resolver_options(config)),
          call_log_(io::CallLog::where_wanted(frame.loop(), config.call_log, config.call_log_sync)),
          registrar_(frame.loop(), client_options(config.registrar_control, config), connection_notes("sip-registrar")),
          locate_(frame.loop(), client_options(config.locate_control, config), connection_notes("conf-locate")) {
        if (call_log_) take_over_calls();
        look_around();
    }

    local::Value status() const override {
        auto status = core_.status();
        engine_.append_status(status);
        status.set("registrar_connected", registrar_.connected());
        status.set("locate_connected", locate_.connected());
        return status;
    }

    std::span<const std::uint64_t> metrics() override {
        core_.counters().set(Metric::oversized, engine_.signalling().counts().oversized);
        if (call_log_) {
            core_.counters().set(Metric::call_records, call_log_->counts().written);
            core_.counters().set(Metric::lost_call_records, call_log_->counts().lost);
        }
        return core_.metrics();
    }

    void command(std::uint64_t token, const local::Request& request) override {
        const auto name = request.command->name;
        const auto& arguments = request.arguments;
        if (name == "calls") return list(token, core_.calls());
        if (name == "members") return list(token, core_.members(frame_.loop().now()));
        if (name == "route") return rehearse(token, {invite_to(arguments.text("uri")), std::nullopt, "caller"});
        Rehearsal::Scene scene{std::string(arguments.text("message")), std::nullopt, std::string(arguments.text("user"))};
        if (const auto source = arguments.text("source"); !source.empty()) {
            scene.source = config::Value<config::Peer>::parse(source);
            if (!scene.source) return frame_.fail(token, "bad-argument", "source: expected transport:address:port");
        }
        rehearse(token, std::move(scene));
    }

    void reload(const config::Entries& entries) override {
        const auto fresh = config_of(entries);
        engine_.reload(fresh);
        resolver_.configure(resolver_options(fresh));
        core_.reload(fresh);
        if (call_log_) call_log_->reopen();
        look_around();
    }

    void drain() override {
        draining_ = true;
        core_.drain();
        report_drained();
    }

private:
    struct Play {
        Rehearsal rehearsal;
        std::uint64_t token;
        std::size_t waiting = 0;  // answers that are out
    };

    void act(Effects& effects) {
        if (call_log_) call_log_->write(effects.records);
        for (auto& question : effects.ask) ask(question);
        for (auto& name : effects.resolve) {
            auto host = name.query.host;
            resolver_.resolve(std::move(name.query), [this, id = name.id, host = std::move(host)](const Located& located) {
                if (located) expect_name(*located, host);
                engine_.turn([&](base::Now now, Effects& more) { core_.resolved(now, id, located, more); });
            });
        }
    }

    // A TLS server proves the name that was asked for, not where DNS led.
    void expect_name(const std::vector<dns::Endpoint>& endpoints, const std::string& name) {
        for (const auto& endpoint : endpoints)
            if (endpoint.transport == dns::Service::tls) engine_.expect_name(endpoint.address, name);
    }

    // Of the run before: calls that go on, and the newest records, whose requests may come again.
    void take_over_calls() {
        for (const auto& line : call_log_->take_open()) core_.reopen_call(line);
        const auto last = call_log_->take_last();
        const auto now = frame_.loop().now();
        std::string_view rest = last;
        while (!rest.empty()) {
            const auto end = rest.rfind('\n', rest.size() - 2);
            const auto begin = end == rest.npos ? 0 : end + 1;
            if (!core_.remember_call(now, rest.substr(begin))) break;
            rest = rest.substr(0, begin);
        }
    }

    // Members of groups are probed from the first moment on.
    void look_around() {
        engine_.turn([this](base::Now now, Effects& effects) { core_.expire(now, effects); });
    }

    void list(std::uint64_t token, std::vector<local::Value> found) {
        auto rows = std::make_shared<std::vector<local::Value>>(std::move(found));
        std::ranges::reverse(*rows);
        frame_.stream(token, [this, token, rows] {
            if (rows->empty()) return false;
            frame_.reply_more(token, std::move(rows->back()));
            rows->pop_back();
            return true;
        });
    }

    void rehearse(std::uint64_t token, Rehearsal::Scene scene) {
        auto play = std::make_shared<Play>(Play{{core_, engine_.listeners(), secret_, io::kernel_seed(), std::move(scene)}, token});
        play->rehearsal.begin(frame_.loop().now());
        go_on(play);
    }

    void go_on(const std::shared_ptr<Play>& play) {
        for (auto& question : play->rehearsal.take_questions()) {
            if (question.id == 0) continue;  // it would tell something: not in a rehearsal
            ++play->waiting;
            client_of(question.asked).ask(question.command, std::move(question.arguments), [this, play, id = question.id](const Answer& answer) {
                --play->waiting;
                play->rehearsal.answer(frame_.loop().now(), id, answer);
                go_on(play);
            });
        }
        for (auto& name : play->rehearsal.take_names()) {
            ++play->waiting;
            resolver_.resolve(std::move(name.query), [this, play, id = name.id](const Located& located) {
                --play->waiting;
                play->rehearsal.resolved(frame_.loop().now(), id, located);
                go_on(play);
            });
        }
        if (play->waiting != 0) return;
        std::vector<local::Value> rows;
        for (const auto& decision : play->rehearsal.decisions())
            rows.push_back(local::Value::object({{"step", decision.step}, {"text", decision.text}}));
        list(play->token, std::move(rows));
    }

    io::LocalClient& client_of(Asked asked) { return asked == Asked::registrar ? registrar_ : locate_; }

    void report_drained() {
        if (draining_ && core_.is_idle()) frame_.drained();
    }

    void ask(Question& question) {
        client_of(question.asked).ask(question.command, std::move(question.arguments), [this, id = question.id](Answer answer) {
            if (id == 0) return;
            engine_.feed([&](base::Now now, Effects& effects) { core_.answer(now, id, answer, effects); });
        });
    }

    app::Frame& frame_;
    std::string secret_;
    bool draining_ = false;
    io::Engine<Core, Effects> engine_;
    Core core_;
    io::Resolver resolver_;
    std::unique_ptr<io::CallLog> call_log_;
    io::LocalClient registrar_, locate_;
};

}  // namespace

void check(const config::Entries& entries, config::Problems& problems) {
    const auto config = read_config(entries, problems);
    io::check_secret("nonce-secret-file", config.nonce_secret_file, entries, problems);
    io::check_certificates(config, "tls-certificate", entries, problems);
    io::CallLog::check(config.call_log, entries, problems);
}

std::unique_ptr<app::Daemon> start(app::Frame& frame, const config::Entries& entries) { return std::make_unique<Shell>(frame, config_of(entries)); }

}  // namespace confab::proxy
