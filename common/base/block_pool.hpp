// Texts of a few hundred octets that live for seconds, in blocks that are used again: storing one allocates nothing once the pool has grown, and pages that
// have emptied go back. One owner, one thread. A Block is only a place: who holds one gives it back to the same pool.
//
// Sizes are rounded up to a multiple of 64 (to 1 KiB), then to quarters of powers of two; beyond 16 KiB each block is an allocation of its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace confab::base {

class BlockPool {
public:
    struct Block {
        const char* octets = nullptr;
        std::uint32_t length = 0;
        std::string_view text() const { return {octets, length}; }
    };

    BlockPool() = default;
    BlockPool(const BlockPool&) = delete;
    BlockPool& operator=(const BlockPool&) = delete;
    ~BlockPool();  // blocks still out die with it

    // Leaves `block` holding `text`, which may be a part of what it held.
    void store(Block& block, std::string_view text);
    void drop(Block& block);

    std::size_t pages() const { return pages_; }

private:
    static constexpr std::size_t kPageSize = 65536, kClasses = 32, kKeptPages = 16;
    struct Page;

    static std::size_t class_of(std::size_t length);
    static std::size_t size_of(std::size_t size_class);
    char* take(std::size_t length);
    void give(char* octets, std::size_t length);
    Page* open_page(std::size_t size_class);
    void link(Page* page);
    void unlink(Page* page);
    static void free_page(Page* page);

    std::array<Page*, kClasses> roomy_{};  // by size class: a list of pages with a free block
    std::vector<Page*> empty_;             // kept for the next page of any class
    Page* all_ = nullptr;
    std::size_t pages_ = 0;
};

}  // namespace confab::base
