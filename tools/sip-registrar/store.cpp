#include "sip-registrar/store.hpp"

#include <algorithm>
#include <iterator>
#include <optional>

#include "io/sqlite.hpp"

namespace confab::registrar {
namespace {

constexpr base::milliseconds kRetry{1000};
constexpr std::size_t kLoadedRow = 1 << 20;  // octets, of bindings taken over from version 1
constexpr int kPagesBeforeCheckpoint = 4000;

// Version 1 had a row for each binding; they go into the journal once, and then their table goes.
constexpr int kJournalVersion = 2;
constexpr const char* kSchema[] = {
    "CREATE TABLE users (realm TEXT NOT NULL, user TEXT NOT NULL, ha1_md5 TEXT NOT NULL, ha1_sha256 TEXT NOT NULL, ha1_sha512_256 TEXT NOT NULL,"
    " PRIMARY KEY (realm, user)) WITHOUT ROWID;"
    "CREATE TABLE bindings (realm TEXT NOT NULL, address TEXT NOT NULL, contact TEXT NOT NULL, call_id TEXT NOT NULL, cseq INTEGER NOT NULL,"
    " q INTEGER NOT NULL, expires INTEGER NOT NULL, path TEXT NOT NULL, instance TEXT NOT NULL, received TEXT NOT NULL, user TEXT NOT NULL,"
    " scheme TEXT NOT NULL, user_agent TEXT NOT NULL, PRIMARY KEY (realm, address, contact)) WITHOUT ROWID;",
    "CREATE TABLE journal (id INTEGER PRIMARY KEY, realm TEXT NOT NULL, changes BLOB NOT NULL);",
    "DROP TABLE bindings;"};

constexpr const char* kAddJournal = "INSERT INTO journal (realm, changes) VALUES (?1, ?2)";
constexpr const char* kCutJournal = "DELETE FROM journal WHERE realm = ?1 AND id < ?2";
constexpr const char* kReadJournal = "SELECT id, changes FROM journal WHERE realm = ?1 ORDER BY id";
constexpr const char* kPutUser = "INSERT OR REPLACE INTO users VALUES (?1, ?2, ?3, ?4, ?5)";
constexpr const char* kEraseUser = "DELETE FROM users WHERE realm = ?1 AND user = ?2";
constexpr const char* kReadUsers = "SELECT user, ha1_md5, ha1_sha256, ha1_sha512_256 FROM users WHERE realm = ?1";
constexpr const char* kReadOldBindings =
    "SELECT realm, address, contact, call_id, cseq, q, expires, path, instance, received, user, scheme, user_agent FROM bindings ORDER BY realm, expires";

sip::Binding old_binding_of(const io::Statement& row) {
    sip::Binding binding;
    binding.address = row.octets(1);
    binding.contact = row.octets(2);
    binding.call_id = row.octets(3);
    binding.cseq = static_cast<std::uint32_t>(row.integer(4));
    binding.q = static_cast<std::uint16_t>(row.integer(5));
    binding.expires = base::WallTime(base::milliseconds(row.integer(6)));
    binding.path = row.octets(7);
    binding.instance = row.octets(8);
    binding.received = row.octets(9);
    binding.user = row.octets(10);
    binding.scheme = row.octets(11);
    binding.user_agent = row.octets(12);
    return binding;
}

void adopt_old_bindings(io::Database& database) {
    auto add = database.prepare(kAddJournal);
    auto rows = database.prepare(kReadOldBindings);
    Journal journal;
    std::string realm;
    const auto finish_row = [&] {
        if (journal.changes() > 0) add.bind(1, realm).bind_octets(2, journal.octets()).run();
        journal.clear();
    };
    while (rows.step()) {
        if (journal.octets().size() >= kLoadedRow || rows.octets(0) != realm) finish_row();
        realm = rows.octets(0);
        journal.add(false, old_binding_of(rows));
    }
    finish_row();
    rows.reset();
    database.execute("DELETE FROM bindings");
}

void bring_up_to_date(io::Database& database) {
    if (database.version() < static_cast<int>(std::size(kSchema))) {
        database.migrate(kSchema, kJournalVersion);
        database.in_transaction([&] { adopt_old_bindings(database); });
    }
    database.migrate(kSchema, static_cast<int>(std::size(kSchema)));
}

}  // namespace

void Store::Batch::clear() {
    journal.clear();
    marks.clear();
    users.clear();
    user_changes = 0;
    begins_rewriting = ends_rewriting = false;
}

// The database with its statements. Owner: the store thread, except while `load` runs before anything was posted there.
class Store::Disk {
public:
    explicit Disk(const Options& options) : options_(options) {}

