#include <catch2/catch.hpp>

#include "sip/identity.hpp"

using namespace confab::sip;

namespace {

std::string request(std::string_view headers) {
    return "INVITE sip:1234@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@example.org>;tag=1\r\nTo: <sip:b@example.org>\r\n"
           "Call-ID: c\r\nCSeq: 1 INVITE\r\n" +
           std::string(headers) + "Content-Length: 0\r\n\r\n";
}

std::string stripped(std::string_view headers, Boundary boundary) {
    const auto bytes = request(headers);
    Message message;
    REQUIRE(split(bytes, message) == ParseError::none);
    Splice splice(message);
    strip(splice, message, boundary, "example.org");
    std::string out;
    splice.write(out);
    return out;
}

constexpr std::string_view kClaims =
    "P-Asserted-Identity: <sip:boss@example.org>\r\np-preferred-identity: <sip:boss@example.org>\r\nRemote-Party-ID: <sip:boss@example.org>\r\n"
    "confab-Caller: boss\r\n";
constexpr std::string_view kOurs = "Proxy-Authorization: Digest realm=\"example.org\", username=\"a\"\r\n";
constexpr std::string_view kTheirs = "Proxy-Authorization: Digest realm=\"elsewhere\", username=\"a\"\r\n";
constexpr std::string_view kUnknown = "X-Foo:  odd   value \r\nP-Charging-Vector: icid=1\r\n";

std::string join(std::initializer_list<std::string_view> parts) {
    std::string text;
    for (const auto part : parts) text += part;
    return text;
}

}  // namespace

TEST_CASE("identity: what goes at each boundary; everything else stays byte-identical") {
    struct Row {
        Boundary boundary;
        std::string left;
    };
    const Row rows[] = {
        {Boundary::untrusted, join({kTheirs, kUnknown})},
        {Boundary::trusted, join({kClaims, kTheirs, kUnknown})},
        {Boundary::authenticated, join({kTheirs, kUnknown})},
        {Boundary::authenticated_trusted, join({"confab-Caller: boss\r\n", kTheirs, kUnknown})},
    };
    for (const auto& row : rows) {
        CAPTURE(static_cast<int>(row.boundary));
        CHECK(stripped(join({kClaims, kOurs, kTheirs, kUnknown}), row.boundary) == request(row.left));
    }
}

TEST_CASE("identity: parameters of our own go from URIs, others stay") {
    CHECK(without_own_parameters("sip:1234;x=1@h;confab-hops=3;lr") == "sip:1234;x=1@h;lr");
    CHECK(without_own_parameters("sip:h;CONFAB-epoch") == "sip:h");
    CHECK(without_own_parameters("sip:h;confabulation=1") == "sip:h;confabulation=1");
    CHECK(stripped("Contact: <sip:a@h;confab-epoch=9;ob>;q=1\r\n", Boundary::untrusted) == request("Contact: <sip:a@h;ob>;q=1\r\n"));
    CHECK(stripped("Contact: \";confab-x=1\" <sip:a@h>\r\n", Boundary::untrusted) == request("Contact: \";confab-x=1\" <sip:a@h>\r\n"));
}

TEST_CASE("identity: edits are counted before they are made") {
    std::string many;
    for (int i = 0; i < 30; ++i) many += "Confab-Hops: 1\r\n";
    const auto bytes = request(many);
    Message message;
    REQUIRE(split(bytes, message) == ParseError::none);
    CHECK(count_stripped(message, Boundary::untrusted, {}) == 30);
    CHECK(count_stripped(message, Boundary::trusted, {}) == 0);
    CHECK(30 > kMaxIdentityEdits);
}

TEST_CASE("identity: what a URI's user part may not hold is escaped") {
    std::string line;
    append_asserted_identity(line, "al ice@\"x", "example.org");
    CHECK(line == "P-Asserted-Identity: <sip:al%20ice%40%22x@example.org>\r\n");
}
