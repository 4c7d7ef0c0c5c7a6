// Random values for tags, branches, nonces and SSRCs. A generator is a value with a seed: io seeds one from the kernel for each
// thread, tests seed with a constant. SHA-256 in counter mode: unguessable when the seed is, repeatable when it is constant.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace confab::base {

using Seed = std::array<std::uint8_t, 32>;

class Random {
public:
    explicit Random(const Seed& seed);

    std::uint64_t next();
    std::uint64_t below(std::uint64_t bound);  // uniform in [0, bound)
    void fill(std::span<std::uint8_t> out);
    std::string token(std::size_t length);                    // [0-9a-z], 5 bits a character
    void append_token(std::string& out, std::size_t length);  // the same, in place

private:
    void refill();

    Seed seed_;
    std::uint64_t counter_ = 0;
    std::array<std::uint8_t, 256> pool_{};
    std::size_t used_ = sizeof(pool_);
};

}  // namespace confab::base
