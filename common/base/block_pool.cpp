#include "base/block_pool.hpp"

#include <bit>
#include <cstring>
#include <new>
#include <utility>

namespace confab::base {
namespace {

constexpr std::size_t kStep = 64, kLinear = 1024, kLargest = 16384;

}  // namespace

// The head of a page; its blocks stand behind it. Pages are aligned to their size, so a block tells its page by its address.
struct alignas(kStep) BlockPool::Page {
    Page* previous = nullptr;  // among the pages of its class that have room
    Page* next = nullptr;
    Page* previous_of_all = nullptr;
    Page* next_of_all = nullptr;
    char* free = nullptr;  // a chain through the free blocks
    std::uint32_t fresh = 0;  // where the blocks begin that were never taken
    std::uint32_t live = 0;
    std::uint32_t size_class = 0;

    bool has_room() const { return free || fresh + size_of(size_class) <= kPageSize; }
    static Page* of(char* block) { return reinterpret_cast<Page*>(reinterpret_cast<std::uintptr_t>(block) & ~(kPageSize - 1)); }
};

std::size_t BlockPool::class_of(std::size_t length) {
    if (length <= kLinear) return length == 0 ? 0 : (length - 1) / kStep;
    const auto quarter = static_cast<std::size_t>(std::bit_width(length - 1)) - 3;  // 2^quarter is a quarter of the power of two below
    return kLinear / kStep + (quarter - 8) * 4 + ((length - 1) >> quarter) - 4;
}

std::size_t BlockPool::size_of(std::size_t size_class) {
    if (size_class < kLinear / kStep) return (size_class + 1) * kStep;
    const auto step = size_class - kLinear / kStep;
    return (5 + step % 4) << (8 + step / 4);
}

BlockPool::~BlockPool() {
    while (all_) free_page(std::exchange(all_, all_->next_of_all));
}

void BlockPool::free_page(Page* page) { ::operator delete(page, std::align_val_t{kPageSize}); }

void BlockPool::store(Block& block, std::string_view text) {
    const bool fits = block.octets && block.length <= kLargest && text.size() <= kLargest && class_of(block.length) == class_of(text.size());
    if (fits) {
        std::memmove(const_cast<char*>(block.octets), text.data(), text.size());
    } else {
        char* fresh = take(text.size());
        if (!text.empty()) std::memcpy(fresh, text.data(), text.size());
        drop(block);
        block.octets = fresh;
    }
    block.length = static_cast<std::uint32_t>(text.size());
}

void BlockPool::drop(Block& block) {
    if (block.octets) give(const_cast<char*>(block.octets), block.length);
    block = {};
}

char* BlockPool::take(std::size_t length) {
    if (length > kLargest) return static_cast<char*>(::operator new(length));
    const auto size_class = class_of(length);
    Page* page = roomy_[size_class] ? roomy_[size_class] : open_page(size_class);
    char* block = page->free;
    if (block) {
        std::memcpy(&page->free, block, sizeof(char*));
    } else {
        block = reinterpret_cast<char*>(page) + page->fresh;
        page->fresh += static_cast<std::uint32_t>(size_of(size_class));
    }
    ++page->live;
    if (!page->has_room()) unlink(page);
    return block;
}

void BlockPool::give(char* block, std::size_t length) {
    if (length > kLargest) return ::operator delete(block);
    Page* page = Page::of(block);
    const bool had_room = page->has_room();
    std::memcpy(block, &page->free, sizeof(char*));
    page->free = block;
    if (!had_room) link(page);
    if (--page->live > 0) return;
    // The last page of a class stays: a lone transaction must not open and close one each time.
    if (roomy_[page->size_class] == page && !page->next) return;
    unlink(page);
    if (empty_.size() < kKeptPages) return empty_.push_back(page);
    (page->previous_of_all ? page->previous_of_all->next_of_all : all_) = page->next_of_all;
    if (page->next_of_all) page->next_of_all->previous_of_all = page->previous_of_all;
    --pages_;
    free_page(page);
}

BlockPool::Page* BlockPool::open_page(std::size_t size_class) {
    Page* page = nullptr;
    if (empty_.empty()) {
        page = new (::operator new(kPageSize, std::align_val_t{kPageSize})) Page;
        page->next_of_all = all_;
        if (all_) all_->previous_of_all = page;
        all_ = page;
        ++pages_;
    } else {
        page = empty_.back();
        empty_.pop_back();
        page->free = nullptr;
    }
    page->size_class = static_cast<std::uint32_t>(size_class);
    page->fresh = sizeof(Page);
    link(page);
    return page;
}

void BlockPool::link(Page* page) {
    Page*& head = roomy_[page->size_class];
    page->previous = nullptr;
    page->next = head;
    if (head) head->previous = page;
    head = page;
}

void BlockPool::unlink(Page* page) {
    (page->previous ? page->previous->next : roomy_[page->size_class]) = page->next;
    if (page->next) page->next->previous = page->previous;
    page->previous = page->next = nullptr;
}

}  // namespace confab::base
