// SQLite as a value: a database, prepared statements, transactions. Owner: one thread (each thread opens its own). Failures throw DatabaseError,
// which callers at the edge of a thread turn into an answer. A Statement must not outlive its Database.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace confab::io {

class DatabaseError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class Statement {
public:
    ~Statement();
    Statement(Statement&&) noexcept;
    Statement& bind(int index, std::string_view text);   // 1-based, copied
    Statement& bind(int index, std::int64_t value);
    Statement& bind_octets(int index, std::string_view octets);  // a blob, not copied: it stays where it is until `reset`
    bool step();                                         // true: a row is there
    void run();                                          // step to the end and reset
    void reset();
    std::string text(int column) const;                  // 0-based
    std::string_view octets(int column) const;           // of a text or a blob, until the next step
    std::int64_t integer(int column) const;

private:
    friend class Database;
    struct Impl;
    explicit Statement(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

class Database {
public:
    enum class Sync : unsigned char { normal, full };
    // Creates the file (mode 0600) unless it exists; WAL; busy timeout 5 s. Throws StartupError when it cannot be opened or written.
    Database(const std::string& path, Sync sync);
    // Only reads a file that others write. Throws DatabaseError, since the file may come later.
    struct ReadOnly {};
    Database(const std::string& path, ReadOnly);
    ~Database();
    Database(Database&&) noexcept;

    Statement prepare(std::string_view sql);
    bool is_in_place() const;                                // false: its file was removed or replaced since it was opened
    void execute(std::string_view sql);                      // one or several statements
    void in_transaction(const std::function<void()>& work);  // rolled back when work throws
    std::int64_t changes() const;
    std::int64_t last_row() const;  // the number that the last INSERT of this connection gave out
    int version();                  // of the schema
    // Applies schema versions (PRAGMA user_version) in order, each in a transaction. `versions[i]` brings the schema from i to i+1.
    void migrate(const char* const* versions, int count);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace confab::io
