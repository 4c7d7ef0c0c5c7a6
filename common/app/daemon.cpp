#include "app/daemon.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "app/answers.hpp"
#include "app/configuration.hpp"
#include "app/control.hpp"
#include "io/activation.hpp"
#include "io/notify.hpp"
#include "io/signals.hpp"
#include "log/log.hpp"

namespace confab::app {
namespace {

std::string file_of(const Configuration& configuration, const Invocation& invocation) {
    return invocation.has("config") ? std::string(invocation.text("config")) : configuration.default_file();
}

void print(std::FILE* to, const std::string& text) { std::fwrite(text.data(), 1, text.size(), to); }

class Running final : public Frame {
public:
    Running(const Program& program, const Configuration& configuration, Configuration::Loaded loaded, const Invocation& invocation)
        : program_(program),
          configuration_(configuration),
          file_(file_of(configuration, invocation)),
          assignments_(invocation.all("set")),
          level_(invocation.has("log-level") ? invocation.text("log-level") : "info"),
          started_(loop_.now().steady),
          settings_(config::effective(configuration.table(), loaded.all)),
          signals_(loop_, {SIGHUP, SIGTERM, SIGINT}, [this](int number) { take_signal(number); }),
          control_(loop_, loaded.control, *program.vocabulary,
                   [this](std::uint64_t token, const local::Request& request) { answer(token, request); }),
          watchdog_(loop_, [this] { tell_watchdog(); }) {
        daemon_ = program.start(*this, loaded.own);
        if (const auto unused = io::drop_inherited(); unused > 0)
            log::warning(std::to_string(unused) + " sockets from the service manager fit no listener and were closed");
    }

    int run() {
        log::info("running version=" + std::string(version()) + " control=" + settings_.front().second);
        io::notify_service_manager("READY=1");
        tell_watchdog();
        loop_.run();
        io::notify_service_manager("STOPPING=1");
        daemon_.reset();
        log::info("ended");
        return io::kOk;
    }

    io::Loop& loop() override { return loop_; }
    void reply(std::uint64_t token, local::Value fields) override { control_.reply(token, std::move(fields)); }
    void reply_more(std::uint64_t token, local::Value row) override { control_.reply_more(token, std::move(row)); }
    void reply_end(std::uint64_t token) override { control_.reply(token, {}); }
    void fail(std::uint64_t token, std::string_view code, std::string_view message) override { control_.fail(token, code, message); }
    void stream(std::uint64_t token, std::function<bool()> next) override { control_.stream(token, std::move(next)); }
    void publish(std::string_view event, local::Value fields) override { control_.publish(event, fields); }
    void drained() override { loop_.stop(); }

private:
    using Answer = void (Running::*)(std::uint64_t, const local::Request&);
    struct CommonAnswer {
        std::string_view name;
        Answer answer;
    };

    void take_signal(int number) {
        if (number == SIGHUP) {
            if (const auto problem = reload(); !problem.empty()) log::error("reload failed: " + problem);
        } else if (draining_) {
            log::warning("ended by a second signal");
            loop_.stop();
        } else {
            drain();
        }
    }

    void tell_watchdog() {
        const auto period = io::watchdog_period();
        if (!period) return;
        io::notify_service_manager("WATCHDOG=1");
        watchdog_.after(*period / 2);
    }

    void drain() {
        draining_ = true;
        log::info("draining");
        io::notify_service_manager("STOPPING=1");
        daemon_->drain();
    }

    // A transaction: "" where it was taken over; otherwise what was wrong, and everything is as before.
    std::string reload() {
        try {
            const auto loaded = configuration_.load(file_, assignments_);
            if (!loaded.problems.empty()) return text_of(loaded.problems);
            daemon_->reload(loaded.own);
            const auto fresh = config::effective(configuration_.table(), loaded.all);
            changed_ = changed_keys(configuration_.table(), settings_, fresh);
            settings_ = merged(configuration_.table(), settings_, fresh);
        } catch (const std::exception& error) {
            return error.what();
        }
        log::info("reloaded changed=" + std::to_string(changed_.size()));
        return "";
    }

    void answer(std::uint64_t token, const local::Request& request) {
        static constexpr CommonAnswer kAnswers[] = {
            {"version", &Running::answer_version}, {"status", &Running::answer_status},       {"config", &Running::answer_config},
            {"reload", &Running::answer_reload},   {"drain", &Running::answer_drain},         {"log", &Running::answer_log},
            {"metrics", &Running::answer_metrics}, {"subscribe", &Running::answer_subscribe}, {"help", &Running::answer_help}};
        try {
            for (const auto& common : kAnswers)
                if (common.name == request.command->name) return (this->*common.answer)(token, request);
            daemon_->command(token, request);
        } catch (const std::exception& error) {
            log::error("command " + std::string(request.command->name) + " failed: " + error.what());
            fail(token, "failed", error.what());
        }
    }

