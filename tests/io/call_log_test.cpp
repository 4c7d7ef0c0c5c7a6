#include "io/call_log.hpp"

#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "io/error.hpp"

using namespace confab;
using base::CallEntry;
using io::CallLog;

namespace {

struct Folder {
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "call-log-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string log() const { return path / "calls"; }
    std::string read(const std::string& name = "calls") const {
        std::ifstream file(path / name);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    void put(const std::string& name, const std::string& text) const { std::ofstream(path / name) << text; }
    std::filesystem::path path;
};

std::string line_of(const std::string& id, std::string_view more = "") { return R"({"id":")" + id + R"(","n":1)" + std::string(more) + "}"; }
CallEntry opened(const std::string& id) { return {CallEntry::Kind::opened, id, line_of(id), false}; }
CallEntry closed(const std::string& id, bool was_open = true) { return {CallEntry::Kind::closed, id, line_of(id, R"(,"ended":1)"), was_open}; }

struct Run {
    explicit Run(const Folder& folder, std::size_t journal = 8 << 20) : log(loop, {folder.log(), base::milliseconds(0), 1 << 20, journal}) {}
    io::Loop loop;
    CallLog log;
};

}  // namespace

TEST_CASE("records are lines of the log, and open calls survive a run") {
    Folder folder;
    {
        Run run(folder);
        CHECK(run.log.take_open().empty());
        run.log.write({opened("a"), closed("b", false), opened("c")});
        run.log.write({closed("a")});
        CHECK(run.log.counts().written == 2);
    }
    CHECK(folder.read() == line_of("b", R"(,"ended":1)") + "\n" + line_of("a", R"(,"ended":1)") + "\n");
    Run run(folder);
    CHECK(run.log.take_open() == std::vector<std::string>{line_of("c")});
    CHECK(folder.read() == line_of("b", R"(,"ended":1)") + "\n" + line_of("a", R"(,"ended":1)") + "\n");
}

TEST_CASE("a record that reached the journal alone is written at the next start, one that reached both is not") {
    Folder folder;
    folder.put("calls", line_of("x") + "\n{\"id\":\"half");
    folder.put("calls.journal", "=\n+y " + line_of("y") + "\n-w " + line_of("w") + "\n=\n-x " + line_of("x") + "\n-y " + line_of("y") + "\n+z " + line_of("z") +
                                    "\n+v {\"id\":\"v");
    Run run(folder);
    CHECK(folder.read() == line_of("x") + "\n" + line_of("y") + "\n");
    CHECK(run.log.take_open() == std::vector<std::string>{line_of("z")});
    CHECK(folder.read("calls.journal") == "=\n+z " + line_of("z") + "\n");
}

TEST_CASE("a fall while the journal is begun anew loses nothing") {
    Folder folder;
    folder.put("calls.journal.old", "=\n+a " + line_of("a") + "\n+b " + line_of("b") + "\n+c " + line_of("c") + "\n");
    folder.put("calls.journal", "=\n-a " + line_of("a") + "\n+b " + line_of("b") + "\n");
    Run run(folder);
    CHECK(run.log.take_open() == std::vector<std::string>{line_of("b"), line_of("c")});
    CHECK(folder.read() == line_of("a") + "\n");
    CHECK_FALSE(std::filesystem::exists(folder.path / "calls.journal.old"));
}

TEST_CASE("what is told of an open call takes the place of what was told before, in a journal begun anew too") {
    Folder folder;
    const auto more = [](const std::string& id) { return CallEntry{CallEntry::Kind::opened, id, line_of(id, R"(,"joined":1)"), false}; };
    SECTION("in one journal") {
        Run run(folder);
        run.log.write({opened("a"), opened("b"), more("a")});
    }
    SECTION("told while a journal is begun anew") {
        Run run(folder, 1);
        run.log.write({opened("a"), opened("b")});
        int calls = 0;
        const auto pass = [&] { run.log.write({closed("x" + std::to_string(calls++), false)}); };
        while (!std::filesystem::exists(folder.path / "calls.journal.old") && calls < 100) pass();
        run.log.write({more("a")});
        pass();
    }
    SECTION("the fall came before the old journal was gone") {
        folder.put("calls.journal.old", "=\n+a " + line_of("a") + "\n+b " + line_of("b") + "\n");
        folder.put("calls.journal", "=\n+a " + line_of("a", R"(,"joined":1)") + "\n");
    }
    SECTION("it came between what was carried") {
        folder.put("calls.journal.old", "=\n+a " + line_of("a") + "\n+b " + line_of("b") + "\n+a " + line_of("a", R"(,"joined":1)") + "\n");
        folder.put("calls.journal", "=\n*a " + line_of("a") + "\n");
    }
    SECTION("it came when all was carried") {
        folder.put("calls.journal", "=\n*a " + line_of("a") + "\n*b " + line_of("b") + "\n*a " + line_of("a", R"(,"joined":1)") + "\n");
    }
    Run run(folder);
    CHECK(run.log.take_open() == std::vector<std::string>{line_of("a", R"(,"joined":1)"), line_of("b")});
}

TEST_CASE("a journal that has grown is begun anew with the open calls") {
    Folder folder;
    int calls = 0;
    {
        Run run(folder, 4096);
        run.log.write({opened("keep")});
        // The next one is not begun before a thread has done away with the last.
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        const auto has_shrunk = [&] { return std::filesystem::file_size(folder.path / "calls.journal") < 8192; };
        while (calls < 2000 || (!has_shrunk() && std::chrono::steady_clock::now() < deadline)) {
            const auto id = "n" + std::to_string(calls++);
            run.log.write({opened(id)});
            run.log.write({closed(id)});
        }
        CHECK(has_shrunk());
        CHECK(run.log.counts().written == static_cast<std::uint64_t>(calls));
    }
    Run run(folder);
    CHECK(run.log.take_open() == std::vector<std::string>{line_of("keep")});
    std::string all = folder.read();
    CHECK(std::count(all.begin(), all.end(), '\n') == calls);
}

TEST_CASE("rotation: moved away, opened again") {
    Folder folder;
    Run run(folder);
    run.log.write({closed("a", false)});
    std::filesystem::rename(folder.log(), folder.log() + ".1");
    run.log.write({closed("b", false)});
    run.log.reopen();
    run.log.write({closed("c", false)});
    CHECK(folder.read("calls.1") == line_of("a", R"(,"ended":1)") + "\n" + line_of("b", R"(,"ended":1)") + "\n");
    CHECK(folder.read() == line_of("c", R"(,"ended":1)") + "\n");
}

TEST_CASE("a log that cannot be opened, and one that another program writes") {
    Folder folder;
    CHECK_THROWS_AS(([&] {
                        io::Loop loop;
                        CallLog log(loop, {(folder.path / "absent" / "calls").string()});
                    }()),
                    io::StartupError);
    std::filesystem::create_symlink("/dev/full", folder.path / "device");
    CHECK_THROWS_AS(([&] {
                        io::Loop loop;
                        CallLog log(loop, {(folder.path / "device").string()});
                    }()),
                    io::StartupError);
    Run run(folder);
    CHECK_THROWS_AS(Run(folder), io::StartupError);
}

TEST_CASE("a full disk: records wait and none is lost when there is room again") {
    Folder folder;
    Run run(folder);
    run.log.write({closed("a", false)});
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit tight{40, before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &tight) == 0);
    run.log.write({closed("b", false)});
    run.log.write({closed("c", false)});
    REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
    CHECK(run.log.is_waiting());
    CHECK(run.log.counts().failures > 0);
    CHECK(folder.read() == line_of("a", R"(,"ended":1)") + "\n");  // no part of a line
    run.log.write({closed("d", false)});
    CHECK_FALSE(run.log.is_waiting());
    CHECK(run.log.counts().written == 4);
    CHECK(run.log.counts().lost == 0);
    std::string all = folder.read();
    CHECK(std::count(all.begin(), all.end(), '\n') == 4);
}
