#include "sip-registrar/shell.hpp"

#include <unistd.h>

#include <cerrno>
#include <deque>

#include "base/text.hpp"
#include "io/engine.hpp"
#include "io/secret.hpp"
#include "io/sqlite.hpp"
#include "log/log.hpp"
#include "sip-registrar/core.hpp"
#include "sip-registrar/queries.hpp"
#include "sip-registrar/store.hpp"
#include "sip-registrar/user_source.hpp"

namespace confab::registrar {
namespace {

constexpr std::size_t kUserCommands = 1000;  // waiting for the disk
constexpr std::size_t kWalkedAtOnce = 500;   // live bindings written again with one commit

Config config_of(const config::Entries& entries) {
    config::Problems problems;
    return read_config(entries, problems);
}

// Without a configured secret nonces are good for this run and this registrar only.
std::string secret_of(const Config& config) {
    if (config.nonce_secret_file.empty()) {
        const auto seed = io::kernel_seed();
        return {seed.begin(), seed.end()};
    }
    return io::take_secret("nonce-secret-file", config.nonce_secret_file);
}

Store::Options store_options(const Config& config) {
    return {.directory = config.state, .realm = config.realm, .durability = config.durability, .interval = config.batch_interval,
            .pace = config.commit_interval};
}

class Shell : public app::Daemon {
public:
    Shell(app::Frame& frame, const Config& config)
        : frame_(frame),
          core_(config, secret_of(config), io::kernel_seed()),
          store_(frame.loop(), store_options(config), store_handlers()),
          engine_(frame.loop(), config, core_, {.act = [this](Effects& effects) { act(effects); }}) {
        core_.set_listeners(engine_.listeners());
        if (config.user_database.is_external()) source_.emplace(frame.loop(), config, [](const std::string& problem) { report_source(problem); });
        load();
    }

    local::Value status() const override {
        auto fields = registrar::status(core_);
        engine_.append_status(fields);
        fields.set("store_queue", static_cast<std::uint64_t>(store_.queued()));
        fields.set("user_database", !source_ ? "internal" : source_->problem().empty() ? "up" : "down: " + source_->problem());
        return fields;
    }

    std::span<const std::uint64_t> metrics() override {
        auto& counters = core_.counters();
        counters.set(Metric::bindings, core_.bindings().size());
        counters.set(Metric::users, core_.users().size());
        counters.set(Metric::transactions, core_.transactions());
        counters.set(Metric::subscriptions, core_.subscriptions());
        const auto counts = engine_.signalling().counts();
        counters.set(Metric::connections, counts.open);
        counters.set(Metric::oversized, counts.oversized);
        counters.set(Metric::store_queue, store_.queued());
        counters.set(Metric::held, core_.held());
        counters.set(Metric::asked, core_.asked());
        return counters.values();
    }

    void command(std::uint64_t token, const local::Request& request) override {
        const auto name = request.command->name;
        const auto now = frame_.loop().now();
        if (name == "lookup") return frame_.reply(token, lookup(core_, now, request.arguments));
        if (name == "verify") return verify_answer(token, request.arguments);
        if (name == "credentials") return give_credentials(token, request.arguments);
        if (name == "realm") return frame_.reply(token, local::Value::object({{"realm", core_.config().realm}}));
        if (name == "flow-gone") return forget_flow(token, request.arguments.text("flow"));
        if (name == "contacts") return list_contacts(token, ContactList(request.arguments.text("address")));
        if (name == "algorithm-contacts") return list_contacts(token, ContactList({}, "Digest/" + std::string(request.arguments.text("algorithm"))));
        if (name == "algorithms") return list_algorithms(token);
        if (name == "user-list") return list_users(token);
        if (name == "user-export") return export_users(token);
        change_user(token, request);
    }

    void reload(const config::Entries& entries) override {
        const auto fresh = config_of(entries);
        engine_.reload(fresh);
        core_.reconfigure(fresh);
    }

