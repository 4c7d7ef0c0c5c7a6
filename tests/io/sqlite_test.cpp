#include "io/sqlite.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <barrier>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "io/error.hpp"
#include "stage.hpp"

using namespace confab;
using io::Database;

namespace {

struct Refusal {
    int exit_code;
    std::string sentence;
};

Refusal refusal_of(const std::string& path) {
    try {
        Database database(path, Database::Sync::normal);
    } catch (const io::StartupError& error) {
        return {error.exit_code(), error.what()};
    }
    return {0, ""};
}

std::int64_t number(Database& database, const char* sql) {
    auto question = database.prepare(sql);
    return question.step() ? question.integer(0) : -1;
}

}  // namespace

TEST_CASE("sqlite: statements bind, step and are used again") {
    Database database(":memory:", Database::Sync::normal);
    database.execute("CREATE TABLE user (name TEXT, age INTEGER); CREATE TABLE other (x)");
    auto insert = database.prepare("INSERT INTO user VALUES (?, ?)");
    insert.bind(1, "alice").bind(2, std::int64_t{1} << 40).run();
    insert.bind(1, "b'; DROP TABLE user; --").bind(2, -1).run();
    insert.bind(1, std::string_view()).bind(2, 0).run();
    CHECK(database.changes() == 1);
    auto select = database.prepare("SELECT name, age FROM user ORDER BY rowid");
    REQUIRE(select.step());
    CHECK(select.text(0) == "alice");
    CHECK(select.integer(1) == std::int64_t{1} << 40);
    REQUIRE(select.step());
    CHECK(select.text(0) == "b'; DROP TABLE user; --");
    REQUIRE(select.step());
    CHECK(select.text(0).empty());
    CHECK_FALSE(select.step());
    CHECK(number(database, "SELECT count(*) FROM user WHERE name IS NULL") == 0);
    auto moved = std::move(select);
    moved.reset();
    CHECK(moved.step());
}

TEST_CASE("sqlite: failures are exceptions with a reason, and the statement stays usable") {
    Database database(":memory:", Database::Sync::normal);
    database.execute("CREATE TABLE user (name TEXT PRIMARY KEY)");
    CHECK_THROWS_AS(database.prepare("SELECT nonsense FROM user"), io::DatabaseError);
    CHECK_THROWS_AS(database.execute("INSERT INTO nowhere VALUES (1)"), io::DatabaseError);
    auto insert = database.prepare("INSERT INTO user VALUES (?)");
    CHECK_THROWS_AS(insert.bind(2, "out of range"), io::DatabaseError);
    insert.bind(1, "alice").run();
    CHECK_THROWS_WITH(insert.bind(1, "alice").run(), Catch::Contains("UNIQUE constraint failed"));
    insert.bind(1, "bob").run();
    CHECK(number(database, "SELECT count(*) FROM user") == 2);
}

TEST_CASE("sqlite: a transaction is all or nothing") {
    Database database(":memory:", Database::Sync::normal);
    database.execute("CREATE TABLE t (x)");
    database.in_transaction([&] { database.execute("INSERT INTO t VALUES (1)"); });
    CHECK_THROWS_AS(database.in_transaction([&] {
        database.execute("INSERT INTO t VALUES (2)");
        throw std::runtime_error("changed my mind");
    }),
                    std::runtime_error);
    CHECK(number(database, "SELECT count(*) FROM t") == 1);
    database.in_transaction([&] { database.execute("INSERT INTO t VALUES (3)"); });
    CHECK(number(database, "SELECT count(*) FROM t") == 2);
}

TEST_CASE("sqlite: a file is private to owner and group, write-ahead logged, and synchronous as asked") {
    const test::Folder folder;
    const auto path = folder / "users.db";
    const auto before = umask(0);
    {
        Database database(path, Database::Sync::full);
        umask(before);
        struct stat facts {};
        REQUIRE(stat(path.c_str(), &facts) == 0);
        CHECK((facts.st_mode & 0777) == 0600);
        auto mode = database.prepare("PRAGMA journal_mode");
        REQUIRE(mode.step());
        CHECK(mode.text(0) == "wal");
        CHECK(number(database, "PRAGMA synchronous") == 2);
        CHECK(number(database, "PRAGMA foreign_keys") == 1);
        database.execute("CREATE TABLE t (x); INSERT INTO t VALUES (7)");
    }
    Database again(path, Database::Sync::normal);
    CHECK(number(again, "PRAGMA synchronous") == 1);
    CHECK(number(again, "SELECT x FROM t") == 7);
}

