#include "sip/message.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace confab::sip;

namespace {

const std::string kInvite =
    "INVITE sip:bob@biloxi.example.com SIP/2.0\r\n"
    "Via: SIP/2.0/UDP pc33.example.com:5066;branch=z9hG4bK776asdhds;rport;received=192.0.2.9, SIP/2.0/TCP [2001:db8::9];branch=z9hG4bKx\r\n"
    "Max-Forwards: 70\r\n"
    "To: Bob <sip:bob@biloxi.example.com;tag=no>\r\n"
    "From: \"Alice <;tag=\\\"no\" <sip:alice@atlanta.example.com>;x=\"y;tag=z\" ; tag = 1928301774\r\n"
    "Call-ID: a84b4c76e66710@pc33.atlanta.example.com\r\n"
    "CSeq: 314159 INVITE\r\n"
    "X-Folded: one\r\n two\r\n"
    "m: <sip:alice@pc33.example.com>\r\n"
    "Content-Length: 4\r\n"
    "\r\n"
    "v=0\n";

std::string with(std::string text, std::string_view from, std::string_view to) {
    const auto at = text.find(from);
    REQUIRE(at != text.npos);
    return text.replace(at, from.size(), to);
}

std::string without_line(std::string text, std::string_view start) {
    const auto at = text.find("\r\n" + std::string(start));
    REQUIRE(at != text.npos);
    return text.erase(at, text.find("\r\n", at + 2) - at);
}

}  // namespace

TEST_CASE("message: a request's fields") {
    Message m;
    REQUIRE(split(kInvite, m) == ParseError::none);
    CHECK(m.is_request);
    CHECK(m.method == Method::invite);
    CHECK(m.uri == "sip:bob@biloxi.example.com");
    CHECK(m.via.value == "SIP/2.0/UDP pc33.example.com:5066;branch=z9hG4bK776asdhds;rport;received=192.0.2.9");
    CHECK(m.via.transport == "UDP");
    CHECK(m.via.host == "pc33.example.com");
    CHECK(m.via.port == 5066);
    CHECK(m.via.branch == "z9hG4bK776asdhds");
    CHECK(m.via.rport_requested);
    CHECK(m.via.rport == 0);
    CHECK(m.via.rport_text == "rport");
    CHECK(m.via.received == "192.0.2.9");
    CHECK(m.to_tag.empty());
    CHECK(m.from_tag == "1928301774");
    CHECK(m.call_id == "a84b4c76e66710@pc33.atlanta.example.com");
    CHECK(m.cseq == 314159);
    CHECK(m.cseq_method == Method::invite);
    CHECK(m.max_forwards == 70);
    CHECK(m.content_length == 4u);
    CHECK(m.body == "v=0\n");
    CHECK(m.bytes == kInvite);
    CHECK(m.head.size() + m.body.size() == kInvite.size());
    CHECK(m.answerable());
}

TEST_CASE("message: headers keep what was received") {
    Message m;
    split(kInvite, m);
    REQUIRE(m.headers().size() == 9);
    const auto* folded = m.find("x-folded");
    REQUIRE(folded);
    CHECK(folded->id == HeaderName::other);
    CHECK(folded->value == "one\r\n two");
    CHECK(folded->line == "X-Folded: one\r\n two\r\n");
    const auto* contact = m.find(HeaderName::contact);
    REQUIRE(contact);
    CHECK(contact->name == "m");
    CHECK(m.value(HeaderName::route).empty());
    CHECK(m.find(HeaderName::route) == nullptr);
    CHECK(m.count(HeaderName::via) == 1);
    std::string lines;
    for (const auto& header : m.headers()) lines += header.line;
    CHECK(std::string(m.head).ends_with(lines + "\r\n"));
}

TEST_CASE("message: a response's fields") {
    Message m;
    REQUIRE(split("SIP/2.0 180 Ringing it is\r\nv: SIP/2.0/TLS h;branch=z9hG4bK1\r\nf: <sip:a@b>;tag=1\r\nt: sip:c@d;tag=2\r\n"
                  "i: x\r\nCSeq: 1 INVITE\r\nl: 0\r\n\r\n",
                  m, true) == ParseError::none);
    CHECK_FALSE(m.is_request);
    CHECK(m.status == 180);
    CHECK(m.reason == "Ringing it is");
    CHECK(m.method == Method::invite);
    CHECK(m.from_tag == "1");
    CHECK(m.to_tag == "2");
    CHECK(m.via.transport == "TLS");
    CHECK_FALSE(m.answerable());
}

