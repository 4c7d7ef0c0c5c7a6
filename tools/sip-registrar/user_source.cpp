#include "sip-registrar/user_source.hpp"

#include <optional>
#include <utility>

#include "io/local_client.hpp"
#include "io/sqlite.hpp"
#include "io/worker.hpp"

namespace confab::registrar {
namespace {

constexpr const char* kReadUser = "SELECT ha1_md5, ha1_sha256, ha1_sha512_256 FROM users WHERE realm = ?1 AND user = ?2";

struct Verdict {
    Credentials credentials;
    std::string problem;
};

Verdict unavailable(std::string problem) { return {{.outcome = Credentials::Outcome::unavailable, .user = {}}, std::move(problem)}; }

Verdict known(User user) {
    if (!are_hashes(user)) return unavailable("what it says about a user is no hash");
    return {{.outcome = Credentials::Outcome::known, .user = std::move(user)}, {}};
}

Verdict unknown() { return {{.outcome = Credentials::Outcome::unknown, .user = {}}, {}}; }

}  // namespace

// The worker's side of a file. Opened anew after an error and when another file has taken its place.
class UserSource::File {
public:
    File(io::Loop& loop, const Config& config) : loop_(loop), path_(config.user_database.path), realm_(config.realm), worker_("registrar-users") {}

    void ask(const std::string& user, std::function<void(Verdict)> done) {
        worker_.loop().post([this, user, done = std::move(done)]() mutable {
            loop_.post([verdict = look_up(user), done = std::move(done)] { done(verdict); });
        });
    }

private:
    struct Open {
        explicit Open(const std::string& path) : database(path, io::Database::ReadOnly{}), read(database.prepare(kReadUser)) {}
        io::Database database;
        io::Statement read;
    };

    Verdict look_up(const std::string& user) {
        try {
            if (open_ && !open_->database.is_in_place()) open_.reset();
            if (!open_) open_.emplace(path_);
            auto& read = open_->read;
            read.bind(1, realm_).bind(2, user);
            auto verdict = read.step() ? known({user, {read.text(0), read.text(1), read.text(2)}}) : unknown();
            read.reset();
            return verdict;
        } catch (const io::DatabaseError& error) {
            open_.reset();
            return unavailable(error.what());
        }
    }

    io::Loop& loop_;
    std::string path_, realm_;
    std::optional<Open> open_;
    io::Worker worker_;  // last: joined before what it uses goes
};

class UserSource::Socket {
public:
    Socket(io::Loop& loop, const Config& config)
        : realm_(config.realm),
          client_(loop, {.path = config.user_database.path, .timeout = config.user_database_timeout, .pending = config.user_database_queue}, {}) {}

    void ask(const std::string& user, std::function<void(Verdict)> done) {
        client_.ask("credentials", local::Value::object({{"user", user}, {"realm", realm_}}), [user, done = std::move(done)](const io::LocalClient::Answer& answer) {
            if (!answer) return done(unavailable(answer.error().code + ": " + answer.error().message));
            if (!answer->flag("known")) return done(unknown());
            done(known({user, {std::string(answer->text("ha1_md5")), std::string(answer->text("ha1_sha256")), std::string(answer->text("ha1_sha512_256"))}}));
        });
    }

private:
    std::string realm_;
    io::LocalClient client_;
};

UserSource::UserSource(io::Loop& loop, const Config& config, OnChange changed) : changed_(std::move(changed)) {
    if (config.user_database.kind == UserDatabase::Kind::sqlite)
        file_ = std::make_unique<File>(loop, config);
    else
        socket_ = std::make_unique<Socket>(loop, config);
}

UserSource::~UserSource() = default;

void UserSource::ask(const std::string& user, OnAnswer on_answer) {
    auto done = [this, alive = std::weak_ptr<bool>(alive_), on_answer = std::move(on_answer)](const Verdict& verdict) {
        if (!alive.expired()) settle(verdict.credentials, verdict.problem, on_answer);
    };
    if (file_)
        file_->ask(user, std::move(done));
    else
        socket_->ask(user, std::move(done));
}

void UserSource::settle(const Credentials& credentials, const std::string& problem, const OnAnswer& on_answer) {
    if (problem_.empty() != problem.empty()) changed_(problem);
    problem_ = problem;
    on_answer(credentials);
}

}  // namespace confab::registrar