TEST_CASE("sqlite: migrations run once, in order, and a newer schema is refused") {
    const test::Folder folder;
    const auto path = folder / "a.db";
    const char* const versions[] = {"CREATE TABLE t (x)", "ALTER TABLE t ADD COLUMN y DEFAULT 5; INSERT INTO t (x) VALUES (1)"};
    {
        Database database(path, Database::Sync::normal);
        database.migrate(versions, 1);
        database.migrate(versions, 1);
        CHECK(number(database, "PRAGMA user_version") == 1);
    }
    Database database(path, Database::Sync::normal);
    database.migrate(versions, 2);
    database.migrate(versions, 2);
    CHECK(number(database, "SELECT sum(y) FROM t") == 5);
    CHECK(number(database, "PRAGMA user_version") == 2);
    CHECK_THROWS_WITH(database.migrate(versions, 1), path + ": schema version 2 is newer than this program's 1");

    const char* const broken[] = {"", "", "CREATE TABLE u (x); CREATE TABLE nonsense"};
    CHECK_THROWS_AS(database.migrate(broken, 3), io::DatabaseError);
    CHECK(number(database, "PRAGMA user_version") == 2);
    CHECK(number(database, "SELECT count(*) FROM sqlite_master WHERE name = 'u'") == 0);
}

TEST_CASE("sqlite: threads that start together open the file and migrate once") {
    const char* const versions[] = {"CREATE TABLE t (x)", "INSERT INTO t VALUES (1)"};
    for (int round = 0; round < 20; ++round) {
        const test::Folder folder;
        const auto path = folder / "a.db";
        std::vector<std::string> refusals(4);
        std::barrier start(4);
        const auto open = [&](std::string& refusal) {
            start.arrive_and_wait();
            try {
                Database database(path, Database::Sync::normal);
                database.migrate(versions, 2);
            } catch (const std::exception& failure) {
                refusal = failure.what();
            }
        };
        std::vector<std::thread> threads;
        for (auto& refusal : refusals) threads.emplace_back(open, std::ref(refusal));
        for (auto& thread : threads) thread.join();
        CHECK(refusals == std::vector<std::string>(4));
        Database database(path, Database::Sync::normal);
        CHECK(number(database, "SELECT count(*) FROM t") == 1);
    }
}

TEST_CASE("sqlite: a file that cannot be opened is one sentence") {
    const test::Folder folder;
    CHECK(refusal_of(folder / "absent/users.db").sentence == (folder / "absent/users.db") + ": No such file or directory");
    CHECK(refusal_of(folder / "absent/users.db").exit_code == io::kOsError);
    CHECK(refusal_of(folder / ".").sentence == (folder / ".") + ": Is a directory");
    const auto text = folder.write("text.db", std::string(4096, 'x'));
    CHECK(refusal_of(text).sentence == text + ": file is not a database");
    if (geteuid() != 0) {
        const auto locked = folder.write("locked.db", "");
        REQUIRE(chmod(locked.c_str(), 0400) == 0);
        CHECK(refusal_of(locked).sentence == locked + ": Permission denied");
        CHECK(refusal_of(locked).exit_code == io::kPermission);
    }
}

TEST_CASE("sqlite: octets are bound and read as they are") {
    Database database(":memory:", Database::Sync::normal);
    database.execute("CREATE TABLE row (id INTEGER PRIMARY KEY, octets BLOB)");
    auto insert = database.prepare("INSERT INTO row (octets) VALUES (?)");
    const std::string octets("a\0b\xff", 4);
    insert.bind_octets(1, octets).run();
    CHECK(database.last_row() == 1);
    insert.bind_octets(1, {}).run();
    CHECK(database.last_row() == 2);
    auto select = database.prepare("SELECT octets FROM row ORDER BY id");
    REQUIRE(select.step());
    CHECK(select.octets(0) == octets);
    REQUIRE(select.step());
    CHECK(select.octets(0).empty());
    CHECK(number(database, "SELECT count(*) FROM row WHERE octets IS NULL") == 0);
}

TEST_CASE("sqlite: a reader sees what others write, writes nothing, and notices that the file was replaced") {
    const test::Folder folder;
    const auto path = folder / "read.db";
    CHECK_THROWS_AS(Database(path, Database::ReadOnly{}), io::DatabaseError);
    Database writer(path, Database::Sync::normal);
    writer.execute("CREATE TABLE user (name TEXT)");
    Database reader(path, Database::ReadOnly{});
    CHECK(number(reader, "SELECT count(*) FROM user") == 0);
    writer.execute("INSERT INTO user VALUES ('alice')");
    CHECK(number(reader, "SELECT count(*) FROM user") == 1);
    CHECK_THROWS_AS(reader.execute("INSERT INTO user VALUES ('bob')"), io::DatabaseError);
    CHECK(reader.is_in_place());
    REQUIRE(std::rename(path.c_str(), (path + ".old").c_str()) == 0);
    CHECK_FALSE(reader.is_in_place());
    Database another(path, Database::Sync::normal);
    CHECK_FALSE(reader.is_in_place());
}