TEST_CASE("message: a reused object forgets") {
    Message m;
    split(kInvite, m);
    CHECK(split("\r\n\r\n", m) == ParseError::empty);
    CHECK(m.headers().empty());
    CHECK(m.call_id.empty());
    CHECK_FALSE(m.max_forwards);
    CHECK_FALSE(m.answerable());
}

TEST_CASE("message: faults") {
    struct Row {
        const char* what;
        std::string text;
        ParseError error;
        bool answerable;
    };
    const std::string many = [] {
        std::string headers;
        for (std::size_t i = 0; i < Message::kMaxHeaders; ++i) headers += "Y: y\r\n";
        return with(kInvite, "X-Folded", headers + "X-Folded");
    }();
    const Row rows[] = {
        {"empty", "", ParseError::empty, false},
        {"only line ends", "\r\n\r\n", ParseError::empty, false},
        {"no version", with(kInvite, " SIP/2.0\r\n", "\r\n"), ParseError::start_line, true},
        {"two spaces", with(kInvite, "INVITE sip", "INVITE  sip"), ParseError::uri, true},
        {"space at the end", with(kInvite, "SIP/2.0\r\n", "SIP/2.0 \r\n"), ParseError::start_line, true},
        {"bad method", with(kInvite, "INVITE sip", "INV@ITE sip"), ParseError::start_line, false},
        {"version", with(kInvite, "SIP/2.0\r\n", "SIP/7.0\r\n"), ParseError::version, true},
        {"uri in brackets", with(kInvite, "sip:bob@biloxi.example.com SIP", "<sip:bob@biloxi.example.com> SIP"), ParseError::uri, true},
        {"uri with headers", with(kInvite, ".com SIP", ".com?Route=x SIP"), ParseError::uri, true},
        {"line without colon", with(kInvite, "X-Folded:", "X-Folded"), ParseError::header_line, true},
        {"name with a space", with(kInvite, "X-Folded:", "X Folded:"), ParseError::header_line, true},
        {"empty name", with(kInvite, "X-Folded:", ":"), ParseError::header_line, true},
        {"no empty line", kInvite.substr(0, kInvite.size() - 6), ParseError::header_line, true},
        {"too many headers", many, ParseError::too_many_headers, true},
        {"no via", without_line(kInvite, "Via"), ParseError::missing_header, false},
        {"no from", without_line(kInvite, "From"), ParseError::missing_header, true},
        {"no to", without_line(kInvite, "To"), ParseError::missing_header, true},
        {"no call-id", without_line(kInvite, "Call-ID"), ParseError::missing_header, true},
        {"no cseq", without_line(kInvite, "CSeq"), ParseError::missing_header, true},
        {"two froms", with(kInvite, "X-Folded:", "f:"), ParseError::repeated_header, true},
        {"two lengths", with(kInvite, "X-Folded: one\r\n two", "l: 4"), ParseError::repeated_header, true},
        {"via parameters", with(kInvite, ";rport;", ";;rport;"), ParseError::via, true},
        {"via port", with(kInvite, ":5066", ":65536"), ParseError::via, true},
        {"via port 0", with(kInvite, ":5066", ":0"), ParseError::via, true},
        {"a branch of the cookie alone", with(kInvite, "z9hG4bK776asdhds", "z9HG4BK"), ParseError::via, true},
        {"a space behind <", with(kInvite, "Bob <", "Bob < "), ParseError::from_to, true},
        {"a contact whose headers stand outside <>", with(kInvite, "X-Folded: one", "Contact: sip:a@example.com?Route=%3Csip:b%3E"), ParseError::contact, true},
        {"two branches", with(kInvite, ";rport;", ";branch=z9hG4bKb;"), ParseError::via, true},
        {"received without a value", with(kInvite, "received=192.0.2.9", "received"), ParseError::via, true},
        {"two tags", with(kInvite, "; tag = 1928301774", ";tag=1;tag=2"), ParseError::from_to, true},
        {"via version", with(kInvite, "SIP/2.0/UDP", "SIP/3.0/UDP"), ParseError::via, true},
        {"unterminated quote", with(kInvite, "Bob <", "\"Bob <"), ParseError::from_to, true},
        {"unterminated bracket", with(kInvite, "com;tag=no>", "com;tag=no"), ParseError::from_to, true},
        {"call-id with a space", with(kInvite, "@pc33.atlanta", " @pc33.atlanta"), ParseError::call_id, true},
        {"empty call-id", with(kInvite, "a84b4c76e66710@pc33.atlanta.example.com", ""), ParseError::call_id, true},
        {"cseq too large", with(kInvite, "314159", "2147483648"), ParseError::cseq, true},
        {"cseq not a number", with(kInvite, "314159", "31a"), ParseError::cseq, true},
        {"cseq without method", with(kInvite, "314159 INVITE", "314159"), ParseError::cseq, true},
        {"cseq of another method", with(kInvite, "314159 INVITE", "314159 OPTIONS"), ParseError::cseq, true},
        {"max-forwards 256", with(kInvite, "Max-Forwards: 70", "Max-Forwards: 256"), ParseError::max_forwards, true},
        {"max-forwards -1", with(kInvite, "Max-Forwards: 70", "Max-Forwards: -1"), ParseError::max_forwards, true},
        {"negative length", with(kInvite, "Content-Length: 4", "Content-Length: -4"), ParseError::content_length, true},
        {"length beyond 32 bits", with(kInvite, "Content-Length: 4", "Content-Length: 4294967300"), ParseError::content_length, true},
        {"short body", with(kInvite, "Content-Length: 4", "Content-Length: 5"), ParseError::body_too_short, true},
        {"expires", with(kInvite, "X-Folded: one", "Expires: 4294967296"), ParseError::expires, true},
        {"NUL", with(kInvite, "one", std::string_view("o\0e", 3)), ParseError::control_character, true},
        {"bare CR", with(kInvite, "one", "o\re"), ParseError::control_character, true},
        {"escape", with(kInvite, "one", "o\x1b[2J"), ParseError::control_character, true},
        {"ACK", with(with(with(kInvite, "INVITE sip", "ACK sip"), "9 INVITE", "9 ACK"), "Max-Forwards: 70", "Max-Forwards: x"),
         ParseError::max_forwards, false},
        {"status 99", "SIP/2.0 099 X\r\n\r\n", ParseError::status_code, false},
        {"status 700", "SIP/2.0 700 X\r\n\r\n", ParseError::status_code, false},
        {"status of four digits", "SIP/2.0 2000 X\r\n\r\n", ParseError::status_code, false},
        {"status beyond 32 bits", "SIP/2.0 4294967301 X\r\n\r\n", ParseError::status_code, false},
        {"response version", "SIP/3.0 200 OK\r\n\r\n", ParseError::version, false},
    };
    Message m;
    for (const auto& row : rows) {
        INFO(row.what);
        CHECK(parse_error_text(split(row.text, m)) == parse_error_text(row.error));
        CHECK(m.answerable() == row.answerable);
        CHECK(status_for(m.error) == (row.error == ParseError::version ? 505 : 400));
        CHECK_FALSE(parse_error_text(row.error).empty());
    }
}

