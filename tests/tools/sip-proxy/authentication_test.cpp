#include "sip-proxy/authentication.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace confab;
using namespace confab::proxy;

namespace {

Authentication make() {
    sip::DigestPolicy policy;
    policy.realm = "example.test";
    policy.algorithms = {sip::DigestAlgorithm::md5};
    policy.secret = "0123456789abcdef";
    return Authentication(policy, {"INVITE", "MESSAGE"});
}

std::string request(std::string_view method, std::string_view headers) {
    std::string text(method);
    text += " sip:1@example.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.9:5000;branch=z9hG4bKx\r\nFrom: <sip:a@example.test>;tag=1\r\n";
    text += "To: <sip:1@example.test>\r\nCall-ID: c1\r\nMax-Forwards: 70\r\nCSeq: 1 ";
    text += method;
    text += "\r\n";
    text += headers;
    text += "Content-Length: 0\r\n\r\n";
    return text;
}

}  // namespace

TEST_CASE("which methods are challenged") {
    auto authentication = make();
    const struct {
        std::string_view method;
        bool applies;
    } rows[] = {{"INVITE", true}, {"MESSAGE", true}, {"BYE", false}, {"OPTIONS", false}, {"ACK", false}, {"CANCEL", false}};
    for (const auto& row : rows) {
        INFO(row.method);
        const auto text = request(row.method, "");
        sip::Message message;
        REQUIRE(sip::split(text, message) == sip::ParseError::none);
        CHECK(authentication.applies(message) == row.applies);
    }
    authentication.set_methods({"none"});
    const auto text = request("INVITE", "");
    sip::Message message;
    sip::split(text, message);
    CHECK_FALSE(authentication.applies(message));
}

TEST_CASE("the credentials for our realm are found among others") {
    const auto authentication = make();
    const auto text =
        request("INVITE",
                "Proxy-Authorization: Digest username=\"x\", realm=\"elsewhere\", nonce=\"n\", uri=\"u\", "
                "response=\"00112233445566778899aabbccddeeff\"\r\n"
                "Proxy-Authorization: Bearer abc\r\n"
                "Proxy-Authorization: Digest username=\"alice\", realm=\"example.test\", nonce=\"n\", uri=\"sip:1@example.test\", "
                "response=\"00112233445566778899aabbccddeeff\", qop=auth, nc=00000002, cnonce=\"c\"\r\n");
    sip::Message message;
    REQUIRE(sip::split(text, message) == sip::ParseError::none);
    const auto answer = authentication.credentials(message);
    REQUIRE(answer);
    CHECK(answer->username == "alice");
    const auto question = verify_question(*answer, "INVITE");
    const std::pair<std::string_view, std::string_view> expected[] = {{"username", "alice"},
                                                                      {"realm", "example.test"},
                                                                      {"algorithm", "MD5"},
                                                                      {"method", "INVITE"},
                                                                      {"uri", "sip:1@example.test"},
                                                                      {"nonce", "n"},
                                                                      {"nc", "00000002"},
                                                                      {"cnonce", "c"},
                                                                      {"qop", "auth"},
                                                                      {"response", "00112233445566778899aabbccddeeff"}};
    for (const auto& [name, value] : expected) {
        INFO(name);
        CHECK(question.text(name) == value);
    }
    CHECK(authentication.judge(*answer, base::WallTime(base::milliseconds(1'700'000'000'000))) == sip::NonceVerdict::forged);
}
