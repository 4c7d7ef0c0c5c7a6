#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>

#include "conf-locate/store.hpp"

namespace confab::locate {
namespace {

// A directory that ends with the test.
class Folder {
public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "confab-locate-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string path;
};

// Writes all and runs the loop until the last is done; fails the test when it takes too long.
void write_all(io::Loop& loop, Store& store, std::vector<Change> changes) {
    std::size_t done = 0;
    const auto count = changes.size();
    for (auto& change : changes)
        store.write(std::move(change), [&](const std::string& error) {
            CHECK(error.empty());
            if (++done == count) loop.stop();
        });
    io::Timer limit(loop, [&] { loop.stop(); });
    limit.after(base::seconds(20));
    loop.run();
    REQUIRE(done == count);
    CHECK(store.queued() == 0);
}

const EntryPolicy kPolicy{.leader_pin = "1", .security_code = "2", .wait_for_host = true, .lobby = true, .host_leaves = "end", .language = "fr",
                          .announce = "none", .starts = "2026-11-21T09:00:00Z", .ends = "2026-11-21T10:00:00Z"};

TEST_CASE("what the directory's store has confirmed is there after a new start", "[locate][store]") {
    const Folder folder;
    {
        io::Loop loop;
        Store store(loop, folder.path, "example.org");
        CHECK(store.load().empty());
        write_all(loop, store,
                  {Conference{"1234", "4711", "Board", 5, "b1"}, Conference{"1", "", "", 0, ""}, Conference{"1", "22", "x", 1, "", kPolicy}, Conference{"2", "", "", 0, ""},
                   AccessNumber{"800", "1234", "de"}, AccessNumber{"801", "2"}, AccessNumber{"802", ""}, AccessNumber{"803", ""}, EraseAccessNumber{"803"},
                   EraseConference{"2"}, BridgeEntry{"b1", "udp:192.0.2.40:5080", 100, true}, BridgeEntry{"b2", "udp:192.0.2.41:5080", 50, true},
                   BridgeEntry{"b2", "udp:192.0.2.41:5080", 50, false}, BridgeEntry{"b3", "udp:192.0.2.42:5080", 1, true}, EraseBridge{"b3"}});
    }
    io::Loop loop;
    Store store(loop, folder.path, "example.org");
    const auto all = store.load();
    REQUIRE(all.size() == 6);
    CHECK(std::get<Conference>(all[0]) == Conference{"1", "22", "x", 1, "", kPolicy});
    CHECK(std::get<Conference>(all[1]) == Conference{"1234", "4711", "Board", 5, "b1"});
    CHECK(std::get<AccessNumber>(all[2]) == AccessNumber{"800", "1234", "de"});
    CHECK(std::get<AccessNumber>(all[3]) == AccessNumber{"802", ""});
    CHECK(std::get<BridgeEntry>(all[4]).capacity == 100);
    CHECK(std::get<BridgeEntry>(all[4]).alive);
    CHECK_FALSE(std::get<BridgeEntry>(all[5]).alive);

    Store other(loop, folder.path, "another.org");
    CHECK(other.load().empty());
}

TEST_CASE("a directory that cannot be written is told to who waits", "[locate][store]") {
    std::string error;
    io::Loop loop;
    Store store(loop, "/nonexistent", "example.org");
    store.write(Conference{"1", "", "", 0, ""}, [&](const std::string& sentence) {
        error = sentence;
        loop.stop();
    });
    io::Timer limit(loop, [&] { loop.stop(); });
    limit.after(base::seconds(20));
    loop.run();
    CHECK_FALSE(error.empty());
}

}  // namespace
}  // namespace confab::locate