TEST_CASE("message: accepted oddities") {
    struct Row {
        const char* what;
        std::string text;
    };
    std::string bare = kInvite;
    std::erase(bare, '\r');
    const Row rows[] = {
        {"leading line ends", "\r\n\n\r\n" + kInvite},
        {"bare line feeds", bare},
        {"no max-forwards", without_line(kInvite, "Max-Forwards")},
        {"cseq 2^31-1", with(kInvite, "314159", "2147483647")},
        {"leading zeros", with(kInvite, "Max-Forwards: 70", "Max-Forwards: 000070")},
        {"no branch", with(kInvite, ";branch=z9hG4bK776asdhds", "")},
        {"spaces in via",
         with(kInvite, "SIP/2.0/UDP pc33.example.com:5066;branch=", "SIP  / 2.0\r\n /UDP  pc33.example.com : 5066 ; branch = ")},
        {"quoted control", with(kInvite, "Alice",
                                "Al\\\x01"
                                "ice")},
        {"tab", with(kInvite, "one", "o\te")},
        {"bytes behind the body", kInvite + "INVITE sip:x SIP/2.0\r\n"},
        {"escape sequences of UTF-8", with(kInvite, "one", "\xd1\x80")},
    };
    Message m;
    for (const auto& row : rows) {
        INFO(row.what);
        CHECK(parse_error_text(split(row.text, m)) == "OK");
        CHECK(m.via.host == "pc33.example.com");
        CHECK(m.via.port == 5066);
        CHECK(m.from_tag == "1928301774");
        CHECK(m.body == "v=0\n");
    }
}

