#include <catch2/catch.hpp>

#include "conf-bridge/privacy.hpp"

using namespace confab;

namespace {
bool withheld(const std::string& from, const std::string& privacy) {
    const auto text = "INVITE sip:1@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: " + from + ";tag=f\r\nTo: <sip:1@h>\r\nCall-ID: c\r\n" +
                      "CSeq: 1 INVITE\r\nMax-Forwards: 70\r\n" + privacy + "Content-Length: 0\r\n\r\n";
    sip::Message message;
    REQUIRE(sip::split(text, message, false) == sip::ParseError::none);
    return bridge::is_withheld(message);
}
}  // namespace

TEST_CASE("who withholds his identity", "[bridge]") {
    CHECK_FALSE(withheld("<sip:al@h>", ""));
    CHECK_FALSE(withheld("<sip:al@h>", "Privacy: none\r\n"));
    CHECK_FALSE(withheld("<sip:al@h>", "Privacy: session;critical\r\n"));
    CHECK(withheld("<sip:al@h>", "Privacy: id\r\n"));
    CHECK(withheld("<sip:al@h>", "Privacy: session; HEADER\r\n"));
    CHECK(withheld("<sip:al@h>", "Privacy: user\r\n"));
    CHECK(withheld("\"Anonymous\" <sip:anonymous@anonymous.invalid>", ""));
    CHECK(withheld("<sip:Anonymous@example.org>", ""));
    CHECK(withheld("<sip:x@Anonymous.Invalid>", ""));
}

TEST_CASE("what is a phone number", "[bridge]") {
    for (const auto* number : {"tel:112", "sip:+33123456789@h", "0123456789", "+33 (0)1 23-45.67 89", "sips:1234567@h", "sip:1234567;ext=2@h"}) {
        INFO(number);
        CHECK(bridge::is_phone_number(number));
    }
    for (const auto* other : {"", "sip:1001@h", "sip:123456@h", "sip:alice@h", "Bob 1234567", "sip:@1234567"}) {
        INFO(other);
        CHECK_FALSE(bridge::is_phone_number(other));
    }
}