    // Answers how many changes the journal holds.
    std::size_t load(const Loading& loading) {
        io::Database database(path(), io::Database::Sync::full);
        bring_up_to_date(database);
        if (options_.durability == Durability::memory) database.prepare(kCutJournal).bind(1, options_.realm).bind(2, INT64_MAX).run();
        auto users = database.prepare(kReadUsers);
        users.bind(1, options_.realm);
        while (users.step()) loading.user({users.text(0), {users.text(1), users.text(2), users.text(3)}});
        auto rows = database.prepare(kReadJournal);
        rows.bind(1, options_.realm);
        std::size_t changes = 0;
        while (rows.step()) changes += replay(rows.integer(0), rows.octets(1), loading);
        return changes;
    }

    // One transaction. The error is a sentence, empty when everything is written.
    std::string commit(const Batch& batch) {
        try {
            if (!open_) open_.emplace(path(), options_);
            const bool raise = !batch.users.empty() && options_.durability != Durability::strict;
            if (raise) open_->database.execute("PRAGMA synchronous = FULL");
            open_->database.in_transaction([&] { put(batch); });
            if (raise) open_->database.execute("PRAGMA synchronous = NORMAL");
            return {};
        } catch (const std::exception& error) {
            open_.reset();  // opened anew for the next attempt: the file may have been replaced
            return error.what();
        }
    }

private:
    struct Open {
        Open(const std::string& file, const Options& options)
            : database(file, options.durability == Durability::strict ? io::Database::Sync::full : io::Database::Sync::normal),
              add_journal(database.prepare(kAddJournal)),
              cut_journal(database.prepare(kCutJournal)),
              put_user(database.prepare(kPutUser)),
              erase_user(database.prepare(kEraseUser)) {
            database.execute("PRAGMA wal_autocheckpoint = " + std::to_string(kPagesBeforeCheckpoint));
        }
        io::Database database;
        io::Statement add_journal, cut_journal, put_user, erase_user;
    };

    std::string path() const { return options_.directory + "/registrar.db"; }

    static std::size_t replay(std::int64_t id, std::string_view octets, const Loading& loading) {
        std::size_t changes = 0;
        for (JournalEntry entry; !octets.empty(); ++changes) {
            if (!read_change(octets, entry)) throw io::DatabaseError("row " + std::to_string(id) + " of its journal is damaged");
            loading.change(entry);
        }
        return changes;
    }

    void put(const Batch& batch) {
        for (const auto& job : batch.users)
            for (const auto& change : job.changes) put(change);
        if (batch.journal.changes() > 0) open_->add_journal.bind(1, options_.realm).bind_octets(2, batch.journal.octets()).run();
        if (batch.begins_rewriting) first_kept_ = open_->database.last_row() + (batch.journal.changes() > 0 ? 0 : 1);
        if (batch.ends_rewriting) open_->cut_journal.bind(1, options_.realm).bind(2, first_kept_).run();
    }

    void put(const UserChange& change) {
        const auto& user = change.user;
        if (change.removed) return open_->erase_user.bind(1, options_.realm).bind(2, user.name).run();
        open_->put_user.bind(1, options_.realm).bind(2, user.name).bind(3, user.ha1[0]).bind(4, user.ha1[1]).bind(5, user.ha1[2]).run();
    }

