#include <map>

#include "phone.hpp"
#include "sip-registrar/users.hpp"

namespace confab::registrar {
namespace {

sip::DigestAnswer answer_of(const std::string& user, const std::string& password, sip::DigestAlgorithm algorithm) {
    const auto name = std::string(sip::algorithm_name(algorithm));
    const auto challenge = sip::parse_challenge("Digest realm=\"example.org\", nonce=\"n\", qop=\"auth\", algorithm=" + name);
    REQUIRE(challenge);
    std::string line;
    sip::append_authorization(line, "Authorization", *challenge, user, password, "REGISTER", "sip:example.org", 1, "c");
    const auto answer = sip::parse_digest_answer(std::string_view(line).substr(15, line.size() - 17));
    REQUIRE(answer);
    return *answer;
}

TEST_CASE("users: what is put is found, replaced and erased", "[registrar][users]") {
    base::Random random{base::Seed{1}};
    Users users(random);
    std::map<std::string, User> expected;
    for (int i = 0; i < 500; ++i) {
        const auto user = user_with_password("u" + std::to_string(i), "secret");
        users.put(user);
        expected[user.name] = user;
    }
    for (int i = 0; i < 500; i += 3) {
        CHECK(users.erase("u" + std::to_string(i)));
        CHECK_FALSE(users.erase("u" + std::to_string(i)));
        expected.erase("u" + std::to_string(i));
    }
    for (int i = 1; i < 500; i += 7) {
        const auto user = user_with_password("u" + std::to_string(i), "another");
        users.put(user);
        expected[user.name] = user;
    }
    CHECK(users.size() == expected.size());
    CHECK_FALSE(users.contains("nobody"));
    CHECK_FALSE(users.find("nobody"));
    for (const auto& [name, user] : expected) CHECK(users.find(name) == user);

    std::map<std::string, User> listed;
    std::uint32_t cursor = 0;
    while (const auto user = users.next(cursor)) CHECK(listed.emplace(user->name, *user).second);
    CHECK(listed == expected);
}

TEST_CASE("users: who changes during a listing hides nobody else", "[registrar][users]") {
    base::Random random{base::Seed{1}};
    Users users(random);
    for (char name = 'a'; name <= 'f'; ++name) users.put(user_with_password(std::string(1, name), "secret"));
    std::uint32_t cursor = 0;
    REQUIRE(users.next(cursor));
    REQUIRE(users.next(cursor));
    users.erase("b");
    users.erase("d");
    users.put(user_with_password("c", "another"));
    users.put(user_with_password("g", "secret"));
    users.put(user_with_password("h", "secret"));
    std::string rest;
    while (const auto user = users.next(cursor)) rest += user->name;
    for (char name : std::string("cef")) CHECK(std::ranges::count(rest, name) == 1);
}

TEST_CASE("users: a digest is judged by the hash of its algorithm, and a missing hash proves nothing", "[registrar][users]") {
    base::Random random{base::Seed{1}};
    Users users(random);
    const auto alice = user_with_password("alice", "secret");
    users.put(alice);
    auto bob = user_with_password("bob", "secret");
    bob.ha1[1].clear();
    users.put(bob);
    for (auto algorithm : {sip::DigestAlgorithm::md5, sip::DigestAlgorithm::sha256, sip::DigestAlgorithm::sha512_256}) {
        CAPTURE(sip::algorithm_name(algorithm));
        CHECK(users.verify(answer_of("alice", "secret", algorithm), "REGISTER"));
        CHECK_FALSE(users.verify(answer_of("alice", "secret", algorithm), "INVITE"));
        CHECK_FALSE(users.verify(answer_of("alice", "wrong", algorithm), "REGISTER"));
        CHECK_FALSE(users.verify(answer_of("nobody", "secret", algorithm), "REGISTER"));
        CHECK(users.verify(answer_of("bob", "secret", algorithm), "REGISTER") == (algorithm != sip::DigestAlgorithm::sha256));
        CHECK(proves(alice, answer_of("alice", "secret", algorithm), "REGISTER"));
        CHECK_FALSE(proves(alice, answer_of("bob", "secret", algorithm), "REGISTER"));
        CHECK(proves(bob, answer_of("bob", "secret", algorithm), "REGISTER") == (algorithm != sip::DigestAlgorithm::sha256));
    }
    CHECK(users.find("bob") == bob);
}

TEST_CASE("users: hashes are lower case hexadecimal of their lengths, and one is enough", "[registrar][users]") {
    const auto whole = user_with_password("alice", "secret");
    CHECK(are_hashes(whole));
    auto md5_alone = whole;
    md5_alone.ha1[1] = md5_alone.ha1[2] = "";
    CHECK(are_hashes(md5_alone));
    CHECK_FALSE(are_hashes({"alice", {}}));
    auto crooked = whole;
    crooked.ha1[2].pop_back();
    CHECK_FALSE(are_hashes(crooked));
    crooked = whole;
    crooked.ha1[0][3] = 'A';
    CHECK_FALSE(are_hashes(crooked));
}

}  // namespace
}  // namespace confab::registrar
