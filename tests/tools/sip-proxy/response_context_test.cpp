#include "sip-proxy/response_context.hpp"

#include <catch2/catch.hpp>

using namespace confab::proxy;
using Step = ResponseContext::Step;

namespace {

ResponseContext with_groups(std::initializer_list<unsigned> groups) {
    ResponseContext context;
    for (auto group : groups) {
        context.targets.emplace_back();
        context.targets.back().group = group;
    }
    return context;
}

}  // namespace

TEST_CASE("groups are taken in order, each once") {
    auto context = with_groups({0, 0, 1});
    auto group = context.take_group();
    CHECK((group.first == 0 && group.last == 2));
    group = context.take_group();
    CHECK((group.first == 2 && group.last == 3));
    group = context.take_group();
    CHECK(group.first == group.last);
}

TEST_CASE("the best of several final responses (RFC 3261 16.7 step 6)") {
    const struct {
        std::vector<int> offered;
        int best;
    } rows[] = {
        {{}, 503},         {{503}, 503},      {{503, 503}, 503}, {{503, 486}, 486}, {{486, 404}, 486}, {{500, 486}, 486}, {{486, 407}, 407},
        {{404, 302}, 302}, {{486, 603}, 603}, {{603, 404}, 603}, {{430}, 480},      {{430, 503}, 480}, {{408, 503}, 408}, {{487, 500}, 487},
        {{430, 486}, 486}, {{503, 500}, 500},
    };
    for (const auto& row : rows) {
        ResponseContext context;
        std::string offered;
        for (int status : row.offered) {
            offered += std::to_string(status) + " ";
            context.offer(status, "bytes of " + std::to_string(status));
        }
        INFO(offered);
        CHECK(context.conclusion().status == row.best);
        const bool own = row.best == 503 || row.best == 480;
        CHECK(context.conclusion().bytes == (own ? "" : "bytes of " + std::to_string(row.best)));
    }
}

TEST_CASE("what happens after each change") {
    const struct {
        const char* why;
        int offered;
        bool cancelled;
        Branch::State first;
        Step step;
    } rows[] = {
        {"nothing heard yet", 0, false, Branch::State::trying, Step::wait},
        {"it rings", 0, false, Branch::State::proceeding, Step::wait},
        {"given up in silence", 0, false, Branch::State::abandoned, Step::try_next_group},
        {"unreachable", 0, false, Branch::State::finished, Step::try_next_group},
        {"overloaded", 503, false, Branch::State::finished, Step::try_next_group},
        {"dead flow", 430, false, Branch::State::finished, Step::try_next_group},
        {"busy", 486, false, Branch::State::finished, Step::conclude},
        {"broken", 500, false, Branch::State::finished, Step::conclude},
        {"declined", 603, false, Branch::State::finished, Step::conclude},
        {"rang too long", 408, false, Branch::State::abandoned, Step::conclude},
        {"silent after CANCEL", 0, true, Branch::State::abandoned, Step::conclude},
        {"503 after CANCEL", 503, true, Branch::State::finished, Step::conclude},
    };
    for (const auto& row : rows) {
        INFO(row.why);
        auto context = with_groups({0, 1});
        context.take_group();
        context.branches.push_back({row.first});
        context.cancelled = row.cancelled;
        if (row.offered != 0) context.offer(row.offered, {});
        CHECK(context.next_step() == row.step);
        if (row.cancelled) CHECK(context.conclusion().status == 487);
    }
}

TEST_CASE("a context waits for its question and ends with its last branch") {
    auto context = with_groups({0});
    context.question = 7;
    CHECK(context.next_step() == Step::wait);
    context.question = 0;
    context.take_group();
    context.branches.push_back({Branch::State::abandoned});
    CHECK(context.next_step() == Step::conclude);
    context.resolving = 1;
    CHECK(context.next_step() == Step::wait);
    CHECK_FALSE(context.remains().is_over());
    context.branches[0].state = Branch::State::finished;
    auto remains = context.remains();
    CHECK(remains.is_over());
    remains.accepted = true;
    CHECK_FALSE(remains.is_over());
}

TEST_CASE("challenges of several branches go back together (RFC 3261 16.7 step 7)") {
    const auto response = [](std::string_view start, std::string_view challenge) {
        return std::string(start) + "\r\nVia: x\r\n" + std::string(challenge) + "\r\n";
    };
    const std::string one = "WWW-Authenticate: Digest realm=\"one\"\r\n", two = "Proxy-Authenticate: Digest realm=\"two\"\r\n",
                      three = "WWW-Authenticate: Digest realm=\"three\"\r\n";
    ResponseContext context;
    context.offer(486, response("486", ""));
    context.offer(401, response("401", one), one);
    context.offer(407, response("407", two), two);
    context.offer(401, response("401", three), three);
    CHECK(context.conclusion().status == 401);
    CHECK(context.conclusion().bytes == "401\r\nVia: x\r\n" + one + two + three + "\r\n");
    context.offer(603, response("603", ""));
    CHECK(context.conclusion().bytes == response("603", ""));
}

TEST_CASE("a challenge that came before the best response is not lost") {
    ResponseContext context;
    context.offer(401, "401\r\na: 1\r\n\r\n", "a: 1\r\n");
    context.offer(302, "302\r\n\r\n");
    CHECK(context.conclusion().bytes == "302\r\n\r\n");
}

TEST_CASE("Max-Breadth is shared by those that may still fork (RFC 5393 5.3)") {
    auto context = with_groups({0, 0, 0});
    context.breadth = 5;
    CHECK(context.breadth_left() == 5);
    const auto group = context.take_group(2);
    CHECK((group.first == 0 && group.last == 2));
    context.branches.push_back({Branch::State::trying, 3});
    context.branches.push_back({Branch::State::proceeding, 2});
    CHECK(context.breadth_left() == 0);
    context.branches[0].state = Branch::State::finished;
    CHECK(context.breadth_left() == 3);
    context.branches[1].state = Branch::State::abandoned;
    CHECK(context.breadth_left() == 5);
}

TEST_CASE("targets of a redirection are tried before those that wait") {
    auto context = with_groups({0, 1});
    context.take_group();
    Targets more(2);
    more[0].request_uri = "a";
    more[1].request_uri = "b";
    REQUIRE(context.insert(std::move(more)));
    auto group = context.take_group();
    REQUIRE(group.last - group.first == 2);
    CHECK(context.targets[group.first].request_uri == "a");
    group = context.take_group();
    CHECK(group.last == 4);
    CHECK_FALSE(context.insert(Targets(Target::kMost)));
}

TEST_CASE("a context that is used again knows nothing of the last request") {
    auto context = with_groups({0});
    context.request = "INVITE";
    context.user = "alice";
    context.cancelled = context.trusted = context.in_dialog = true;
    context.take_group();
    context.branches.push_back({});
    context.offer(603, "603");
    context.reset();
    CHECK(context.conclusion().status == 503);
    CHECK((context.request.empty() && context.user.empty() && context.targets.empty() && context.branches.empty()));
    CHECK_FALSE((context.cancelled || context.trusted || context.in_dialog));
    CHECK(context.take_group().last == 0);
}