    Options options_;
    std::optional<Open> open_;
    std::int64_t first_kept_ = 0;  // the journal's row with which the present rewriting began
};

Store::Store(io::Loop& loop, const Options& options, Handlers handlers)
    : loop_(loop),
      options_(options),
      handlers_(std::move(handlers)),
      timer_(loop,
             [this] {
                 armed_ = Armed::no;
                 start_commit();
             }),
      lock_(options.directory + "/lock"),
      disk_(std::make_unique<Disk>(options)),
      worker_("registrar-store") {}

Store::~Store() = default;

void Store::load(const Loading& loading) { journal_changes_ = disk_->load(loading); }

void Store::write(std::span<const Write> writes) {
    if (writes.empty() || options_.durability == Durability::memory) return;
    for (const auto& write : writes) {
        for (const auto& change : write.bindings) waiting_.journal.add(change.removed, change.binding.view());
        mark(write.id, write.bindings.size(), write.id == 0);
    }
    urgent_ = urgent_ || options_.durability == Durability::strict;
    schedule();
}

void Store::mark(std::uint64_t id, std::size_t changes, bool again) { waiting_.marks.push_back({id, waiting_.journal.octets().size(), changes, again}); }

void Store::write(std::vector<UserChange> changes, std::function<void(bool)> done) {
    waiting_.user_changes += changes.size();
    waiting_.users.push_back({std::move(changes), std::move(done)});
    urgent_ = true;
    schedule();
}

void Store::flush() {
    urgent_ = true;
    schedule();
}

void Store::schedule() {
    if (busy_ || (waiting_.queued() == 0 && !walk_)) return;
    const bool soon = urgent_ || walk_;
    const auto soonest = last_start_ + options_.pace;
    if (soon && loop_.now().steady >= soonest) return start_commit();
    const auto wanted = soon ? Armed::soon : Armed::lazily;
    if (armed_ >= wanted) return;
    armed_ = wanted;
    if (soon)
        timer_.at(soonest);
    else
        timer_.after(options_.interval);
}

void Store::start_commit() {
    if (busy_ || (waiting_.queued() == 0 && !walk_)) return;
    if (std::exchange(armed_, Armed::no) != Armed::no) timer_.cancel();
    urgent_ = false;
    last_start_ = loop_.now().steady;
    rewrite_some();
    std::swap(waiting_, writing_);
    busy_ = true;
    worker_.loop().post([this, alive = std::weak_ptr<bool>(alive_)] {
        auto error = disk_->commit(writing_);
        loop_.post([this, error = std::move(error), alive] {
            if (!alive.expired()) finish_commit(error);
        });
    });
}

// A live binding is one change; what the journal holds beyond that will never be needed.
void Store::rewrite_some() {
    if (!walk_) {
        if (journal_changes_ <= 3 * handlers_.live() + options_.slack) return;
        walk_ = handlers_.walk();
        waiting_.begins_rewriting = true;
        rewritten_ = 0;
    }
    const auto before = waiting_.journal.changes();
    waiting_.ends_rewriting = !walk_(waiting_.journal);
    mark(0, waiting_.journal.changes() - before, false);
    if (waiting_.ends_rewriting) walk_ = nullptr;
}

void Store::finish_commit(const std::string& error) {
    const bool written = error.empty();
    auto done = std::exchange(writing_.users, {});
    std::vector<std::uint64_t> ids;
    for (const auto& mark : writing_.marks)
        if (mark.id != 0) ids.push_back(mark.id);
    if (written) {
        rewritten_ += writing_.journal.changes();
        journal_changes_ = writing_.ends_rewriting ? rewritten_ : journal_changes_ + writing_.journal.changes();
    } else {
        walk_ = nullptr;  // begins anew when the disk is well
        keep_for_later();
    }
    writing_.clear();
    busy_ = false;
    for (auto& job : done)
        if (job.done) job.done(written);
    if (!written) handlers_.failed(error);
    handlers_.committed(ids, written);
    if (written) return schedule();
    if (!busy_ && waiting_.queued() > 0 && armed_ == Armed::no) {
        armed_ = Armed::lazily;
        timer_.after(kRetry);
    }
}

// What nobody waits for, in its old order before what came since.
void Store::keep_for_later() {
    Batch kept;
    const auto take = [&kept](const Batch& batch, bool all) {
        std::size_t begin = 0;
        for (const auto& mark : batch.marks) {
            if (mark.again || all) {
                kept.journal.add(batch.journal.octets().substr(begin, mark.end - begin), mark.changes);
                kept.marks.push_back({mark.id, kept.journal.octets().size(), mark.changes, mark.again});
            }
            begin = mark.end;
        }
    };
    take(writing_, false);
    take(waiting_, true);
    kept.users = std::move(waiting_.users);
    kept.user_changes = waiting_.user_changes;
    waiting_ = std::move(kept);
}

}  // namespace confab::registrar
