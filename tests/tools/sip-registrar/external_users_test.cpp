// The core with users who are kept elsewhere: the request waits for the answer, and nobody gets in without one.
#include "phone.hpp"

namespace confab::registrar {
namespace {

Config external() {
    auto config = test_config();
    config.user_database = {UserDatabase::Kind::socket, "/nowhere"};
    config.user_database_timeout = base::milliseconds(2000);
    config.user_database_queue = 2;
    return config;
}

Credentials known(const std::string& password) { return {.outcome = Credentials::Outcome::known, .user = user_with_password("alice", password)}; }

// A core whose own table would let alice in.
struct Elsewhere : Bench {
    Elsewhere() : Bench(external()) {}

    // The question that a request with alice's password "elsewhere" leads to.
    Question register_alice() {
        CHECK(send({.headers = "Contact: <sip:a@h>\r\n", .password = "elsewhere"}).empty());
        REQUIRE(effects.questions.size() == 1);
        return effects.questions.front();
    }

    int answer_with(const Question& question, const Credentials& credentials) {
        effects.clear();
        core.answered(now, question.id, credentials, effects);
        return status(answer());
    }
};

TEST_CASE("external users: the request goes on with the answer", "[registrar][external]") {
    Elsewhere bench;
    const auto question = bench.register_alice();
    CHECK(question.user == "alice");
    CHECK(bench.core.asked() == 1);
    CHECK(bench.answer_with(question, known("elsewhere")) == 200);
    CHECK(bench.core.bindings().size() == 1);
    CHECK(bench.core.asked() == 0);
    CHECK(bench.answer_with(question, known("elsewhere")) == 0);  // once only
}

TEST_CASE("external users: a wrong password, an unknown user and a database that is down let nobody in", "[registrar][external]") {
    struct Row {
        Credentials credentials;
        int status;
    };
    const Row rows[] = {{known("secret"), 403},
                        {{.outcome = Credentials::Outcome::unknown, .user = {}}, 403},
                        {{.outcome = Credentials::Outcome::unavailable, .user = {}}, 500}};
    for (const auto& row : rows) {
        Elsewhere bench;
        CAPTURE(row.status);
        CHECK(bench.answer_with(bench.register_alice(), row.credentials) == row.status);
        CHECK(bench.core.bindings().size() == 0);
    }
}

TEST_CASE("external users: one who has the same name here is not meant", "[registrar][external]") {
    Elsewhere bench;
    CHECK(bench.send({.headers = "Contact: <sip:a@h>\r\n", .password = "secret"}).empty());  // right by our own table
    REQUIRE(bench.effects.questions.size() == 1);
    CHECK(bench.answer_with(bench.effects.questions.front(), known("elsewhere")) == 403);
}

TEST_CASE("external users: a database that says nothing is a 500 in time, and its answer afterwards nobody's", "[registrar][external]") {
    Elsewhere bench;
    const auto question = bench.register_alice();
    REQUIRE(bench.core.next_deadline());
    CHECK(*bench.core.next_deadline() <= bench.now.steady + base::milliseconds(2000));
    bench.advance(base::milliseconds(1999));
    CHECK(bench.answer().empty());
    bench.advance(base::milliseconds(1));
    CHECK(Bench::status(bench.answer()) == 500);
    CHECK(bench.answer_with(question, known("elsewhere")) == 0);
    CHECK(bench.core.bindings().size() == 0);
}

TEST_CASE("external users: as many wait as the bound allows, one more is a 500", "[registrar][external]") {
    Elsewhere bench;
    bench.register_alice();
    bench.register_alice();
    CHECK(Bench::status(bench.send({.headers = "Contact: <sip:a@h>\r\n", .password = "elsewhere"})) == 500);
    CHECK(bench.effects.questions.empty());
    CHECK(bench.core.asked() == 2);
}

TEST_CASE("external users: a repetition is answered as the first was, a replay is challenged", "[registrar][external]") {
    Elsewhere bench;
    const auto first = bench.deliver(bench.request({}, 1));
    const auto bytes = bench.request({.headers = "Contact: <sip:a@h>\r\n"}, 2, bench.authorization(first, {.password = "elsewhere"}));
    CHECK(bench.deliver(bytes).empty());
    const auto question = bench.effects.questions.at(0);
    CHECK(bench.deliver(bytes).empty());
    const auto again = bench.effects.questions.at(0);
    CHECK(bench.answer_with(question, known("elsewhere")) == 200);
    CHECK(bench.answer_with(again, known("elsewhere")) == 200);
    CHECK(bench.core.bindings().size() == 1);
}

}  // namespace
}  // namespace confab::registrar
