#include "io/sqlite.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/check.hpp"
#include "io/error.hpp"

namespace confab::io {

namespace {

constexpr int kBusyTimeout = 5000;  // milliseconds

struct Closer {
    void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Handle = std::unique_ptr<sqlite3, Closer>;
using StatementHandle = std::unique_ptr<sqlite3_stmt, Closer>;

[[noreturn]] void fail(sqlite3* database, std::string_view what) {
    throw DatabaseError(std::string(what) + ": " + sqlite3_errmsg(database));
}

void run_sql(sqlite3* database, const char* sql) {
    if (sqlite3_exec(database, sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail(database, "the statement failed");
}

int exit_code_for(int error) { return error == EACCES || error == EPERM || error == EROFS ? kPermission : kOsError; }

// SQLite would create the file with the mode of the umask; and the kernel says better than SQLite why a file cannot be opened. Neither call opens
// it: closing a descriptor of it would drop the locks that another thread of this process holds on it (fcntl(2)).
void create_file(const std::string& path) {
    if (mknod(path.c_str(), S_IFREG | 0600, 0) == 0) return;
    if (errno != EEXIST) throw StartupError(exit_code_for(errno), path + ": " + os_error_text(errno));
    struct stat file {};
    if (faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK, AT_EACCESS) != 0 || stat(path.c_str(), &file) != 0)
        throw StartupError(exit_code_for(errno), path + ": " + os_error_text(errno));
    if (S_ISDIR(file.st_mode)) throw StartupError(kOsError, path + ": " + os_error_text(EISDIR));
}

// Two connections that turn a new file to WAL together both hold a read lock and want an exclusive one; SQLite does not ask the busy handler then,
// since neither could go on while the other waits. So the loser lets go and tries again.
void switch_to_wal(sqlite3* database) {
    constexpr int kPause = 10;  // milliseconds
    int waited = 0;
    while (sqlite3_exec(database, "PRAGMA journal_mode = WAL", nullptr, nullptr, nullptr) != SQLITE_OK) {
        if ((sqlite3_errcode(database) & 0xff) != SQLITE_BUSY || waited >= kBusyTimeout) fail(database, "the statement failed");
        waited += sqlite3_sleep(kPause);
    }
}

}  // namespace

struct Statement::Impl {
    sqlite3* database;
    StatementHandle statement;
};

Statement::Statement(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Statement::~Statement() = default;
Statement::Statement(Statement&&) noexcept = default;

Statement& Statement::bind(int index, std::string_view text) {
    // A null pointer would bind NULL, and an empty text is not that.
    const char* octets = text.data() != nullptr ? text.data() : "";
    if (sqlite3_bind_text64(impl_->statement.get(), index, octets, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8) != SQLITE_OK)
        fail(impl_->database, "a text was not bound");
    return *this;
}

Statement& Statement::bind(int index, std::int64_t value) {
    if (sqlite3_bind_int64(impl_->statement.get(), index, value) != SQLITE_OK) fail(impl_->database, "a number was not bound");
    return *this;
}

Statement& Statement::bind_octets(int index, std::string_view octets) {
    const char* begin = octets.data() != nullptr ? octets.data() : "";
    if (sqlite3_bind_blob64(impl_->statement.get(), index, begin, octets.size(), SQLITE_STATIC) != SQLITE_OK) fail(impl_->database, "octets were not bound");
    return *this;
}

bool Statement::step() {
    switch (sqlite3_step(impl_->statement.get())) {
        case SQLITE_ROW:
            return true;
        case SQLITE_DONE:
            return false;
        default: {
            const std::string reason = sqlite3_errmsg(impl_->database);
            sqlite3_reset(impl_->statement.get());
            throw DatabaseError("the statement failed: " + reason);
        }
    }
}

void Statement::run() {
    while (step()) {
    }
    reset();
}

void Statement::reset() {
    sqlite3_reset(impl_->statement.get());
    sqlite3_clear_bindings(impl_->statement.get());
}

std::string Statement::text(int column) const {
    const auto* octets = reinterpret_cast<const char*>(sqlite3_column_text(impl_->statement.get(), column));
    if (octets == nullptr) return {};
    return {octets, static_cast<std::size_t>(sqlite3_column_bytes(impl_->statement.get(), column))};
}

std::string_view Statement::octets(int column) const {
    const auto* begin = static_cast<const char*>(sqlite3_column_blob(impl_->statement.get(), column));
    if (begin == nullptr) return {};
    return {begin, static_cast<std::size_t>(sqlite3_column_bytes(impl_->statement.get(), column))};
}

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(impl_->statement.get(), column); }

struct Database::Impl {
    Handle handle;
    std::string path;
    struct stat opened {};
};

Database::Database(const std::string& path, Sync sync) : impl_(std::make_unique<Impl>()) {
    if (path != ":memory:") create_file(path);
    sqlite3* opened = nullptr;
    const int result = sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    impl_->handle.reset(opened);
    if (result == SQLITE_OK && path != ":memory:") {
        impl_->path = path;
        (void)stat(path.c_str(), &impl_->opened);
    }
    if (result != SQLITE_OK)
        throw StartupError(kOsError, path + ": " + (opened != nullptr ? sqlite3_errmsg(opened) : sqlite3_errstr(result)));
    sqlite3_extended_result_codes(opened, 1);
    sqlite3_busy_timeout(opened, kBusyTimeout);
    try {
        switch_to_wal(opened);
        run_sql(opened, sync == Sync::full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
        run_sql(opened, "PRAGMA foreign_keys = ON");
        // Writing now, a read-only directory or a file of another kind shows at the start and not with the first user.
        run_sql(opened, "BEGIN IMMEDIATE; COMMIT");
    } catch (const DatabaseError&) {
        throw StartupError(exit_code_for(sqlite3_system_errno(opened)), path + ": " + sqlite3_errmsg(opened));
    }
}
Database::Database(const std::string& path, ReadOnly) : impl_(std::make_unique<Impl>()) {
    impl_->path = path;
    sqlite3* opened = nullptr;
    const int result = sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nullptr);
    impl_->handle.reset(opened);
    if (result != SQLITE_OK || stat(path.c_str(), &impl_->opened) != 0)
        throw DatabaseError(path + ": " + (opened != nullptr ? sqlite3_errmsg(opened) : sqlite3_errstr(result)));
    sqlite3_busy_timeout(opened, kBusyTimeout);
}

bool Database::is_in_place() const {
    struct stat now {};
    return stat(impl_->path.c_str(), &now) == 0 && now.st_dev == impl_->opened.st_dev && now.st_ino == impl_->opened.st_ino;
}

Database::~Database() = default;
Database::Database(Database&&) noexcept = default;

Statement Database::prepare(std::string_view sql) {
    sqlite3_stmt* made = nullptr;
    const int result =
        sqlite3_prepare_v3(impl_->handle.get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &made, nullptr);
    if (result != SQLITE_OK) fail(impl_->handle.get(), "a statement was not understood");
    CHECK(made != nullptr, "an empty statement: " + std::string(sql));
    return Statement(std::make_unique<Statement::Impl>(impl_->handle.get(), StatementHandle(made)));
}

void Database::execute(std::string_view sql) { run_sql(impl_->handle.get(), std::string(sql).c_str()); }

void Database::in_transaction(const std::function<void()>& work) {
    execute("BEGIN IMMEDIATE");
    try {
        work();
        execute("COMMIT");
    } catch (...) {
        // Some failures (a full disk) have rolled back already.
        if (sqlite3_get_autocommit(impl_->handle.get()) == 0) execute("ROLLBACK");
        throw;
    }
}

std::int64_t Database::changes() const { return sqlite3_changes64(impl_->handle.get()); }

std::int64_t Database::last_row() const { return sqlite3_last_insert_rowid(impl_->handle.get()); }

int Database::version() {
    auto question = prepare("PRAGMA user_version");
    question.step();
    return static_cast<int>(question.integer(0));
}

void Database::migrate(const char* const* versions, int count) {
    // Inside one transaction each, so that two programs that start together do not both apply a version.
    for (bool more = true; more;) {
        in_transaction([&] {
            const auto present = version();
            if (present > count)
                throw StartupError(kConfig, std::string(sqlite3_db_filename(impl_->handle.get(), nullptr)) + ": schema version " +
                                                std::to_string(present) + " is newer than this program's " + std::to_string(count));
            more = present < count;
            if (!more) return;
            execute(versions[present]);
            execute("PRAGMA user_version = " + std::to_string(present + 1));
        });
    }
}

}  // namespace confab::io
