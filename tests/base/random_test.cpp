#include "base/random.hpp"

#include <catch2/catch.hpp>
#include <set>

using namespace confab::base;

TEST_CASE("random: a seed repeats, another differs") {
    Random a({1}), b({1}), c({2});
    const auto first = a.next();
    CHECK(first == b.next());
    CHECK(first != c.next());
    CHECK(first != a.next());
}

TEST_CASE("random: octets do not depend on how they are asked for") {
    Random a({7}), b({7});
    std::array<std::uint8_t, 700> whole, pieces;
    a.fill(whole);
    for (std::size_t at = 0; at < pieces.size(); at += 7) b.fill(std::span(pieces).subspan(at, 7));
    CHECK(whole == pieces);
}

TEST_CASE("random: below stays below and reaches every value") {
    Random random({3});
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 1000; ++i) seen.insert(random.below(10));
    CHECK(seen.size() == 10);
    CHECK(*seen.rbegin() == 9);
    CHECK(random.below(1) == 0);
}

TEST_CASE("random: tokens") {
    Random random({4});
    const auto token = random.token(600);
    CHECK(token.size() == 600);
    CHECK(token.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz") == token.npos);
    CHECK(std::set<char>(token.begin(), token.end()).size() == 32);
    std::string out = "z9hG4bK";
    random.append_token(out, 10);
    CHECK(out.size() == 17);
    CHECK(out.starts_with("z9hG4bK"));
}
