#include "sip-proxy/redirection.hpp"

#include <catch2/catch.hpp>

using namespace confab;
using namespace confab::proxy;

namespace {

std::string text_of(int status, std::string_view contacts) {
    return "SIP/2.0 " + std::to_string(status) +
           " Moved\r\nVia: SIP/2.0/UDP 127.0.0.20:5060;branch=z9hG4bKx\r\nFrom: <sip:a@example.test>;tag=1\r\nTo: <sip:b@example.test>;tag=2\r\n"
           "Call-ID: c1\r\nCSeq: 1 INVITE\r\n" +
           std::string(contacts) + "Content-Length: 0\r\n\r\n";
}

std::string followed(int status, std::string_view contacts, std::string_view request_uri = "sip:1234@example.test", const Targets& tried = {}) {
    const OwnNames names({*config::Value<config::Listener>::parse("udp:127.0.0.20:5060")}, {"example.test"});
    const auto text = text_of(status, contacts);
    sip::Message response;
    REQUIRE(sip::split(text, response) == sip::ParseError::none);
    Target from;
    from.may_redirect = true;
    from.redirects = Redirects::follow;
    from.redirections = 2;
    std::string out;
    unsigned group = 0;
    for (const auto& target : targets_of_redirection(response, tried, request_uri, from, names)) {
        CHECK((target.may_redirect && target.redirects == Redirects::follow && target.redirections == 3));
        out += out.empty() ? "" : target.group == group ? " = " : " > ";
        out += target.request_uri;
        group = target.group;
    }
    return out;
}

}  // namespace

TEST_CASE("Contacts of a 3xx by q (RFC 3261 16.7 step 4)") {
    CHECK(followed(302, "Contact: <sip:1@127.0.0.41:5080>\r\n") == "sip:1@127.0.0.41:5080");
    CHECK(followed(300, "Contact: <sip:1@127.0.0.41>;q=0.2, <sip:1@127.0.0.42>;q=0.9\r\nContact: <sip:1@127.0.0.43>;q=0.25,<sip:1@127.0.0.44>;q=0.9\r\n") ==
          "sip:1@127.0.0.42 = sip:1@127.0.0.44 > sip:1@127.0.0.43 > sip:1@127.0.0.41");
    CHECK(followed(301, "Contact: <sip:1@bridge.test>;q=0.7, <sip:1@127.0.0.42>\r\n") == "sip:1@127.0.0.42 > sip:1@bridge.test");
    CHECK(followed(302, "m: sip:1@127.0.0.41;q=nonsense\r\n") == "sip:1@127.0.0.41");
}

TEST_CASE("what is not followed") {
    const struct {
        const char* why;
        int status;
        std::string_view contacts;
    } rows[] = {
        {"no Contact", 302, ""},
        {"use proxy", 305, "Contact: <sip:1@127.0.0.41>\r\n"},
        {"alternative service", 380, "Contact: <sip:1@127.0.0.41>\r\n"},
        {"another scheme", 302, "Contact: <tel:+49301234>, <mailto:a@b>\r\n"},
        {"our domain", 302, "Contact: <sip:77@example.test>\r\n"},
        {"our listener", 302, "Contact: <sip:77@127.0.0.20:5060>\r\n"},
        {"another method", 302, "Contact: <sip:1@127.0.0.41;method=MESSAGE>\r\n"},
        {"a transport that we do not have", 302, "Contact: <sip:1@127.0.0.41;transport=sctp>\r\n"},
        {"nonsense", 302, "Contact: <<>>\r\n"},
    };
    for (const auto& row : rows) {
        INFO(row.why);
        CHECK(followed(row.status, row.contacts).empty());
    }
    CHECK(followed(302, "Contact: <sip:1@127.0.0.41>, <sips:1@127.0.0.42>\r\n", "sips:1234@example.test") == "sips:1@127.0.0.42");
}

TEST_CASE("a target that was tried is not tried again, and headers of a Contact's URI stay behind") {
    Targets tried(2);
    tried[0].request_uri = "sip:1@127.0.0.41:5080";
    CHECK(followed(302, "Contact: <sip:1@127.0.0.41:5080;x=1>, <sip:9@127.0.0.9>, <sip:1@127.0.0.42>, <sip:1@127.0.0.42>\r\n", "sip:9@127.0.0.9", tried) ==
          "sip:1@127.0.0.42");
    CHECK(followed(302, "Contact: <sip:1@127.0.0.42?Route=%3Csip:evil%3E&Subject=x>\r\n") == "sip:1@127.0.0.42");
}

TEST_CASE("the number of Contacts is bounded") {
    std::string contacts;
    for (int i = 0; i < 60; ++i) contacts += "Contact: <sip:" + std::to_string(i) + "@127.0.0.41>\r\n";
    const auto list = followed(302, contacts);
    CHECK(std::count(list.begin(), list.end(), '@') == static_cast<std::ptrdiff_t>(Target::kMost));
}
