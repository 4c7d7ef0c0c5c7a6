// test_scenario FILE.scn…: plays each and says which line was not as written. Exit code 0 when all passed, 1 otherwise, 64 without files.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "runner.hpp"

namespace {

std::string read(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    if (!file) throw confab::scenario::Failed(path.string() + " cannot be read");
    return text.str();
}

bool play(const std::filesystem::path& path) {
    try {
        confab::scenario::Runner([&](const std::string& name) { return read(path.parent_path() / name); }).run(read(path));
    } catch (const std::exception& failure) {
        std::printf("FAIL %s: %s\n", path.c_str(), failure.what());
        return false;
    }
    std::printf("ok   %s\n", path.c_str());
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    int failed = 0;
    for (int i = 1; i < argc; ++i) failed += play(argv[i]) ? 0 : 1;
    std::printf("%d scenarios, %d failed\n", argc - 1, failed);
    if (argc < 2) return 64;
    return failed == 0 ? 0 : 1;
}