TEST_CASE("message: where the body ends") {
    const auto no_length = without_line(kInvite, "Content-Length");
    Message m;
    split(no_length, m);
    CHECK(m.body == "v=0\n");
    split(no_length, m, true);
    CHECK(m.body.empty());
    const auto trailing = kInvite + "garbage";
    split(trailing, m);
    CHECK(m.bytes == kInvite);
}

TEST_CASE("message: Via forms") {
    struct Row {
        std::string_view text, host, branch;
        std::uint16_t port;
    };
    for (auto [text, host, branch, port] :
         {Row{"SIP/2.0/UDP [2001:db8::1]:5070;branch=a", "[2001:db8::1]", "a", 5070}, Row{"sip/2.0/udp h", "h", "", 0},
          Row{"SIP/2.0/UDP h;BRANCH=\"a\"", "h", "a", 0}, Row{"SIP/2.0/X-Y h ;branch=a , SIP", "h", "a", 0}}) {
        INFO(text);
        TopVia via;
        CHECK(read_via(text, via));
        CHECK(via.host == host);
        CHECK(via.branch == branch);
        CHECK(via.port == port);
    }
    for (std::string_view bad : {"", "SIP", "SIP/2.0", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/2.0/UDP ;branch=a", "SIP/2.0/UDP [::1;branch=a",
                                 "SIP/2.0/UDP h:", "SIP/2.0/UDP h x", "SIP/2.0/UDP h;branch=\"a", "HTTP/2.0/UDP h", "SIP/2.0/UDP h;=a"}) {
        INFO(bad);
        TopVia via;
        CHECK_FALSE(read_via(bad, via));
    }
}

TEST_CASE("header names: long, compact, any case") {
    for (int i = 1; i <= static_cast<int>(HeaderName::subject); ++i) {
        const auto id = static_cast<HeaderName>(i);
        const std::string name(header_name_text(id));
        INFO(name);
        REQUIRE(name.size() > 1);
        std::string upper = name;
        for (char& c : upper)
            if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
        CHECK(header_name_of(name) == id);
        CHECK(header_name_of(upper) == id);
        CHECK(header_name_of(name + "x") == HeaderName::other);
    }
    CHECK(header_name_of("V") == HeaderName::via);
    CHECK(header_name_of("k") == HeaderName::supported);
    for (std::string_view other : {"", "q", "X-Foo", "Vla", "Via ", "To\r"}) CHECK(header_name_of(other) == HeaderName::other);
}

TEST_CASE("methods: case matters") {
    for (int i = 1; i <= static_cast<int>(Method::publish); ++i) {
        const auto method = static_cast<Method>(i);
        CHECK(method_of(method_name(method)) == method);
    }
    CHECK(method_name(Method::register_) == "REGISTER");
    CHECK(method_of("invite") == Method::other);
    CHECK(method_of("") == Method::other);
}

TEST_CASE("peek: a header's value without splitting") {
    const std::string text = "INVITE sip:a SIP/2.0\r\nV: SIP/2.0/UDP h;branch=b\r\nTo : <sip:x>\r\n ;tag=1\r\nX: To: 9\r\n\r\nFrom: body\r\n";
    CHECK(peek(text, HeaderName::via) == "SIP/2.0/UDP h;branch=b");
    CHECK(peek(text, HeaderName::to) == "<sip:x>\r\n ;tag=1");
    CHECK(peek(text, HeaderName::from).empty());
    CHECK(peek("", HeaderName::via).empty());
    CHECK(peek("INVITE", HeaderName::via).empty());
    CHECK(peek("INVITE\nVia", HeaderName::via).empty());
    CHECK(peek("INVITE\nVia: x", HeaderName::via) == "x");
}
