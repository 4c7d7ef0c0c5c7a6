// The registrar's database: users and a journal of bindings in one SQLite file, written by one store thread.
//
// Owner: the main loop's thread; the database itself belongs to the worker. Changes are packed into octets as they come, and what waits while a commit runs
// goes into the next one as one row (group commit), so a binding costs the copy of its octets and shares the rest. strict: written with the disk's promise, one
// commit at most each `pace`. batched: each `interval`. memory: bindings are not written. Users are always written at once with the disk's promise.
// Rows of the journal are read in their order at start. When most of their changes are overtaken the live bindings are written again, some with each
// commit, and then what stood before goes.
// A failed commit is told to those who wait for it; changes that nobody waits for are kept and tried again each second. `queued` tells how many changes are
// not on disk: the core refuses new ones beyond its bound.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/lock_file.hpp"
#include "io/loop.hpp"
#include "io/worker.hpp"
#include "sip-registrar/config.hpp"
#include "sip-registrar/core.hpp"
#include "sip-registrar/journal.hpp"

namespace confab::registrar {

class Store {
public:
    struct Options {
        std::string directory, realm;
        Durability durability = Durability::batched;
        base::milliseconds interval{200}, pace{2};
        std::size_t slack = 250'000;  // overtaken changes that are not worth writing again what lives
    };
    // Adds some live bindings to the journal; false when there are no more.
    using Walk = std::function<bool(Journal&)>;
    struct Handlers {
        std::function<void(std::span<const std::uint64_t> ids, bool written)> committed;  // after every commit; `ids`: the writes that had one
        std::function<void(const std::string& sentence)> failed;
        std::function<std::size_t()> live;  // how many bindings there are
        std::function<Walk()> walk;         // begins a walk over them
    };
    struct Loading {
        std::function<void(const User&)> user;
        std::function<void(const JournalEntry&)> change;  // in the order in which they were made
    };
    // Throws StartupError when another program uses the directory.
    Store(io::Loop& loop, const Options& options, Handlers handlers);
    ~Store();

    // Brings the schema up to date and reads all there is. At start only. Throws StartupError or DatabaseError.
    void load(const Loading& loading);

    void write(std::span<const Write> writes);
    void write(std::vector<UserChange> changes, std::function<void(bool written)> done);  // all or none
    void flush();
    std::size_t queued() const { return waiting_.queued() + writing_.queued(); }

private:
    struct Mark {
        std::uint64_t id;
        std::size_t end, changes;  // in the journal's octets
        bool again;                // tried again when it could not be written
    };
    struct UserJob {
        std::vector<UserChange> changes;
        std::function<void(bool)> done;
    };
    struct Batch {
        Journal journal;
        std::vector<Mark> marks;
        std::vector<UserJob> users;
        std::size_t user_changes = 0;
        bool begins_rewriting = false, ends_rewriting = false;
        std::size_t queued() const { return journal.changes() + user_changes; }
        void clear();
    };
    class Disk;

    void mark(std::uint64_t id, std::size_t changes, bool again);
    void schedule();
    void start_commit();
    void rewrite_some();
    void finish_commit(const std::string& error);
    void keep_for_later();

    io::Loop& loop_;
    Options options_;
    Handlers handlers_;
    Batch waiting_, writing_;  // the worker reads writing_ while a commit runs
    bool busy_ = false, urgent_ = false;
    enum class Armed : std::uint8_t { no, lazily, soon } armed_ = Armed::no;
    base::Instant last_start_{};
    std::size_t journal_changes_ = 0;  // on disk, since the last rewriting began
    std::size_t rewritten_ = 0;        // of these, since the present one began
    Walk walk_;                        // while the live bindings are being written again
    io::Timer timer_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // a verdict that comes after the store's end is nobody's
    io::LockFile lock_;
    std::unique_ptr<Disk> disk_;
    io::Worker worker_;  // last: joined before what it uses goes
};

}  // namespace confab::registrar
