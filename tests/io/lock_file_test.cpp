#include "io/lock_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <optional>

#include "io/error.hpp"
#include "stage.hpp"

using namespace confab;

TEST_CASE("lock file: one holder at a time, named to the next, and nobody but the owner may read it") {
    const test::Folder folder;
    const auto path = folder / "lock";
    std::optional<io::LockFile> first(std::in_place, path);
    struct stat facts {};
    REQUIRE(stat(path.c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777) == 0600);
    try {
        io::LockFile second(path);
        FAIL("two hold the lock");
    } catch (const io::StartupError& error) {
        CHECK(error.exit_code() == io::kUnavailable);
        CHECK(std::string(error.what()).find("process " + std::to_string(getpid())) != std::string::npos);
    }
    first.reset();
    CHECK_NOTHROW(io::LockFile(path));
}

TEST_CASE("lock file: where it cannot be made the sentence says why") {
    CHECK_THROWS_WITH(io::LockFile("/nowhere/lock"), "/nowhere/lock: No such file or directory");
}