    void drain() override {
        draining_ = true;
        core_.drain();
        store_.flush();
        report_drained();
    }

private:
    struct UserCommand {
        std::uint64_t token;
        std::string name;
        local::Value arguments;
    };

    Store::Handlers store_handlers() {
        Store::Handlers handlers;
        handlers.committed = [this](std::span<const std::uint64_t> ids, bool written) {
            engine_.turn([&](base::Now now, Effects& effects) { core_.persisted(now, ids, written, effects); });
            if (draining_ && !written) return give_up();
            report_drained();
        };
        handlers.failed = [this](const std::string& sentence) {
            core_.counters().add(Metric::store_failures);
            log::error("database not written: " + sentence);
        };
        handlers.live = [this] { return core_.bindings().size(); };
        handlers.walk = [this] { return walk(); };
        return handlers;
    }

    void load() {
        const auto load_change = [this, now = frame_.loop().now()](const JournalEntry& entry) {
            const bool is_orphan = !source_ && !core_.users().contains(entry.binding.user);
            if (entry.removed || is_orphan)  // the program may have ended between a user's end and that of the user's bindings
                core_.unload(entry.binding);
            else
                core_.load(now, entry.binding);
        };
        try {
            const auto load_user = [this](const User& user) {
                if (!source_) core_.users().put(user);
            };
            store_.load({.user = load_user, .change = load_change});
        } catch (const io::DatabaseError& error) {
            throw io::StartupError(io::kIoError, "state: the database in " + core_.config().state + " cannot be read: " + error.what());
        }
    }

    void act(Effects& effects) {
        store_.write(effects.writes);
        core_.set_store_queue(store_.queued());
        for (const auto& question : effects.questions)
            source_->ask(question.user, [this, id = question.id](const Credentials& credentials) {
                engine_.turn([&](base::Now now, Effects& answered) { core_.answered(now, id, credentials, answered); });
            });
    }

    static void report_source(const std::string& problem) {
        if (problem.empty())
            log::info("the user database answers again");
        else
            log::error("the user database is down: " + problem);
    }

    // A user's credentials for the control socket, at once or when they are there.
    void with_credentials(std::uint64_t token, std::string_view user, std::function<void(const Credentials&)> take) {
        if (!source_) return take(credentials_of(core_, user));
        source_->ask(std::string(user), [this, token, take = std::move(take)](const Credentials& credentials) {
            if (credentials.outcome == Credentials::Outcome::unavailable) return frame_.fail(token, "users-unavailable", "the user database does not answer");
            take(credentials);
        });
    }

    void verify_answer(std::uint64_t token, const local::Value& arguments) {
        if (!source_) return frame_.reply(token, verify(core_, arguments));
        with_credentials(token, arguments.text("username"),
                         [this, token, arguments](const Credentials& credentials) { frame_.reply(token, verify(core_, arguments, credentials)); });
    }

    void give_credentials(std::uint64_t token, const local::Value& arguments) {
        with_credentials(token, arguments.text("user"),
                         [this, token, arguments](const Credentials& credentials) { frame_.reply(token, credentials_fields(core_, arguments, credentials)); });
    }

    // The live bindings, some at a time, for a journal that has grown long.
    Store::Walk walk() {
        return [this, cursor = std::uint32_t{0}](Journal& journal) mutable {
            const auto now = frame_.loop().now();
            for (std::size_t i = 0; i < kWalkedAtOnce; ++i) {
                const auto binding = core_.bindings().next(now, cursor);
                if (!binding) return false;
                journal.add(false, *binding);
            }
            return true;
        };
    }

    // A disk that fails does not keep the program from ending.
    void give_up() {
        log::error("ending with " + std::to_string(store_.queued()) + " changes that could not be written");
        frame_.drained();
    }

    void report_drained() {
        if (draining_ && core_.held() == 0 && store_.queued() == 0 && user_commands_.empty()) frame_.drained();
    }

    void forget_flow(std::uint64_t token, std::string_view flow) {
        const auto removed = engine_.turn([&](base::Now now, Effects& effects) { return core_.flow_gone(now, flow, effects); });
        frame_.reply(token, local::Value::object({{"changed", removed > 0}, {"removed", static_cast<std::uint64_t>(removed)}}));
    }

