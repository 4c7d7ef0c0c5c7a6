#include "phone.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "io/sqlite.hpp"
#include "sip-registrar/store.hpp"

namespace confab::registrar {
namespace {

// A directory that ends with the test.
class Folder {
public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "confab-registrar-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string path;
};

// Runs the loop until `stop`, or fails the test when it takes too long.
void run_until_stopped(io::Loop& loop) {
    bool late = false;
    io::Timer limit(loop, [&] {
        late = true;
        loop.stop();
    });
    limit.after(base::seconds(20));
    loop.run();
    REQUIRE_FALSE(late);
}

sip::Binding binding_of(std::string_view contact, base::WallTime expires) {
    sip::Binding binding;
    binding.address = "sip:alice@example.org";
    binding.contact = contact;
    binding.call_id = "c";
    binding.cseq = 7;
    binding.reg_id = 2;
    binding.q = 300;
    binding.expires = expires;
    binding.path = "<sip:t@h;lr>";
    binding.instance = "<urn:1>";
    binding.received = "udp:192.0.2.9:5060";
    binding.user = "alice";
    binding.scheme = "Digest/MD5";
    binding.user_agent = "phone";
    return binding;
}

Write write_of(std::uint64_t id, std::string_view contact, base::WallTime expires, bool removed = false) {
    Write write{.id = id, .bindings = {}};
    write.bindings.push_back({removed, sip::StoredBinding(binding_of(contact, expires))});
    return write;
}

constexpr base::WallTime kNow{base::seconds(1'700'000'000)};
constexpr base::WallTime kLater = kNow + base::seconds(600);

bool are_equal(const sip::Binding& a, const sip::Binding& b) {
    return a.address == b.address && has_same_key(a, b) && a.call_id == b.call_id && a.cseq == b.cseq && a.q == b.q && a.expires == b.expires && a.path == b.path &&
           a.received == b.received && a.user == b.user && a.scheme == b.scheme && a.user_agent == b.user_agent;
}

// What a start finds.
struct Found {
    std::vector<User> users;
    std::map<std::string, sip::StoredBinding> bindings;  // by contact
    std::size_t changes = 0;
};

// A store on a loop, and what it said.
struct Kept {
    explicit Kept(const std::string& folder, Durability durability, base::milliseconds pace = base::milliseconds(1))
        : store(loop,
                {.directory = folder, .realm = "example.org", .durability = durability, .interval = base::milliseconds(10), .pace = pace, .slack = 10},
                {.committed =
                     [this](std::span<const std::uint64_t> ids, bool written) {
                         (written ? good : bad).insert((written ? good : bad).end(), ids.begin(), ids.end());
                         ++commits;
                         if (store.queued() == 0 || !written) loop.stop();
                     },
                 .failed = [this](const std::string& sentence) { complaint = sentence; },
                 .live = [this] { return live.size(); },
                 .walk = [this] { return walk(); }}) {}

    Found load() {
        Found found;
        store.load({.user = [&](const User& user) { found.users.push_back(user); },
                    .change =
                        [&](const JournalEntry& entry) {
                            ++found.changes;
                            const std::string contact(entry.binding.contact);
                            if (entry.removed)
                                found.bindings.erase(contact);
                            else
                                found.bindings[contact] = sip::StoredBinding(entry.binding);
                        }});
        return found;
    }

    void write(Write write) { store.write({&write, 1}); }

    Store::Walk walk() {
        ++walks;
        return [this, at = std::size_t{0}](Journal& journal) mutable {
            if (at < live.size()) journal.add(false, binding_of(live[at++], kLater));
            return at < live.size();
        };
    }

    io::Loop loop;
    std::vector<std::uint64_t> good, bad;
    std::vector<std::string> live;
    int commits = 0, walks = 0;
    std::string complaint;
    Store store;
};

TEST_CASE("the store writes and reads back", "[registrar][store]") {
    const Folder folder;
    const auto durability = GENERATE(Durability::strict, Durability::batched);
    bool user_written = false;
    {
        Kept kept(folder.path, durability);
        CHECK(kept.load().bindings.empty());
        kept.store.write({UserChange{false, user_with_password("alice", "secret")}}, [&](bool written) { user_written = written; });
        kept.write(write_of(2, "sip:long@h", kLater));
        kept.write(write_of(3, "sip:gone@h", kLater));
        kept.write(write_of(4, "sip:gone@h", kLater, true));
        CHECK(kept.store.queued() == 4);
        run_until_stopped(kept.loop);
        CHECK(user_written);
        CHECK(kept.good == std::vector<std::uint64_t>{2, 3, 4});
        CHECK(kept.commits == 2);  // the first change alone, then all that waited while it was written
    }
    Kept kept(folder.path, durability);
    const auto found = kept.load();
    REQUIRE(found.users.size() == 1);
    CHECK(found.users[0] == user_with_password("alice", "secret"));
    REQUIRE(found.bindings.size() == 1);
    CHECK(are_equal(found.bindings.at("sip:long@h").view(), binding_of("sip:long@h", kLater)));
}

TEST_CASE("batched changes wait for their interval and go in one commit", "[registrar][store]") {
    const Folder folder;
    {
        Kept kept(folder.path, Durability::batched);
        (void)kept.load();
        for (int i = 0; i < 100; ++i) kept.write(write_of(0, "sip:c" + std::to_string(i) + "@h", kLater));
        run_until_stopped(kept.loop);
        CHECK(kept.commits == 1);
    }
    CHECK(Kept(folder.path, Durability::batched).load().bindings.size() == 100);
}

TEST_CASE("between two strict commits the pace is kept, and what came meanwhile shares the second", "[registrar][store]") {
    const Folder folder;
    constexpr base::milliseconds pace(1000);  // longer than the first commit takes on any machine
    Kept kept(folder.path, Durability::strict, pace);
    (void)kept.load();
    const auto begin = kept.loop.now().steady;
    kept.write(write_of(1, "sip:a@h", kLater));
    run_until_stopped(kept.loop);
    for (std::uint64_t id = 2; id < 9; ++id) kept.write(write_of(id, "sip:a@h", kLater));
    run_until_stopped(kept.loop);
    CHECK(kept.loop.now().steady - begin >= pace);
    CHECK(kept.commits == 2);
    CHECK(kept.good.size() == 8);
}

TEST_CASE("in memory alone bindings are not written and those of an earlier run go, users stay", "[registrar][store]") {
    const Folder folder;
    {
        Kept kept(folder.path, Durability::strict);
        (void)kept.load();
        kept.write(write_of(1, "sip:a@h", kLater));
        run_until_stopped(kept.loop);
    }
    {
        Kept kept(folder.path, Durability::memory);
        CHECK(kept.load().bindings.empty());
        kept.write(write_of(0, "sip:b@h", kLater));
        CHECK(kept.store.queued() == 0);
        kept.store.write({UserChange{false, user_with_password("alice", "secret")}}, {});
        run_until_stopped(kept.loop);
    }
    const auto found = Kept(folder.path, Durability::strict).load();
    CHECK(found.bindings.empty());
    CHECK(found.users.size() == 1);
}

TEST_CASE("a journal of overtaken changes is replaced by what lives", "[registrar][store]") {
    const Folder folder;
    {
        Kept kept(folder.path, Durability::strict);
        (void)kept.load();
        for (std::uint64_t id = 1; id <= 60; ++id) {
            const auto contact = "sip:" + std::to_string(id % 20) + "@h";
            kept.write(write_of(id, contact, kLater));
            if (id <= 20) kept.live.push_back(contact);
            run_until_stopped(kept.loop);
        }
        CHECK(kept.walks == 0);
        for (std::uint64_t id = 61; kept.walks < 1; ++id) {
            kept.write(write_of(id, "sip:0@h", kLater));
            run_until_stopped(kept.loop);
        }
        CHECK(kept.good.size() >= 70);
        for (const auto enough = kept.commits + 19; kept.commits < enough;) run_until_stopped(kept.loop);  // one live binding with each of 20 commits
    }
    const auto found = Kept(folder.path, Durability::strict).load();
    CHECK(found.bindings.size() == 20);
    CHECK(found.changes < 30);
}

TEST_CASE("bindings of version 1 are kept", "[registrar][store]") {
    const Folder folder;
    {
        io::Database old(folder.path + "/registrar.db", io::Database::Sync::full);
        old.execute("CREATE TABLE users (realm TEXT NOT NULL, user TEXT NOT NULL, ha1_md5 TEXT NOT NULL, ha1_sha256 TEXT NOT NULL, ha1_sha512_256 TEXT NOT NULL,"
                    " PRIMARY KEY (realm, user)) WITHOUT ROWID;"
                    "CREATE TABLE bindings (realm TEXT NOT NULL, address TEXT NOT NULL, contact TEXT NOT NULL, call_id TEXT NOT NULL, cseq INTEGER NOT NULL,"
                    " q INTEGER NOT NULL, expires INTEGER NOT NULL, path TEXT NOT NULL, instance TEXT NOT NULL, received TEXT NOT NULL, user TEXT NOT NULL,"
                    " scheme TEXT NOT NULL, user_agent TEXT NOT NULL, PRIMARY KEY (realm, address, contact)) WITHOUT ROWID;"
                    "PRAGMA user_version = 1;"
                    "INSERT INTO users VALUES ('example.org', 'alice', 'a', 'b', 'c');"
                    "INSERT INTO bindings VALUES ('elsewhere', 'sip:x@y', 'sip:x@z', 'c', 1, 1000, 2, '', '', '', 'x', '', ''),"
                    " ('example.org', 'sip:alice@example.org', 'sip:a@h', 'c', 7, 300, 1700000600000, '<sip:t@h;lr>', '<urn:1>', 'udp:192.0.2.9:5060', 'alice',"
                    " 'Digest/MD5', 'phone')");
    }
    for (int start = 0; start < 2; ++start) {
        Kept kept(folder.path, Durability::strict);
        const auto found = kept.load();
        CHECK(found.users.size() == 1);
        REQUIRE(found.bindings.size() == 1);
        auto expected = binding_of("sip:a@h", kLater);
        expected.reg_id = 0;
        CHECK(are_equal(found.bindings.at("sip:a@h").view(), expected));
    }
    io::Database now(folder.path + "/registrar.db", io::Database::Sync::full);
    CHECK(now.version() == 3);
    CHECK_THROWS_AS(now.prepare("SELECT * FROM bindings"), io::DatabaseError);
    auto rows = now.prepare("SELECT count(*) FROM journal WHERE realm = 'elsewhere'");
    REQUIRE(rows.step());
    CHECK(rows.integer(0) == 1);
}

TEST_CASE("a failed commit is told, and what nobody waits for is tried again", "[registrar][store]") {
    const Folder folder;
    {
        Kept kept(folder.path, Durability::strict);
        (void)kept.load();
        io::Database other(folder.path + "/registrar.db", io::Database::Sync::normal);
        other.execute("ALTER TABLE journal RENAME TO hidden");
        kept.write(write_of(0, "sip:a@h", kLater));
        kept.write(write_of(5, "sip:b@h", kLater));
        while (kept.bad.empty()) run_until_stopped(kept.loop);
        CHECK_FALSE(kept.complaint.empty());
        CHECK(kept.bad == std::vector<std::uint64_t>{5});
        CHECK(kept.store.queued() == 1);
        other.execute("ALTER TABLE hidden RENAME TO journal");
        kept.store.flush();
        while (kept.store.queued() > 0) run_until_stopped(kept.loop);
    }
    const auto found = Kept(folder.path, Durability::strict).load();
    REQUIRE(found.bindings.size() == 1);
    CHECK(found.bindings.contains("sip:a@h"));
}

TEST_CASE("a damaged journal is an error and nothing else", "[registrar][store]") {
    const Folder folder;
    {
        Kept kept(folder.path, Durability::strict);
        (void)kept.load();
    }
    io::Database other(folder.path + "/registrar.db", io::Database::Sync::normal);
    other.execute("INSERT INTO journal (realm, changes) VALUES ('example.org', x'0100')");
    Kept kept(folder.path, Durability::strict);
    CHECK_THROWS_AS(kept.load(), io::DatabaseError);
}

TEST_CASE("two stores never share a directory", "[registrar][store]") {
    const Folder folder;
    Kept first(folder.path, Durability::strict);
    CHECK_THROWS_WITH(Kept(folder.path, Durability::strict), Catch::Contains("another program (process " + std::to_string(getpid()) + ")"));
}

}  // namespace
}  // namespace confab::registrar
