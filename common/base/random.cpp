#include "base/random.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string_view>

#include "base/check.hpp"
#include "base/hash.hpp"

namespace confab::base {

Random::Random(const Seed& seed) : seed_(seed) {}

void Random::refill() {
    std::array<char, sizeof(Seed) + sizeof(counter_)> block;
    std::memcpy(block.data(), seed_.data(), seed_.size());
    for (std::size_t at = 0; at < pool_.size(); at += sizeof(Sha256Octets)) {
        for (std::size_t i = 0; i < sizeof(counter_); ++i) block[seed_.size() + i] = static_cast<char>(counter_ >> (8 * i));
        ++counter_;
        const auto octets = sha256_octets({block.data(), block.size()});
        std::copy(octets.begin(), octets.end(), pool_.begin() + static_cast<std::ptrdiff_t>(at));
    }
    used_ = 0;
}

void Random::fill(std::span<std::uint8_t> out) {
    while (!out.empty()) {
        if (used_ == pool_.size()) refill();
        const auto count = std::min(out.size(), pool_.size() - used_);
        std::copy_n(pool_.begin() + static_cast<std::ptrdiff_t>(used_), count, out.begin());
        used_ += count;
        out = out.subspan(count);
    }
}

std::uint64_t Random::next() {
    std::array<std::uint8_t, 8> octets;
    fill(octets);
    std::uint64_t value = 0;
    for (auto octet : octets) value = (value << 8) | octet;
    return value;
}

std::uint64_t Random::below(std::uint64_t bound) {
    CHECK(bound > 0, "Random::below(0)");
    // The values above the last whole multiple of the bound would favour small results.
    const std::uint64_t limit = std::numeric_limits<std::uint64_t>::max() / bound * bound;
    std::uint64_t value = next();
    while (value >= limit) value = next();
    return value % bound;
}

std::string Random::token(std::size_t length) {
    std::string out;
    append_token(out, length);
    return out;
}

void Random::append_token(std::string& out, std::size_t length) {
    constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuv";
    const auto start = out.size();
    out.resize(start + length);
    for (std::size_t i = start; i < out.size(); ++i) {
        if (used_ == pool_.size()) refill();
        out[i] = kAlphabet[pool_[used_++] & 31];
    }
}

}  // namespace confab::base