    void list_algorithms(std::uint64_t token) {
        frame_.stream(token, [this, token, rows = algorithms(core_), at = std::size_t{0}]() mutable {
            if (at == rows.size()) return false;
            frame_.reply_more(token, std::move(rows[at++]));
            return true;
        });
    }

    void list_contacts(std::uint64_t token, ContactList contacts) {
        frame_.stream(token, [this, token, list = std::make_shared<ContactList>(std::move(contacts))] {
            auto rows = list->next(core_, frame_.loop().now());
            if (!rows) return false;
            for (auto& row : *rows) frame_.reply_more(token, std::move(row));
            return true;
        });
    }

    void list_users(std::uint64_t token) {
        frame_.stream(token, [this, token, list = std::make_shared<UserList>()] {
            auto row = list->next(core_, frame_.loop().now());
            if (!row) return false;
            frame_.reply_more(token, std::move(*row));
            return true;
        });
    }

    void export_users(std::uint64_t token) {
        frame_.stream(token, [this, token, list = std::make_shared<UserExport>()] {
            auto row = list->next(core_);
            if (!row) return false;
            frame_.reply_more(token, std::move(*row));
            return true;
        });
    }

    // One after another, each judged by what the disk holds: the answer comes after the commit.
    void change_user(std::uint64_t token, const local::Request& request) {
        if (source_) return frame_.fail(token, "users-elsewhere", "users are kept elsewhere (user-database) and are only read here");
        if (user_commands_.size() >= kUserCommands) return frame_.fail(token, "too-many", "too many changes of users are waiting");
        user_commands_.push_back({token, std::string(request.command->name), request.arguments});
        if (user_commands_.size() == 1) next_user_command();
    }

    void next_user_command() {
        while (!user_commands_.empty()) {
            const auto& [token, name, arguments] = user_commands_.front();
            auto plan = plan_user_command(core_, name, arguments);
            if (plan && !plan->changes.empty()) {
                auto changes = plan->changes;
                store_.write(std::move(changes), [this, plan = std::move(*plan)](bool written) mutable { finish_user_command(std::move(plan), written); });
                return;
            }
            if (plan)
                frame_.reply(token, std::move(plan->reply));
            else
                frame_.fail(token, plan.error().code, plan.error().message);
            user_commands_.pop_front();
        }
        report_drained();
    }

    void finish_user_command(UserPlan plan, bool written) {
        const auto token = user_commands_.front().token;
        user_commands_.pop_front();
        if (!written) {
            frame_.fail(token, "not-written", "the database could not be written; nothing changed");
            return next_user_command();
        }
        engine_.turn([&](base::Now now, Effects& effects) {
            for (const auto& change : plan.changes) {
                if (!change.removed) {
                    core_.users().put(change.user);
                    continue;
                }
                core_.users().erase(change.user.name);
                core_.forget_user(now, change.user.name, effects);
            }
        });
        frame_.reply(token, std::move(plan.reply));
        next_user_command();
    }

    app::Frame& frame_;
    std::deque<UserCommand> user_commands_;
    bool draining_ = false;
    Core core_;
    Store store_;
    std::optional<UserSource> source_;
    io::Engine<Core, Effects> engine_;
};

}  // namespace

void check(const config::Entries& entries, config::Problems& problems) {
    const auto config = read_config(entries, problems);
    io::check_secret("nonce-secret-file", config.nonce_secret_file, entries, problems);
    io::check_certificates(config, "tls-certificate", entries, problems);
    if (::access((config.state + "/.").c_str(), W_OK | X_OK) != 0)
        config::complain(entries, problems, "state", "a directory that this user may write", config.state + " (" + io::os_error_text(errno) + ")");
}

std::unique_ptr<app::Daemon> start(app::Frame& frame, const config::Entries& entries) { return std::make_unique<Shell>(frame, config_of(entries)); }

}  // namespace confab::registrar
