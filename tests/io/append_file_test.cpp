#include "io/append_file.hpp"

#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>

using namespace confab;

namespace {

struct Folder {
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "append-file-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string file() const { return path / "log"; }
    std::string text() const {
        std::ifstream in(file());
        return {std::istreambuf_iterator<char>(in), {}};
    }
    std::filesystem::path path;
};

io::AppendFile opened(const Folder& folder) {
    auto file = io::AppendFile::open(folder.file());
    REQUIRE(file);
    return std::move(*file);
}

}  // namespace

TEST_CASE("a file grows at its end and can be read in parts") {
    Folder folder;
    {
        auto file = opened(folder);
        CHECK(file.append("one\n"));
    }
    auto file = opened(folder);
    CHECK(file.size() == 4);
    CHECK(file.append("two\n"));
    CHECK(file.sync());
    CHECK(folder.text() == "one\ntwo\n");
    CHECK(*file.read(4, 100) == "two\n");
    CHECK(*file.read(2, 3) == "e\nt");
    CHECK(file.read(100, 3)->empty());
}

TEST_CASE("an unfinished last line goes, whole ones stay") {
    struct Row {
        std::string before, after;
    };
    for (const auto& row : {Row{"", ""}, Row{"a\n", "a\n"}, Row{"a\nb", "a\n"}, Row{"b", ""}, Row{"a\n" + std::string(200'000, 'x'), "a\n"}}) {
        Folder folder;
        std::ofstream(folder.file()) << row.before;
        auto file = opened(folder);
        CHECK(file.cut_unfinished_line());
        CHECK(folder.text() == row.after);
        CHECK(file.size() == row.after.size());
        CHECK(file.append("c\n"));
        CHECK(folder.text() == row.after + "c\n");
    }
}

TEST_CASE("a full disk leaves no part of a text") {
    Folder folder;
    auto file = opened(folder);
    CHECK(file.append("one\n"));
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit tight{6, before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &tight) == 0);
    const auto put = file.append("twelve\n");
    REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
    REQUIRE_FALSE(put);
    CHECK(put.error() == folder.file() + ": File too large");
    CHECK(folder.text() == "one\n");
    CHECK(file.append("two\n"));
    CHECK(folder.text() == "one\ntwo\n");
}

TEST_CASE("what is no regular file is refused") {
    CHECK_FALSE(io::AppendFile::open("/dev/full"));
    CHECK_FALSE(io::AppendFile::open("/nowhere/at/all"));
}
