#include "sip/splice.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace confab::sip;

namespace {

const std::string kText =
    "MESSAGE sip:b@b SIP/2.0\r\n"
    "P-Asserted-Identity: <sip:x@y>\r\n"
    "Via: SIP/2.0/UDP one;branch=1 ,  SIP/2.0/UDP two;branch=2\r\n"
    "Via: SIP/2.0/UDP three;branch=3\r\n"
    "From: <sip:a@a>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: i\r\nCSeq: 1 MESSAGE\r\n"
    "X-Odd  :  kept  as\r\n  it is \r\n"
    "Content-Length: 2\r\n\r\nhi";

std::string with(std::string text, std::string_view from, std::string_view to) {
    const auto at = text.find(from);
    REQUIRE(at != text.npos);
    return text.replace(at, from.size(), to);
}

template <class Edit>
std::string edited(const std::string& text, Edit edit) {
    Message message;
    REQUIRE(split(text, message) == ParseError::none);
    Splice splice(message);
    edit(splice, message);
    std::string out = "before|";
    splice.write(out);
    REQUIRE(out.starts_with("before|"));
    return out.substr(7);
}

}  // namespace

TEST_CASE("splice: no edits reproduce the bytes") {
    CHECK(edited(kText + "trailing", [](Splice&, const Message&) {}) == kText);
}

TEST_CASE("splice: edits anywhere, in any order") {
    const auto out = edited(kText, [](Splice& s, const Message& m) {
        s.replace(m.call_id, "longer-call-id");
        s.replace(m.uri, "sip:c");
        s.append_header("Last: 1\r\n");
        s.append_header("Last: 2\r\n");
        s.remove_header(*m.find("X-Odd"));
    });
    CHECK(out == with(with(with(with(kText, "sip:b@b SIP", "sip:c SIP"), "Call-ID: i", "Call-ID: longer-call-id"),
                           "X-Odd  :  kept  as\r\n  it is \r\n", ""),
                      "\r\n\r\nhi", "\r\nLast: 1\r\nLast: 2\r\n\r\nhi"));
}

TEST_CASE("splice: what is put before a removed first header stays") {
    const auto out = edited(kText, [](Splice& s, const Message& m) {
        s.remove_header(*m.find(HeaderName::p_asserted_identity));
        s.prepend_header("A: 1\r\n");
        s.prepend_header("B: 2\r\n");
    });
    CHECK(out == with(kText, "P-Asserted-Identity: <sip:x@y>\r\n", "A: 1\r\nB: 2\r\n"));
}

TEST_CASE("splice: an edit inside a replaced place is dropped") {
    const auto out = edited(kText, [](Splice& s, const Message& m) {
        s.replace(m.from_tag, "9");
        s.remove_header(*m.find(HeaderName::from));
        s.remove_header(*m.find(HeaderName::from));
    });
    CHECK(out == with(kText, "From: <sip:a@a>;tag=1\r\n", ""));
}

TEST_CASE("splice: the first value of a list") {
    CHECK(edited(kText, [](Splice& s, const Message& m) { s.remove_first_value(*m.find(HeaderName::via)); }) ==
          with(kText, "SIP/2.0/UDP one;branch=1 ,  ", ""));
    const auto single = with(kText, " ,  SIP/2.0/UDP two;branch=2", "");
    CHECK(edited(single, [](Splice& s, const Message& m) { s.remove_first_value(*m.find(HeaderName::via)); }) ==
          with(single, "Via: SIP/2.0/UDP one;branch=1\r\n", ""));
}

TEST_CASE("splice: a new body") {
    CHECK(edited(kText, [](Splice& s, const Message&) { s.set_body("hello world"); }) ==
          with(with(kText, "Length: 2", "Length: 11"), "\r\nhi", "\r\nhello world"));
    CHECK(edited(kText, [](Splice& s, const Message&) { s.set_body(""); }) ==
          with(with(kText, "Length: 2", "Length: 0"), "\r\nhi", "\r\n"));
    const auto without = with(kText, "Content-Length: 2\r\n\r\nhi", "\r\n");
    CHECK(edited(without, [](Splice& s, const Message&) { s.set_body("abc"); }) ==
          with(without, "\r\n\r\n", "\r\nContent-Length: 3\r\n\r\nabc"));
}
