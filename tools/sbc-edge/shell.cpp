#include "sbc-edge/shell.hpp"

#include <optional>

#include "io/engine.hpp"
#include "io/local_client.hpp"
#include "io/secret.hpp"
#include "log/log.hpp"
#include "sbc-edge/config.hpp"
#include "sbc-edge/core.hpp"
#include "sbc-edge/media_thread.hpp"
#include "sbc-edge/metrics.hpp"

namespace confab::edge {
namespace {

Config config_of(const config::Entries& entries) {
    config::Problems problems;
    return read_config(entries, problems);
}

class Shell : public app::Daemon {
public:
    Shell(app::Frame& frame, const Config& config)
        : frame_(frame),
          engine_(frame.loop(), config, core_, {.act = [this](Effects& effects) { act(effects); }, .turned = [this] { report_drained(); }}),
          core_(config, engine_.listeners(), io::take_secret("token-secret-file", config.token_secret_file), io::kernel_seed()),
          media_(frame.loop(), config, media_handlers()) {
        if (config.registrar_control.path.empty()) return;
        io::LocalClient::Options options;
        options.path = config.registrar_control.path;
        registrar_.emplace(frame.loop(), options, io::LocalClient::Handlers{});
    }

    local::Value status() const override {
        auto status = core_.status();
        status.set("relays", static_cast<std::uint64_t>(totals_.relays));
        engine_.append_status(status);
        return status;
    }

    std::span<const std::uint64_t> metrics() override {
        auto& counters = core_.counters();
        counters.set(Metric::oversized, engine_.signalling().counts().oversized);
        counters.set(Metric::relays, totals_.relays);
        counters.set(Metric::relayed_packets, totals_.packets);
        counters.set(Metric::rejected_packets, totals_.rejected);
        return counters.values();
    }

    void command(std::uint64_t token, const local::Request& request) override {
        auto rows = std::make_shared<std::vector<local::Value>>(request.command->name == "flows" ? core_.flows() : core_.calls());
        frame_.stream(token, [this, token, rows] {
            if (rows->empty()) return false;
            frame_.reply_more(token, std::move(rows->back()));
            rows->pop_back();
            return true;
        });
    }

    void reload(const config::Entries& entries) override {
        const auto fresh = config_of(entries);
        engine_.reload(fresh);
        core_.reload(fresh);
        media_.set_timeout(core_.media_timeout());
    }

    void drain() override {
        draining_ = true;
        core_.drain();
        report_drained();
    }

private:
    void report_drained() {
        if (draining_ && core_.is_idle()) frame_.drained();
    }

    MediaThread::Handlers media_handlers() {
        MediaThread::Handlers handlers;
        handlers.opened = [this](CallId call, const base::SocketAddress& outside, const base::SocketAddress& inside) {
            engine_.turn([&](base::Now now, Effects& effects) { core_.relay_opened(now, call, outside, inside, effects); });
        };
        handlers.failed = [this](CallId call, const std::string& reason) {
            log::warning("no relay could be opened: " + reason);
            engine_.turn([&](base::Now now, Effects& effects) { core_.relay_failed(now, call, effects); });
        };
        handlers.idle = [this](CallId call) {
            engine_.turn([&](base::Now now, Effects& effects) { core_.relay_idle(now, call, effects); });
        };
        handlers.totals = [this](const MediaThread::Totals& totals) { totals_ = totals; };
        return handlers;
    }

    void act(Effects& effects) {
        for (const auto call : effects.open_relays) media_.open(call);
        for (const auto& update : effects.update_relays) media_.update(update.call, update.settings);
        for (const auto call : effects.close_relays) media_.close(call);
        if (!registrar_) return;
        for (const auto& flow : effects.gone_flows) registrar_->ask("flow-gone", local::Value::object({{"flow", flow}}), [](const auto&) {});
    }

    app::Frame& frame_;
    bool draining_ = false;
    MediaThread::Totals totals_;
    io::Engine<Core, Effects> engine_;
    Core core_;
    std::optional<io::LocalClient> registrar_;
    MediaThread media_;
};

void check(const config::Entries& entries, config::Problems& problems) {
    const auto config = read_config(entries, problems);
    io::check_secret("token-secret-file", config.token_secret_file, entries, problems);
    io::check_certificates(config, "certificate", entries, problems);
}

}  // namespace

const app::Program& program() {
    static const app::Program kProgram = {
        .name = "sbc-edge",
        .summary = "border of a site: TLS and SRTP outside, plain SIP and RTP inside",
        .prose = "sbc-edge takes clients' SIP over TLS, passes it to sip-proxy unchanged but for routes, keeps the connection for what comes back, and relays "
                 "media between SRTP outside and RTP inside. Plain SIP is not served outside; a description without SRTP is answered 488.",
        .commands = {},
        .keys = &keys(),
        .vocabulary = &local::edge_vocabulary(),
        .metrics = kMetricRows,
        .check = check,
        .start = [](app::Frame& frame, const config::Entries& entries) -> std::unique_ptr<app::Daemon> {
            return std::make_unique<Shell>(frame, config_of(entries));
        },
    };
    return kProgram;
}

}  // namespace confab::edge
