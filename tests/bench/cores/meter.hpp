// Counts what a stretch of code costs: time, and memory through operator new. Single-threaded.
//
// The machine may be busy with other things: operations are timed in batches, and what is told is the mean of a batch that was disturbed little (the tenth
// percentile of all).
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

namespace confab::bench {

std::uint64_t allocations();  // since the start
std::int64_t live_octets();   // held now, as the allocator rounds them

class Meter {
public:
    // What `work` does counts; what stands between two calls does not.
    template <class Work>
    void run(Work&& work) {
        const auto allocated = allocations();
        const auto start = std::chrono::steady_clock::now();
        work();
        spent_ += std::chrono::steady_clock::now() - start;
        allocated_ += allocations() - allocated;
        ++stretches_;
    }
    // Tells that `count` operations were run since the last call.
    void count(std::uint64_t operations = 1);
    void reset() { *this = {}; }
    void print(std::string_view what, double octets_each = 0);

private:
    static constexpr std::uint64_t kBatch = 250;

    std::chrono::nanoseconds spent_{};
    std::uint64_t allocated_ = 0, stretches_ = 0, in_batch_ = 0, operations_ = 0;
    std::vector<double> batches_;  // ns an operation
};

}  // namespace confab::bench
