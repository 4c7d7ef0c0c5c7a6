#include "phone.hpp"

#include "sip-registrar/queries.hpp"

namespace confab::registrar {
namespace {

local::Value verify_arguments(const std::string& line, const std::string& method) {
    const auto answer = sip::parse_digest_answer(line.substr(line.find(' ') + 1, line.size() - line.find(' ') - 3));
    REQUIRE(answer);
    return local::Value::object({{"username", answer->username},
                                 {"realm", answer->realm},
                                 {"algorithm", sip::algorithm_name(answer->algorithm)},
                                 {"method", method},
                                 {"uri", answer->uri},
                                 {"nonce", answer->nonce},
                                 {"nc", answer->nc_text},
                                 {"cnonce", answer->cnonce},
                                 {"qop", answer->qop},
                                 {"response", answer->response}});
}

TEST_CASE("lookup tells a user without contacts from nobody", "[registrar][queries]") {
    Bench bench;
    REQUIRE(Bench::status(bench.send({.headers = "Contact: <sip:a@h1>;q=0.5;expires=90, <sip:a@h2>\r\n"})) == 200);
    const auto ask = [&](std::string_view address) { return lookup(bench.core, bench.now, local::Value::object({{"address", address}})); };
    const auto alice = ask("sip:alice@example.org");
    CHECK(alice.flag("known"));
    REQUIRE(alice.list("contacts").size() == 2);
    CHECK(alice.list("contacts")[0].text("contact") == "sip:a@h2");
    CHECK(alice.list("contacts")[1].integer("q") == 500);
    CHECK(alice.list("contacts")[1].integer("expires") == 90);
    CHECK(alice.list("contacts")[1].text("received") == "udp:192.0.2.9:5060");
    CHECK(ask("sip:alice@Example.org:5070").list("contacts").size() == 2);
    CHECK(ask("sip:bob@example.org").flag("known"));
    CHECK(ask("sip:bob@example.org").list("contacts").empty());
    for (const char* nobody : {"sip:carol@example.org", "sip:bob@elsewhere.org", "nonsense", "", "sip:@example.org"}) {
        CAPTURE(nobody);
        CHECK_FALSE(ask(nobody).flag("known"));
    }
}

TEST_CASE("verify compares a digest for another verifier", "[registrar][queries]") {
    Bench bench;
    const auto challenged = bench.send({.headers = "", .authorize = false});
    const auto line_of = [&](const Call& call) { return bench.authorization(challenged, call); };
    const Call invite{.method = "INVITE", .uri = "sip:1234@example.org"};

    auto valid = verify(bench.core, verify_arguments(line_of(invite), "INVITE"));
    CHECK(valid.flag("valid"));
    CHECK(valid.text("user") == "alice");
    CHECK_FALSE(verify(bench.core, verify_arguments(line_of(invite), "BYE")).flag("valid"));
    auto wrong = invite;
    wrong.password = "wrong";
    CHECK_FALSE(verify(bench.core, verify_arguments(line_of(wrong), "INVITE")).flag("valid"));
    auto stranger = invite;
    stranger.user = "mallory";
    const auto refused = verify(bench.core, verify_arguments(line_of(stranger), "INVITE"));
    CHECK_FALSE(refused.flag("valid"));
    CHECK(refused.text("user").empty());
    for (const auto& [name, value] : {std::pair{"realm", "elsewhere"}, std::pair{"algorithm", "ROT13"}, std::pair{"nc", "00000002"}}) {
        auto arguments = verify_arguments(line_of(invite), "INVITE");
        arguments.set(name, value);
        CAPTURE(name);
        CHECK_FALSE(verify(bench.core, arguments).flag("valid"));
    }
}

TEST_CASE("changes of users are planned by what is there", "[registrar][queries]") {
    struct Row {
        const char* command;
        User user;
        const char* outcome;  // a failure's code, "changes" or "nothing"
    };
    const auto alice = user_with_password("alice", "secret"), other = user_with_password("alice", "other"), carol = user_with_password("carol", "x");
    auto crooked = carol;
    crooked.ha1[0] = "not hex";
    const Row rows[] = {
        {"user-add", carol, "changes"},       {"user-add", alice, "nothing"},          {"user-add", other, "user-exists"},
        {"user-passwd", other, "changes"},    {"user-passwd", alice, "nothing"},       {"user-passwd", carol, "no-such-user"},
        {"user-del", alice, "changes"},       {"user-del", carol, "nothing"},          {"user-add", crooked, "bad-argument"},
        {"user-add", user_with_password("a b", "x"), "bad-argument"}, {"user-add", user_with_password("", "x"), "bad-argument"},
        {"user-add", user_with_password("a@b", "x"), "bad-argument"},
    };
    for (const auto& row : rows) {
        Bench bench;
        const auto arguments = local::Value::object(
            {{"user", row.user.name}, {"ha1_md5", row.user.ha1[0]}, {"ha1_sha256", row.user.ha1[1]}, {"ha1_sha512_256", row.user.ha1[2]}});
        const auto plan = plan_user_command(bench.core, row.command, arguments);
        CAPTURE(row.command, row.user.name);
        CHECK((plan ? (plan->changes.empty() ? "nothing" : "changes") : plan.error().code) == std::string(row.outcome));
    }
    auto config = test_config();
    config.users = 2;
    Bench full(config);
    const auto arguments =
        local::Value::object({{"user", "carol"}, {"ha1_md5", carol.ha1[0]}, {"ha1_sha256", carol.ha1[1]}, {"ha1_sha512_256", carol.ha1[2]}});
    CHECK(plan_user_command(full.core, "user-add", arguments).error().code == "too-many");
}

TEST_CASE("an import adds, replaces, leaves alone and refuses, row by row", "[registrar][queries]") {
    auto config = test_config();
    config.users = 3;
    Bench bench(config);  // alice and bob
    const auto row_of = [](const User& user) {
        return local::Value::object({{"user", user.name}, {"ha1_md5", user.ha1[0]}, {"ha1_sha256", user.ha1[1]}, {"ha1_sha512_256", user.ha1[2]}});
    };
    auto rows = local::Value::array();
    auto alice = user_with_password("alice", "secret");
    alice.ha1[2].clear();  // what is not said is not changed
    const auto bob = user_with_password("bob", "new"), carol = user_with_password("carol", "x");
    for (const auto& user : {alice, bob, carol, user_with_password("dave", "x"), user_with_password("d ave", "x"), User{"erin", {}}}) rows.push(row_of(user));
    rows.push("no object");
    const auto plan = plan_user_command(bench.core, "user-import", local::Value::object({{"users", rows}}));
    REQUIRE(plan);
    REQUIRE(plan->changes.size() == 2);
    CHECK(plan->changes[0].user == bob);
    CHECK(plan->changes[1].user == carol);
    CHECK(plan->reply.flag("changed"));
    CHECK(plan->reply.integer("added") == 1);
    CHECK(plan->reply.integer("replaced") == 1);
    CHECK(plan->reply.integer("unchanged") == 1);
    std::vector<std::int64_t> refused;
    for (const auto& row : plan->reply.list("refused")) refused.push_back(row.integer("row"));
    CHECK(refused == std::vector<std::int64_t>{3, 4, 5, 6});

    bench.core.users().put(bob);
    bench.core.users().put(carol);
    const auto again = plan_user_command(bench.core, "user-import", local::Value::object({{"users", rows}}));
    REQUIRE(again);
    CHECK(again->changes.empty());
    CHECK_FALSE(again->reply.flag("changed"));
    CHECK(again->reply.integer("unchanged") == 3);

    UserExport all;
    std::vector<std::string> names;
    while (const auto row = all.next(bench.core)) names.push_back(std::string(row->text("user")) + " " + std::string(row->text("ha1_md5")));
    CHECK(names == std::vector<std::string>{"alice " + alice.ha1[0], "bob " + bob.ha1[0], "carol " + carol.ha1[0]});
}

TEST_CASE("listings come one address or user at a time", "[registrar][queries]") {
    Bench bench;
    REQUIRE(Bench::status(bench.send({.headers = "Contact: <sip:a@h1>, <sip:a@h2>\r\n"})) == 200);
    REQUIRE(Bench::status(bench.send({.to = "<sip:alice@example.net>", .headers = "Contact: <sip:a@h3>\r\n"})) == 200);
    ContactList all("");
    std::vector<std::string> seen;
    while (const auto rows = all.next(bench.core, bench.now))
        for (const auto& row : *rows) seen.push_back(std::string(row.text("address")) + " " + std::string(row.text("contact")));
    CHECK(seen == std::vector<std::string>{"sip:alice@example.org sip:a@h1", "sip:alice@example.org sip:a@h2", "sip:alice@example.net sip:a@h3"});

    ContactList one("sip:alice@example.net");
    REQUIRE(one.next(bench.core, bench.now)->size() == 1);
    CHECK_FALSE(one.next(bench.core, bench.now));

    ContactList md5({}, "Digest/MD5"), sha256({}, "Digest/SHA-256");
    CHECK(md5.next(bench.core, bench.now)->size() == 3);
    CHECK_FALSE(md5.next(bench.core, bench.now));
    CHECK(sha256.next(bench.core, bench.now)->empty());
    CHECK_FALSE(sha256.next(bench.core, bench.now));
    const auto used = algorithms(bench.core);
    REQUIRE(used.size() == 3);
    CHECK(used[0].text("algorithm") == "MD5");
    CHECK(used[0].integer("proven") == 2);
    CHECK(used[1].flag("offered"));
    CHECK(used[1].integer("proven") == 0);
    CHECK_FALSE(used[2].flag("offered"));

    UserList users;
    const auto first = users.next(bench.core, bench.now), second = users.next(bench.core, bench.now);
    REQUIRE(first);
    CHECK(first->text("user") == "alice");
    CHECK(first->integer("contacts") == 3);
    CHECK(first->list("addresses").size() == 2);
    REQUIRE(second);
    CHECK(second->text("user") == "bob");
    CHECK_FALSE(users.next(bench.core, bench.now));
}

}  // namespace
}  // namespace confab::registrar
