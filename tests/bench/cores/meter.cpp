#include "meter.hpp"

#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <new>

namespace {
std::uint64_t made = 0;
std::int64_t held = 0;

void* take(std::size_t size) noexcept {
    void* memory = std::malloc(size ? size : 1);
    ++made;
    if (memory) held += static_cast<std::int64_t>(malloc_usable_size(memory));
    return memory;
}
void give_back(void* memory) noexcept {
    if (memory) held -= static_cast<std::int64_t>(malloc_usable_size(memory));
    std::free(memory);
}
}  // namespace

// g++ sees malloc behind the one and free behind the other only where it inlines.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

void* operator new(std::size_t size) {
    if (void* memory = take(size)) return memory;
    throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return take(size); }
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }

namespace confab::bench {
namespace {

// What reading the clock twice costs by itself.
double clock_cost() {
    static const double cost = [] {
        double least = 1e9;
        for (int round = 0; round < 100; ++round) {
            const auto start = std::chrono::steady_clock::now();
            for (int i = 0; i < 100; ++i) std::chrono::steady_clock::now();
            least = std::min(least, std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count() / 100);
        }
        return least;
    }();
    return cost;
}

}  // namespace

std::uint64_t allocations() { return made; }
std::int64_t live_octets() { return held; }

void Meter::count(std::uint64_t operations) {
    in_batch_ += operations;
    operations_ += operations;
    if (in_batch_ < kBatch) return;
    const double time = std::chrono::duration<double, std::nano>(spent_).count() - clock_cost() * static_cast<double>(stretches_);
    batches_.push_back(time / static_cast<double>(in_batch_));
    spent_ = {};
    stretches_ = in_batch_ = 0;
}

void Meter::print(std::string_view what, double octets_each) {
    std::ranges::sort(batches_);
    const double time = batches_.empty() ? 0 : batches_[batches_.size() / 10];
    const double allocated = static_cast<double>(allocated_) / static_cast<double>(std::max<std::uint64_t>(operations_, 1));
    std::printf("%-44.*s %8.0f ns %8.2f allocations", static_cast<int>(what.size()), what.data(), time, allocated);
    if (octets_each > 0) std::printf(" %8.0f octets held", octets_each);
    std::printf("\n");
}

}  // namespace confab::bench
