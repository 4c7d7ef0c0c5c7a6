#include "sip-proxy/context_table.hpp"

#include <catch2/catch.hpp>

using namespace confab;
using namespace confab::proxy;

TEST_CASE("a request is found by its number and its server transaction until it is over") {
    ContextTable table;
    const auto id = table.open({5});
    REQUIRE(table.pending(id) != nullptr);
    CHECK(table.pending(id)->server == sip::ServerId{5});
    CHECK(table.find({5}) == id);
    CHECK(table.find({6}) == 0);
    CHECK((table.size() == 1 && table.unanswered() == 1));
    CHECK(table.remains(id) == nullptr);

    table.pending(id)->method = sip::Method::invite;
    table.pending(id)->branches.push_back({Branch::State::finished});
    table.pending(id)->branches.push_back({Branch::State::abandoned});
    const auto& remains = table.answer(id);
    CHECK(table.pending(id) == nullptr);
    CHECK(table.remains(id) == &remains);
    CHECK(remains.open == 2);
    CHECK(remains.server == sip::ServerId{5});
    CHECK((table.size() == 1 && table.unanswered() == 0));

    table.erase(id);
    CHECK(table.remains(id) == nullptr);
    CHECK(table.find({5}) == 0);
    CHECK(table.size() == 0);
}

TEST_CASE("the number of one that is over finds nothing, whoever has its place") {
    ContextTable table;
    const auto first = table.open({1});
    table.erase(first);
    const auto second = table.open({2});
    CHECK(first != second);
    CHECK(table.pending(first) == nullptr);
    CHECK(table.pending(second) != nullptr);
    CHECK(table.pending(0) == nullptr);
    CHECK(table.pending(~std::uint64_t{0}) == nullptr);
    CHECK((table.size() == 1 && table.unanswered() == 1));
}

TEST_CASE("a context is used again with its memory and without its past") {
    ContextTable table;
    auto id = table.open({1});
    auto* context = table.pending(id);
    context->request.assign(5000, 'x');
    context->cancelled = true;
    const auto* memory = context->request.data();
    table.answer(id);
    table.erase(id);
    id = table.open({2});
    REQUIRE(table.pending(id) == context);
    CHECK(context->request.empty());
    CHECK_FALSE(context->cancelled);
    context->request.assign(5000, 'y');
    CHECK(context->request.data() == memory);
}

TEST_CASE("many requests, in any order") {
    ContextTable table;
    std::vector<ContextTable::Id> ids;
    for (std::uint64_t i = 1; i <= 1000; ++i) ids.push_back(table.open({i << 32 | i % 97}));
    for (std::uint64_t i = 1; i <= 1000; ++i) CHECK(table.find({i << 32 | i % 97}) == ids[i - 1]);
    for (std::size_t i = 0; i < ids.size(); i += 2) table.erase(ids[i]);
    for (std::uint64_t i = 1; i <= 1000; ++i) CHECK(table.find({i << 32 | i % 97}) == ((i - 1) % 2 == 0 ? 0 : ids[i - 1]));
    CHECK(table.size() == 500);
}
