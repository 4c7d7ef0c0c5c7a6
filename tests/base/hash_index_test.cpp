#include "base/hash_index.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <random>

using confab::base::HashIndex;

namespace {

std::uint32_t found(const HashIndex& index, std::uint32_t hash, std::uint32_t slot) {
    return index.find(hash, [&](std::uint32_t one) { return one == slot; });
}

}  // namespace

TEST_CASE("hash index: finds by hash and by what the searcher accepts") {
    HashIndex index;
    CHECK(found(index, 7, 1) == HashIndex::kNone);
    index.insert(7, 1);
    index.insert(7, 2);
    index.insert(23, 3);  // the same home in a small index
    CHECK(index.size() == 3);
    CHECK(found(index, 7, 2) == 2);
    CHECK(found(index, 23, 3) == 3);
    CHECK(found(index, 23, 1) == HashIndex::kNone);
    index.replace(7, 1, 9);
    CHECK(found(index, 7, 1) == HashIndex::kNone);
    CHECK(found(index, 7, 9) == 9);
    index.erase(7, 9);
    CHECK(found(index, 7, 2) == 2);
    CHECK(found(index, 23, 3) == 3);
    CHECK(index.size() == 2);
}

TEST_CASE("hash index: any order of insertions and erasures leaves exactly what is there") {
    // Few hashes, so that probes run into each other, also around the end.
    std::mt19937 random(5);
    HashIndex index;
    std::map<std::uint32_t, std::uint32_t> there;
    for (std::uint32_t step = 0; step < 20'000; ++step) {
        const auto slot = static_cast<std::uint32_t>(random() % 300);
        if (const auto known = there.find(slot); known != there.end()) {
            index.erase(known->second, slot);
            there.erase(known);
        } else {
            const auto hash = 0xfffffff0U + static_cast<std::uint32_t>(random() % 40);
            index.insert(hash, slot);
            there.emplace(slot, hash);
        }
        if (step % 100 != 0) continue;
        CHECK(index.size() == there.size());
        for (std::uint32_t one = 0; one < 300; ++one) {
            const auto known = there.find(one);
            if (known != there.end()) CHECK(found(index, known->second, one) == one);
            if (known == there.end())
                for (std::uint32_t hash = 0xfffffff0U; hash != 24; ++hash) CHECK(found(index, hash, one) == HashIndex::kNone);
        }
    }
}
