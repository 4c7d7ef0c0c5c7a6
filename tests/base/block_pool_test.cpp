#include "base/block_pool.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <string>
#include <vector>

using namespace confab::base;

TEST_CASE("block pool: what is stored stays until it is dropped, whatever its size") {
    BlockPool pool;
    std::mt19937 random(5);
    struct Kept {
        BlockPool::Block block;
        std::string text;
    };
    std::vector<Kept> kept(300);
    const std::size_t bounds[] = {1, 80, 1100, 5000, 16384, 70'000};
    for (int step = 0; step < 30'000; ++step) {
        auto& one = kept[random() % kept.size()];
        REQUIRE(one.block.text() == one.text);
        if (random() % 3 == 0) {
            pool.drop(one.block);
            one.text.clear();
            continue;
        }
        one.text.assign(random() % (bounds[random() % std::size(bounds)] + 1), static_cast<char>('a' + random() % 26));
        if (!one.text.empty()) one.text.back() = '!';
        pool.store(one.block, one.text);
    }
    for (auto& one : kept) {
        CHECK(one.block.text() == one.text);
        pool.drop(one.block);
    }
    CHECK(pool.pages() <= 32 + 16);  // one open page a size class, and those kept
}

TEST_CASE("block pool: a block may shrink to a part of itself") {
    BlockPool pool;
    for (const std::size_t length : {40, 900}) {
        BlockPool::Block block;
        pool.store(block, std::string(length, 'x') + "tag");
        pool.store(block, block.text().substr(length));
        CHECK(block.text() == "tag");
        pool.drop(block);
    }
}

TEST_CASE("block pool: every size up to its bounds") {
    BlockPool pool;
    std::vector<BlockPool::Block> blocks;
    for (std::size_t length = 0; length <= 20'000; length += length < 2000 ? 1 : 97) {
        BlockPool::Block block;
        pool.store(block, std::string(length, static_cast<char>('a' + length % 26)));
        blocks.push_back(block);
    }
    for (auto& block : blocks) {
        CHECK(block.text() == std::string(block.length, static_cast<char>('a' + block.length % 26)));
        pool.drop(block);
    }
}

TEST_CASE("block pool: pages of a burst go back") {
    BlockPool pool;
    std::vector<BlockPool::Block> blocks(50'000);
    for (auto& block : blocks) pool.store(block, std::string(400, 'x'));
    CHECK(pool.pages() > 300);
    for (auto& block : blocks) pool.drop(block);
    CHECK(pool.pages() <= 17);
}
