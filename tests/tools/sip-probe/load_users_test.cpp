#include <catch2/catch.hpp>

#include "sip-probe/load_credentials.hpp"
#include "sip/digest.hpp"

using namespace confab;
using namespace confab::probe;

TEST_CASE("numbers stand where the pattern has them") {
    CHECK(numbered_text("u#######", 42) == "u0000042");
    CHECK(numbered_text("#", 7) == "7");
    CHECK(numbered_text("a##b##", 1234) == "a34b34");  // as many digits as there is room for
    CHECK(numbered_text("plain", 3) == "plain");
    const auto users = LoadUsers::numbered(3, "u##", "pw##");
    CHECK(users.size() == 3);
    CHECK(users.name(2) == "u02");
}

TEST_CASE("users come from lines of user,password") {
    auto users = LoadUsers::from_csv("alice,secret\r\n\nbob,with,comma\n");
    REQUIRE(users);
    REQUIRE(users->size() == 2);
    CHECK(users->name(1) == "bob");
    CHECK(users->ha1(1, sip::DigestAlgorithm::md5, "r") == sip::ha1(sip::DigestAlgorithm::md5, "bob", "r", "with,comma"));
    // Another realm than the first is computed, not mistaken.
    CHECK(users->ha1(1, sip::DigestAlgorithm::md5, "s") == sip::ha1(sip::DigestAlgorithm::md5, "bob", "s", "with,comma"));
    CHECK(users->ha1(1, sip::DigestAlgorithm::sha256, "r") == sip::ha1(sip::DigestAlgorithm::sha256, "bob", "r", "with,comma"));
    for (const char* text : {"", "\n", "alice", ",secret", "alice,secret\nbob"}) {
        CAPTURE(text);
        const auto bad = LoadUsers::from_csv(text);
        REQUIRE_FALSE(bad);
        CHECK(bad.error().find("bob") == std::string::npos);
    }
}

TEST_CASE("answers to challenges are right, and a kept nonce is counted up") {
    const std::string challenge =
        "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP 1.1.1.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n"
        "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256, opaque=\"o\"\r\nContent-Length: 0\r\n\r\n";
    sip::Message message;
    REQUIRE(sip::split(challenge, message) == sip::ParseError::none);
    const auto verify = [](const std::string& line, const char* nc) {
        REQUIRE(line.starts_with("Authorization: "));
        const auto answer = sip::parse_digest_answer(std::string_view(line).substr(15, line.size() - 17));
        REQUIRE(answer);
        CHECK(answer->nc_text == nc);
        CHECK(answer->opaque == "o");
        CHECK(sip::matches(*answer, sip::ha1(sip::DigestAlgorithm::sha256, "u1", "r", "pw1"), "REGISTER"));
    };
    for (const bool keep : {false, true}) {
        LoadCredentials credentials(LoadUsers::numbered(2, "u#", "pw#"), "REGISTER", "sip:b", keep);
        std::string line;
        credentials.append_kept(line, 1);
        CHECK(line.empty());
        REQUIRE(credentials.append_answer(line, message, 1));
        verify(line, "00000001");
        line.clear();
        credentials.append_kept(line, 1);
        if (keep)
            verify(line, "00000002");
        else
            CHECK(line.empty());
        line.clear();
        credentials.append_kept(line, 0);
        CHECK(line.empty());
    }
}
