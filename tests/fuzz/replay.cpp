// Runs a fuzz target's entry point without libFuzzer: every file of the corpus as it is, then a bounded number of mutations of each. The
// mutations repeat from run to run, so that a failure here can be looked at again.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/random.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size);

namespace {

constexpr int kMutations = 400;

void run(const std::string& input) { LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size()); }

std::string mutated(std::string input, const std::string& other, confab::base::Random& random) {
    constexpr std::string_view kSpice("\r\n ;,:<>\"\\@%=?\t\0[]/9", 20);
    for (auto steps = 1 + random.below(4); steps > 0; --steps) {
        const auto at = random.below(input.size() + 1);
        const auto length = random.below(std::min<std::size_t>(input.size() - at, 40) + 1);
        switch (random.below(5)) {
            case 0:
                input.insert(at, 1, kSpice[random.below(kSpice.size())]);
                break;
            case 1:
                input.erase(at, length);
                break;
            case 2:
                input.insert(at, input.substr(at, length));
                break;
            case 3:
                if (at < input.size()) input[at] = static_cast<char>(random.below(256));
                break;
            default:
                input.insert(at, other.substr(random.below(other.size() + 1), 60));
                break;
        }
    }
    return input;
}

std::vector<std::string> read_corpus(const char* folder) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    std::vector<std::string> inputs;
    for (const auto& path : paths) {
        std::ifstream in(path, std::ios::binary);
        inputs.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    }
    return inputs;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2 || !std::filesystem::is_directory(argv[1])) {
        std::fprintf(stderr, "usage: %s CORPUS-DIRECTORY\n", argv[0]);
        return 64;
    }
    const auto inputs = read_corpus(argv[1]);
    if (inputs.empty()) {
        std::fprintf(stderr, "%s holds no seed\n", argv[1]);
        return 66;
    }
    run({});
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        run(inputs[i]);
        confab::base::Random random({static_cast<std::uint8_t>(i), 1});
        for (int k = 0; k < kMutations; ++k) run(mutated(inputs[i], inputs[random.below(inputs.size())], random));
    }
    std::printf("%zu seeds, %d mutations each\n", inputs.size(), kMutations);
    return 0;
}
