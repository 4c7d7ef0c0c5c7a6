// Which nonce counts were seen (RFC 7616 §3.4, `nc`): for each nonce in use a window of 64, numbers in any order, each once. One flat table and one queue,
// both bounded: nothing is allocated for a nonce. Pure.
//
// A nonce is known by the number under which its challenger issued it. The bound reached, the one first used goes, and with it all of its age that
// were not seen yet: a forgotten nonce must not come back as a new one, or its counts could be used again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace confab::sip {

class NonceWindows {
public:
    explicit NonceWindows(std::size_t limit) : limit_(limit) {}

    struct Nonce {
        std::uint64_t number = 0;
        std::int64_t issued = 0;  // ms
    };
    // False when `nc` was taken already or lies behind the window. Nonces issued before `oldest` are forgotten first.
    bool take(const Nonce& nonce, std::uint32_t nc, std::int64_t oldest);
    // The same for an answer without qop: a nonce that nothing else was seen with, once.
    bool take_alone(const Nonce& nonce, std::int64_t oldest);

    std::size_t size() const { return order_.size() - forgotten_; }

private:
    // Seen counts are bits below `highest`, whose own is always set: a cell without any is free.
    struct Cell {
        std::uint32_t number = 0, highest = 0;
        std::uint64_t seen = 0;
        bool take(std::uint32_t nc);
    };

    std::size_t mask() const { return cells_.size() - 1; }
    std::size_t home_of(std::uint32_t number) const { return number * std::size_t{0x9e3779b1} & mask(); }
    std::size_t place_of(std::uint32_t number) const;
    Cell* find(std::uint32_t number);
    Cell* insert(const Nonce& nonce, std::int64_t oldest);
    void erase(std::uint32_t number);
    void grow();
    void forget_first();

    std::size_t limit_;
    std::vector<Cell> cells_;
    std::vector<Nonce> order_;  // by first use; those before `forgotten_` are gone
    std::size_t forgotten_ = 0;
    std::int64_t forgotten_until_ = -1;  // nonces issued up to then (ms) are no longer accepted as new
};

}  // namespace confab::sip