    void answer_version(std::uint64_t token, const local::Request&) {
        reply(token, local::Value::object({{"daemon", program_.name}, {"version", version()}}));
    }

    void answer_status(std::uint64_t token, const local::Request&) {
        const auto uptime = std::chrono::duration_cast<base::seconds>(loop_.now().steady - started_).count();
        auto fields = local::Value::object({{"daemon", program_.name},
                                            {"version", version()},
                                            {"pid", static_cast<int>(getpid())},
                                            {"uptime", std::int64_t{uptime}},
                                            {"state", draining_ ? "draining" : "running"}});
        const auto own = daemon_->status();
        if (const auto* members = own.as_object())
            for (const auto& [name, value] : *members) fields.set(name, value);
        reply(token, std::move(fields));
    }

    void answer_config(std::uint64_t token, const local::Request&) {
        for (const auto& [key, value] : settings_) reply_more(token, local::Value::object({{"key", key}, {"value", value}}));
        reply_end(token);
    }

    void answer_reload(std::uint64_t token, const local::Request&) {
        if (auto problem = reload(); !problem.empty()) {
            if (problem.ends_with('\n')) problem.pop_back();
            return fail(token, "bad-configuration", problem);
        }
        auto restart = local::Value::array();
        for (const auto& key : configuration_.table())
            if (!key.live && std::ranges::find(changed_, key.name) != changed_.end()) restart.push(key.name);
        reply(token, local::Value::object({{"changed", !changed_.empty()}, {"restart", std::move(restart)}}));
    }

    void answer_drain(std::uint64_t token, const local::Request&) {
        const bool changes = !draining_;
        if (changes) drain();
        reply(token, local::Value::object({{"changed", changes}}));
    }

    void answer_log(std::uint64_t token, const local::Request& request) {
        const std::string level(request.arguments.text("level"));
        if (!log::set_level(level))
            return fail(token, "bad-argument", "expected debug, info, warning or error, got '" + level.substr(0, 40) + "'");
        const bool changes = std::exchange(level_, level) != level;
        reply(token, local::Value::object({{"changed", changes}}));
    }

    void answer_metrics(std::uint64_t token, const local::Request&) {
        reply(token, local::Value::object({{"text", metrics_text(program_, *daemon_, control_)}}));
    }

    void answer_subscribe(std::uint64_t token, const local::Request&) { control_.subscribe(token); }

    void answer_help(std::uint64_t token, const local::Request&) {
        for (auto& row : help_rows(*program_.vocabulary)) reply_more(token, std::move(row));
        reply_end(token);
    }

    const Program& program_;
    const Configuration& configuration_;
    std::string file_;
    std::vector<std::string> assignments_;
    std::string level_;
    io::Loop loop_;
    base::Instant started_;
    Settings settings_;
    std::vector<std::string_view> changed_;
    bool draining_ = false;
    io::Signals signals_;
    Control control_;
    io::Timer watchdog_;
    std::unique_ptr<Daemon> daemon_;
};

void open_log(const Program& program, const Invocation& invocation) {
    const auto format = invocation.text("log-format"), level = invocation.text("log-level");
    if (!format.empty() && format != "logfmt" && format != "json")
        throw io::StartupError(io::kUsage, "--log-format: expected logfmt or json, got " + std::string(format));
    log::open(program.name, format == "json" ? log::Format::json : log::Format::logfmt, base::Severity::info);
    if (!level.empty() && !log::set_level(level))
        throw io::StartupError(io::kUsage, "--log-level: expected debug, info, warning or error, got " + std::string(level));
}

void check_directory_of(const std::string& socket_path) {
    const auto directory = std::filesystem::path(socket_path).parent_path();
    std::error_code error;
    if (!directory.empty() && !std::filesystem::is_directory(directory, error))
        throw io::StartupError(io::kOsError, "control socket " + socket_path + ": the directory " + directory.string() + " does not exist");
}

}  // namespace

int check_configuration(const Program& program, Terminal terminal, const Invocation& invocation) {
    const Configuration configuration(program);
    const auto file = file_of(configuration, invocation);
    const auto loaded = configuration.load(file, invocation.all("set"));
    print(loaded.problems.empty() ? terminal.out : terminal.err,
          loaded.problems.empty() ? file + ": configuration OK\n" : text_of(loaded.problems));
    return loaded.problems.empty() ? io::kOk : io::kConfig;
}

int run_daemon(const Program& program, Terminal terminal, const Invocation& invocation) {
    const Configuration configuration(program);
    auto loaded = configuration.load(file_of(configuration, invocation), invocation.all("set"));
    if (!loaded.problems.empty()) {
        print(terminal.err, text_of(loaded.problems));
        return io::kConfig;
    }
    open_log(program, invocation);
    check_directory_of(loaded.control);
    io::ignore_broken_pipes();
    io::raise_descriptor_limit();
    return Running(program, configuration, std::move(loaded), invocation).run();
}

}  // namespace confab::app
