#include "dns/kept_answers.hpp"

#include <catch2/catch.hpp>

using namespace confab;
using namespace confab::dns;
using Outcome = Answer::Outcome;

namespace {

constexpr base::Instant at(int seconds) { return base::Instant(base::seconds(seconds)); }
Question question(int n) { return {"h" + std::to_string(n) + ".example.org", Type::a}; }

}  // namespace

TEST_CASE("kept answers: for their time to live, in octets of their own") {
    KeptAnswers answers;
    {
        const std::string first = "abcd", second = "efgh";
        answers.keep(question(1), {Outcome::records, {first, second}}, at(0), base::seconds(60));
    }
    REQUIRE(answers.find(question(1), at(59)));
    CHECK(answers.find(question(1), at(59))->rdata == std::vector<std::string_view>{"abcd", "efgh"});
    CHECK(answers.find(question(1), at(60)) == nullptr);
    CHECK(answers.find({"h1.example.org", Type::aaaa}, at(0)) == nullptr);
    answers.keep(question(1), {Outcome::no_such_name, {}}, at(60), base::seconds(1'000'000));  // newer
    CHECK(answers.find(question(1), at(60))->outcome == Outcome::no_such_name);
    CHECK(answers.find(question(1), at(60 + 3599)));
    CHECK(answers.find(question(1), at(60 + 3600)) == nullptr);
}

TEST_CASE("kept answers: failures, those without time to live and the very long are not kept") {
    KeptAnswers answers;
    const std::string longest(KeptAnswers::kOctets, 'x');
    answers.keep(question(1), {}, at(0), base::seconds(60));
    answers.keep(question(1), {Outcome::none, {}}, at(0), base::seconds(0));
    answers.keep(question(1), {Outcome::none, {}}, at(0), base::seconds(-1));
    answers.keep(question(1), {Outcome::records, {longest, "x"}}, at(0), base::seconds(60));
    CHECK(answers.size() == 0);
    answers.keep(question(1), {Outcome::records, {longest}}, at(0), base::seconds(60));
    CHECK(answers.size() == 1);
}

TEST_CASE("kept answers: at the limit the one that ends first makes room") {
    KeptAnswers answers(3);
    for (int n = 1; n <= 3; ++n) answers.keep(question(n), {Outcome::none, {}}, at(0), base::seconds(40 - 10 * n));
    answers.keep(question(2), {Outcome::none, {}}, at(0), base::seconds(90));  // known: needs no room
    CHECK(answers.size() == 3);
    answers.keep(question(4), {Outcome::none, {}}, at(0), base::seconds(90));
    CHECK(answers.size() == 3);
    CHECK(answers.find(question(3), at(0)) == nullptr);
    for (const int n : {1, 2, 4}) CHECK(answers.find(question(n), at(0)));
}
