// The directory's database: conferences, access numbers and bridges in one SQLite file, written by one store thread.
//
// Owner: the main loop's thread; the database itself belongs to the worker, and values cross by post. Each change is one transaction with the disk's
// promise; `done` comes after it, on the main loop, in the order of the writes. Passcodes are stored as they are (they are matched, and mode 0640 of the
// file keeps them from others); listings and logs mask them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "conf-locate/directory.hpp"
#include "io/loop.hpp"
#include "io/worker.hpp"

namespace confab::locate {

class Store {
public:
    Store(io::Loop& loop, const std::string& directory, const std::string& realm);
    ~Store();

    // Brings the schema up to date and reads everything. At start only. Throws StartupError or DatabaseError.
    std::vector<Change> load();

    using Done = std::function<void(const std::string& error)>;  // a sentence, empty when written
    void write(Change change, Done done);
    std::size_t queued() const { return queued_; }

private:
    class Disk;

    io::Loop& loop_;
    std::size_t queued_ = 0;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // a verdict that comes after the store's end is nobody's
    std::unique_ptr<Disk> disk_;
    io::Worker worker_;  // last: joined before what it uses goes
};

}  // namespace confab::locate
