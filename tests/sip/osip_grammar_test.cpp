#include "sip/osip_grammar.hpp"

#include <catch2/catch.hpp>

using namespace confab::sip;

TEST_CASE("osip: accepts and refuses single values") {
    struct Row {
        HeaderName name;
        std::string_view value;
        bool accepted;
    };
    const Row rows[] = {
        {HeaderName::from, "\"A\" <sip:a@b>;tag=1", true},
        {HeaderName::to, "<sip:a@b", false},
        {HeaderName::contact, "<sip:a@b;x>;q=0.5", true},
        {HeaderName::contact, "\"open <sip:a@b>", false},
        {HeaderName::via, "SIP/2.0/UDP h;branch=x", true},
        {HeaderName::via, "SIP/2.0", false},
        {HeaderName::route, "<sip:p;lr>", true},
        {HeaderName::cseq, "1 INVITE", true},
        {HeaderName::cseq, "1", false},
        {HeaderName::call_id, "a@b", true},
        {HeaderName::from, std::string_view("<sip:a\0@b>", 11), false},
        {HeaderName::record_route, "", false},
    };
    for (const auto& row : rows) {
        INFO(row.value);
        CHECK(osip_accepts_header(row.name, row.value) == row.accepted);
    }
}

TEST_CASE("osip: what it reads") {
    const auto address = osip_read_address("\"A\" <sip:a%20b@[2001:db8::1]:5070;x>\r\n ;tag=1");
    REQUIRE(address);
    CHECK(address->uri.scheme == "sip");
    CHECK(address->uri.user == "a b");
    CHECK(address->uri.host == "2001:db8::1");
    CHECK(address->uri.port == "5070");
    CHECK(address->tag == "1");
    const auto via = osip_read_via("SIP/2.0/TCP h:5062;branch=z9hG4bKx");
    REQUIRE(via);
    CHECK(via->transport == "TCP");
    CHECK(via->host == "h");
    CHECK(via->port == "5062");
    CHECK(via->branch == "z9hG4bKx");
    CHECK(osip_read_cseq("17 BYE")->number == "17");
    CHECK(osip_read_cseq("17 BYE")->method == "BYE");
    CHECK(osip_read_call_id("a@b") == "a@b");
    CHECK(osip_read_uri("sip:x")->host == "x");
    CHECK_FALSE(osip_read_uri("x"));
}
