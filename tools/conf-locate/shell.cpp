#include "conf-locate/shell.hpp"

#include <unistd.h>

#include <cerrno>
#include <deque>

#include "conf-locate/core.hpp"
#include "conf-locate/store.hpp"
#include "io/sqlite.hpp"
#include "log/log.hpp"

namespace confab::locate {
namespace {

Config config_of(const config::Entries& entries) {
    config::Problems problems;
    return read_config(entries, problems);
}

class Shell : public app::Daemon {
public:
    Shell(app::Frame& frame, const Config& config)
        : frame_(frame),
          config_(config),
          core_(config, io::kernel_seed(), frame.loop().now()),
          store_(frame.loop(), config.state, config.realm),
          timer_(frame.loop(), [this] { on_timer(); }) {
        load();
        flush();
    }

    local::Value status() const override {
        auto fields = core_.status();
        fields.set("store_queue", static_cast<std::uint64_t>(store_.queued()));
        fields.set("settled", core_.is_settled(frame_.loop().now()));
        return fields;
    }

    std::span<const std::uint64_t> metrics() override { return core_.metrics(); }

    void command(std::uint64_t token, const local::Request& request) override {
        const auto name = request.command->name;
        if (name == "lookup") return take_lookup(token, request.arguments.text("number"));
        if (name == "resolve") return frame_.reply(token, core_.resolve(request.arguments));
        if (name == "beat") return take_beat(token, request.arguments);
        if (name == "conference-list") return list(token, &Core::conference_row);
        if (name == "dnis-list") return list(token, &Core::access_number_row);
        if (name == "bridge-list") return list(token, &Core::bridge_row);
        take_change(token, request);
    }

    void reload(const config::Entries& entries) override { core_.reconfigure(config_of(entries)); }

    void drain() override {
        draining_ = true;
        report_drained();
    }

private:
    struct PendingChange {
        std::uint64_t token;
        std::string command;
        local::Value arguments;
    };
    struct PendingLookup {
        std::uint64_t token;
        std::string number;
    };

    void load() {
        try {
            const auto now = frame_.loop().now();
            for (const auto& change : store_.load()) core_.load(now, change);
        } catch (const io::DatabaseError& error) {
            throw io::StartupError(io::kIoError, "state: the database in " + config_.state + " cannot be read: " + error.what());
        }
    }

    void take_lookup(std::uint64_t token, std::string_view number) {
        const auto now = frame_.loop().now();
        if (core_.is_settled(now)) {
            frame_.reply(token, core_.lookup(now, number));
            return flush();  // the bridge that was named is kept until a deadline
        }
        if (lookups_.size() >= config_.waiting) return frame_.fail(token, "too-many", "too many lookups are waiting");
        lookups_.push_back({token, std::string(number)});
    }

    void answer_lookups() {
        const auto now = frame_.loop().now();
        if (lookups_.empty() || !core_.is_settled(now)) return;
        for (const auto& [token, number] : std::exchange(lookups_, {})) frame_.reply(token, core_.lookup(now, number));
    }

    void take_beat(std::uint64_t token, const local::Value& arguments) {
        frame_.reply(token, core_.beat(frame_.loop().now(), arguments, effects_));
        flush();
    }

    void list(std::uint64_t token, std::optional<local::Value> (Core::*row)(std::string&) const) {
        frame_.stream(token, [this, token, row, cursor = std::string()]() mutable {
            auto fields = (core_.*row)(cursor);
            if (!fields) return false;
            frame_.reply_more(token, std::move(*fields));
            return true;
        });
    }

    // One after another, each judged by what the disk holds: the answer comes after the commit.
    void take_change(std::uint64_t token, const local::Request& request) {
        if (changes_.size() >= config_.waiting) return frame_.fail(token, "too-many", "too many changes are waiting for the disk");
        changes_.push_back({token, std::string(request.command->name), request.arguments});
        if (changes_.size() == 1) next_change();
    }

    void next_change() {
        while (!changes_.empty()) {
            const auto& [token, command, arguments] = changes_.front();
            auto plan = core_.plan(command, arguments);
            if (plan && *plan) {
                store_.write(**plan, [this, change = **plan](const std::string& error) { finish_change(change, error); });
                return;
            }
            if (plan)
                frame_.reply(token, core_.unchanged(command, arguments));
            else
                frame_.fail(token, plan.error().code, plan.error().message);
            changes_.pop_front();
        }
        report_drained();
    }

    void finish_change(const Change& change, const std::string& error) {
        const auto token = changes_.front().token;
        changes_.pop_front();
        if (error.empty()) {
            frame_.reply(token, core_.apply(change));
        } else {
            complain(error);
            frame_.fail(token, "not-written", "the database could not be written; nothing changed");
        }
        next_change();
    }

    void complain(const std::string& error) {
        core_.counters().add(Metric::store_failures);
        log::error("database not written: " + error);
    }

    void on_timer() {
        core_.expire(frame_.loop().now(), effects_);
        flush();
    }

    void flush() {
        for (auto& change : effects_.writes)
            store_.write(std::move(change), [this](const std::string& error) {
                if (!error.empty()) complain(error);
                report_drained();
            });
        log::write(effects_.notes);
        for (const auto& event : effects_.events)
            frame_.publish(event.name, local::Value::object({{"bridge", event.bridge}, {"address", event.address}}));
        effects_.clear();
        answer_lookups();
        arm();
    }

    void arm() {
        auto deadline = core_.next_deadline();
        if (!core_.is_settled(frame_.loop().now())) deadline = deadline ? std::min(*deadline, core_.settles_at()) : core_.settles_at();
        if (deadline)
            timer_.at(*deadline);
        else
            timer_.cancel();
    }

    void report_drained() {
        if (draining_ && changes_.empty() && store_.queued() == 0) frame_.drained();
    }

    app::Frame& frame_;
    Config config_;
    Effects effects_;
    std::deque<PendingChange> changes_;
    std::vector<PendingLookup> lookups_;
    bool draining_ = false;
    Core core_;
    Store store_;
    io::Timer timer_;
};

void check(const config::Entries& entries, config::Problems& problems) {
    const auto config = read_config(entries, problems);
    if (::access((config.state + "/.").c_str(), W_OK | X_OK) != 0)
        problems.push_back({config::place_of(entries, "state"), "state", "a directory that this user may write",
                            config.state + " (" + io::os_error_text(errno) + ")"});
}

}  // namespace

const app::Program& program() {
    static const app::Program kProgram = {
        .name = "conf-locate",
        .summary = "directory of conferences: numbers, passcodes, and the bridges that are alive",
        .prose = "conf-locate knows which numbers are conferences, which passcodes open them, and which bridges are alive and how loaded. sip-proxy asks it "
                 "where a number lives, conf-bridge tells it its load each second and asks it who may enter. All answers come from memory; all changes are in "
                 "an SQLite file before they are confirmed.",
        .commands = {},
        .keys = &keys(),
        .vocabulary = &local::locate_vocabulary(),
        .metrics = kMetricRows,
        .check = check,
        .start = [](app::Frame& frame, const config::Entries& entries) -> std::unique_ptr<app::Daemon> {
            return std::make_unique<Shell>(frame, config_of(entries));
        },
    };
    return kProgram;
}

}  // namespace confab::locate
