#include "sip-proxy/passcode.hpp"

#include <catch2/catch.hpp>

using namespace confab;
using namespace confab::proxy;

namespace {

constexpr PasscodePlaces kPlaces{"X-Passcode", "passcode"};

std::string passcode(std::string_view uri_text, std::string_view headers = "") {
    const auto bytes = "INVITE " + std::string(uri_text) + " SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n" +
                       std::string(headers) + "Content-Length: 0\r\n\r\n";
    sip::Message message;
    REQUIRE(sip::split(bytes, message) == sip::ParseError::none);
    const auto uri = sip::parse_uri(message.uri);
    REQUIRE(uri);
    return passcode_of(message, *uri, kPlaces);
}

}  // namespace

TEST_CASE("one place wins") {
    CHECK(passcode("sip:1234@h") == "");
    CHECK(passcode("sip:1234;passcode=1@h;passcode=2", "X-Passcode:  3 \r\n") == "3");
    CHECK(passcode("sip:1234;passcode=1@h;passcode=2") == "2");
    CHECK(passcode("sip:1234;x=y;passcode=1@h") == "1");
    CHECK(passcode("sip:1234@h;passcode=%311%2A") == "11*");
}

TEST_CASE("what people read shows no secret") {
    CHECK(masked("INVITE sip:1;passcode=77@h;x=y;PASSCODE=88 SIP/2.0\r\nx-passcode : 99\r\nX-Other: passcode\r\n"
                 "Proxy-Authorization: Digest username=\"a\", response=\"abc\",cnonce=\"d\", realm=\"r\"\r\n",
                 kPlaces) ==
          "INVITE sip:1;passcode=****@h;x=y;PASSCODE=**** SIP/2.0\r\nx-passcode : ****\r\nX-Other: passcode\r\n"
          "Proxy-Authorization: Digest username=\"a\", response=****,cnonce=****, realm=\"r\"\r\n");
    CHECK(masked("Record-Route: <sip:127.0.0.20:5060;lr;d=abc>, <sip:h;lr>", kPlaces) == "Record-Route: <sip:127.0.0.20:5060;lr;d=****>, <sip:h;lr>");
    CHECK(masked("passcode=", kPlaces) == "passcode=****");
    CHECK(masked("response=\"", kPlaces) == "response=****");
    CHECK(masked("", kPlaces).empty());
    CHECK(masked("X-Passcode", kPlaces) == "X-Passcode");
}
