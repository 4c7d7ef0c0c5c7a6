#include "conf-bridge/parameters.hpp"

#include <catch2/catch.hpp>

#include "conf-bridge/config.hpp"

using namespace confab;
using namespace confab::bridge;

namespace {

ParameterKeys default_keys() {
    config::Problems problems;
    return config::read<ParameterKeys>(parameter_keys(), {{"", "", "", {"test", 0}}}, problems);
}

Parameters read(std::string_view uri_text, std::string_view headers = "", const ParameterKeys& keys = default_keys()) {
    const auto bytes = "INVITE " + std::string(uri_text) +
                       " SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: c\r\n"
                       "CSeq: 1 INVITE\r\n" +
                       std::string(headers) + "Content-Length: 0\r\n\r\n";
    sip::Message message;
    REQUIRE(sip::split(bytes, message) == sip::ParseError::none);
    const auto uri = sip::parse_uri(message.uri);
    REQUIRE(uri);
    return parameters_of(message, *uri, keys);
}

struct Row {
    std::string_view header, parameter;
    std::string Parameters::*member;
};
constexpr Row kRows[] = {
    {"X-Passcode", "passcode", &Parameters::passcode},
    {"X-Leader-Pin", "leader-pin", &Parameters::leader_pin},
    {"X-Security-Code", "security-code", &Parameters::security_code},
    {"X-Phone-PAC", "phone-pac", &Parameters::accounting_code},
    {"X-Attendee-ID", "attendee-id", &Parameters::attendee_id},
    {"Accept-Language", "language", &Parameters::language},
};

}  // namespace

TEST_CASE("one place wins for each parameter", "[bridge]") {
    for (const auto& row : kRows) {
        const std::string name(row.parameter), header = std::string(row.header) + ":  3 \r\n";
        CAPTURE(name);
        const auto value = [&](std::string_view uri, std::string_view headers = "") { return read(uri, headers).*row.member; };
        CHECK(value("sip:1234@h").empty());
        CHECK(value("sip:1234;" + name + "=1@h;" + name + "=2", header) == "3");
        CHECK(value("sip:1234;" + name + "=1@h;" + name + "=2") == "2");
        CHECK(value("sip:1234;x=y;" + name + "=1@h") == "1");
        CHECK(value("sip:1234@h;" + name + "=%311%2A") == "11*");
        CHECK(value("sip:1234@h;" + name + "=2", std::string(row.header) + ":\r\n").empty());
        CHECK(value("sip:1234@h", std::string(row.header) + ": \"a\\\"b\"\r\n") == "a\"b");
        for (const auto& other : kRows)
            if (other.member != row.member) CHECK((read("sip:1234@h", header).*other.member).empty());
    }
}

TEST_CASE("a claim to be the host", "[bridge]") {
    struct Claim {
        std::string_view text;
        std::optional<bool> meant;
    };
    static constexpr Claim kClaims[] = {{"true", true}, {"TRUE", true}, {"yes", true}, {"1", true}, {"host", true}, {"leader", true},
                                        {"false", false}, {"no", false}, {"0", false}, {"participant", false}, {"", {}}, {"maybe", {}}};
    for (const auto& claim : kClaims) {
        CAPTURE(claim.text);
        CHECK(read("sip:1@h", "X-Is-Host: " + std::string(claim.text) + "\r\n").host == claim.meant);
        CHECK(read("sip:1@h;is-host=" + std::string(claim.text)).host == claim.meant);
    }
    CHECK(read("sip:1@h;is-host=true", "X-Is-Host: false\r\n").host == false);
    CHECK_FALSE(read("sip:1@h").host);
}

TEST_CASE("hostile values are bounded", "[bridge]") {
    const std::string digits(5000, '7');
    CHECK(read("sip:1@h", "X-Passcode: " + digits + "\r\n").passcode.size() == kLongestCode + 1);
    CHECK(read("sip:1@h;leader-pin=" + digits).leader_pin.size() == kLongestCode + 1);
    CHECK(read("sip:1@h", "X-Phone-PAC: " + digits + "\r\n").accounting_code.empty());
    CHECK(read("sip:1@h", "X-Phone-PAC: " + digits.substr(0, kLongestLabel) + "\r\n").accounting_code.size() == kLongestLabel);
    CHECK(read("sip:1@h;attendee-id=%00").attendee_id.empty());
    CHECK(read("sip:1@h;attendee-id=a%0D%0Ab").attendee_id.empty());
    CHECK(read("sip:1@h;attendee-id=%ff").attendee_id.empty());
    CHECK(read("sip:1@h;attendee-id=%c3%a4").attendee_id == "\xc3\xa4");
}

TEST_CASE("names are configuration", "[bridge]") {
    auto keys = default_keys();
    keys.attendee_header = "X-Web-Id";
    keys.leader_pin_parameter.clear();
    CHECK(read("sip:1@h;leader-pin=5", "X-Web-Id: 7\r\nX-Attendee-ID: 8\r\n", keys).attendee_id == "7");
    CHECK(read("sip:1@h;leader-pin=5", "", keys).leader_pin.empty());
    keys.language_header = "not a token";
    config::Problems problems;
    check_parameters(keys, {{"", "", "", {"test", 0}}}, problems);
    REQUIRE(problems.size() == 1);
    CHECK(problems.front().key == "language-header");
}

TEST_CASE("the number is what was dialled", "[bridge]") {
    CHECK(dialled_number(*sip::parse_uri("sip:1234;passcode=5@h")) == "1234");
    CHECK(dialled_number(*sip::parse_uri("sip:%31%32@h;passcode=5")) == "12");
}
