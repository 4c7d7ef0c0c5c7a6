// The file of call-detail records, one JSON line for each call, and its journal: a kill loses no record and writes none twice.
//
// Owner: the main loop's thread; the disk's promise is asked for by a thread of its own. Entries go to the journal (`PATH.journal`) first, records to the log
// after it, and both before the answers that they tell of are sent. At start the journal's records that may not have reached the log are looked for
// at its end and written when they are missing; calls that were open are handed back. `+ID line` is an open call, of several such lines the last,
// `-ID line` its record, `=` says that every record before it is in the log. A journal that has grown is begun anew beside the old one
// (`PATH.journal.old`), open calls are carried over a few with each write, as `*ID line`, which counts once the old one has gone. Rotation: move the log away, then reload.
// A log that cannot be written keeps its records in memory up to a bound, and is tried again each second.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/call_entry.hpp"
#include "config/table.hpp"
#include "io/append_file.hpp"
#include "io/lock_file.hpp"
#include "io/loop.hpp"
#include "io/worker.hpp"

namespace confab::io {

class CallLog {
public:
    struct Options {
        std::string path;
        base::milliseconds sync{1000};           // how often the disk's promise is asked for; 0: never
        std::size_t waiting = 64 << 20;          // octets of records that wait for a log that cannot be written
        std::size_t journal = 8 << 20;           // octets before a journal is begun anew
    };
    // Null where `path` is empty: nothing is recorded.
    static std::unique_ptr<CallLog> where_wanted(Loop& loop, const std::string& path, base::milliseconds sync);
    // A problem of the key `call-log`, where the file can have no place.
    static void check(const std::string& path, const config::Entries& entries, config::Problems& problems);
    // Throws StartupError where a file cannot be opened, or another program writes it.
    CallLog(Loop& loop, Options options);

    std::vector<std::string> take_open() { return std::move(recovered_); }  // lines of calls that were open when the last run ended
    std::string take_last() { return std::move(last_); }                             // the last records of the log, whole lines
    void write(const std::vector<base::CallEntry>& entries);
    void reopen();

    struct Counts {
        std::uint64_t written = 0, lost = 0, failures = 0;
    };
    const Counts& counts() const { return counts_; }
    bool is_waiting() const { return !waiting_.empty(); }

private:
    using File = std::shared_ptr<AppendFile>;

    void recover();
    void put_waiting();
    void renew_journal();
    void carry_some();
    void finish_carrying();
    void promise();
    void complain(const std::string& sentence);

    Options options_;
    std::string journal_path_, old_path_;
    LockFile lock_;
    File log_, journal_, old_;
    std::string batch_, waiting_, carry_;
    std::size_t waiting_records_ = 0;
    std::uint64_t carried_ = 0, live_ = 0;  // octets: read of the old journal; of open calls
    struct Open {
        std::size_t length = 0;     // of its last line
        std::uint64_t journal = 0;  // to which that was told, as `journals_` counts
    };
    std::unordered_map<std::string, Open> open_;  // calls, by id
    std::uint64_t journals_ = 0;                  // begun anew
    std::vector<std::string> recovered_;
    std::string last_;
    Counts counts_;
    bool dirty_ = false, complained_ = false;
    Timer timer_;
    Worker worker_;  // last: joined before what it uses goes
};

}  // namespace confab::io
