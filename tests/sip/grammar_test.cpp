#include "sip/grammar.hpp"

#include <catch2/catch.hpp>
#include <vector>

using namespace confab::sip;

TEST_CASE("uri: parts") {
    struct Row {
        std::string_view text, user, host;
        std::uint16_t port;
        std::string_view params, headers;
    };
    const Row rows[] = {
        {"sip:alice@atlanta.com", "alice", "atlanta.com", 0, "", ""},
        {"sip:alice:secretword@atlanta.com;transport=tcp", "alice", "atlanta.com", 0, ";transport=tcp", ""},
        {"sips:alice@atlanta.com:5061?subject=project%20x&priority=urgent", "alice", "atlanta.com", 5061, "",
         "subject=project%20x&priority=urgent"},
        {"sip:+1-212-555-1212:1234@gateway.com;user=phone", "+1-212-555-1212", "gateway.com", 0, ";user=phone", ""},
        {"sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com", "", "atlanta.com", 0, ";method=REGISTER", "to=alice%40atlanta.com"},
        {"sip:alice;day=tuesday@atlanta.com", "alice;day=tuesday", "atlanta.com", 0, "", ""},
        {"sip:user;par=u%40example.net@example.com", "user;par=u%40example.net", "example.com", 0, "", ""},
        {"SIP:a&=+$,;?/@[2001:db8::1]:5070;lr;maddr=[::1]", "a&=+$,;?/", "[2001:db8::1]", 5070, ";lr;maddr=[::1]", ""},
        {"sip:null-%00-null@example.com", "null-%00-null", "example.com", 0, "", ""},
        {"sip:1234@192.0.2.1:5080;passcode=99", "1234", "192.0.2.1", 5080, ";passcode=99", ""},
    };
    for (const auto& row : rows) {
        INFO(row.text);
        const auto uri = parse_uri(row.text);
        REQUIRE(uri);
        CHECK(uri->text == row.text);
        CHECK(uri->user == row.user);
        CHECK(uri->host == row.host);
        CHECK(uri->port == row.port);
        CHECK(uri->params.text == row.params);
        CHECK(uri->headers == row.headers);
    }
}

TEST_CASE("uri: malformed") {
    for (std::string_view bad : {"",
                                 "sip",
                                 "sip:",
                                 ":a@b",
                                 "1sip:a@b",
                                 "sip:@b",
                                 "sip::pw@b",
                                 "sip:a@",
                                 "sip:a@b:",
                                 "sip:a@b:0",
                                 "sip:a@b:65536",
                                 "sip:a@b:5x",
                                 "sip:a@[::1",
                                 "sip:a@[::g]",
                                 "sip:a@[1.2.3.4]",
                                 "sip:a b@c",
                                 "sip:a@b c",
                                 "sip:a@b;;lr",
                                 "sip:a@b;",
                                 "sip:a@b;=x",
                                 "sip:a@b;x=\"y\"",
                                 "sip:a%4@b",
                                 "sip:a%zz@b",
                                 "sip:a@b?",
                                 "sip:a@b?x= y",
                                 "<sip:a@b>",
                                 "sip:a\"@b",
                                 "sip:a@b@c",
                                 "sip:a@b,c",
                                 "tel:1 2",
                                 "mailto:<a>",
                                 "sip:a:b:c@d"}) {
        INFO(bad);
        CHECK_FALSE(parse_uri(bad));
    }
}

TEST_CASE("uri: other schemes are only kept") {
    const auto uri = parse_uri("soap.beep://192.0.2.103:3002");
    REQUIRE(uri);
    CHECK(uri->scheme == "soap.beep");
    CHECK(uri->host.empty());
    CHECK(parse_uri("tel:+123;phone-context=x")->text == "tel:+123;phone-context=x");
}

TEST_CASE("uri: transport and address") {
    CHECK(parse_uri("sip:a")->transport() == Transport::udp);
    CHECK(parse_uri("sips:a;transport=tcp")->transport() == Transport::tls);
    CHECK(parse_uri("sip:a;TRANSPORT=TCP")->transport() == Transport::tcp);
    CHECK(parse_uri("sip:a;transport=tls")->transport() == Transport::tls);
    CHECK_FALSE(parse_uri("sip:a;transport=sctp")->transport());
    CHECK(parse_uri("SIPS:a")->is_sips());
    CHECK(parse_uri("sip:[::1]")->ip() == confab::base::IpAddress::parse("::1"));
    CHECK_FALSE(parse_uri("sip:localhost")->ip());
}

TEST_CASE("params: lookup") {
    const Params params{R"(;lr;Tag = abc ;q="a;\"b";empty=;last=x)"};
    CHECK(params.get("LR") == "");
    CHECK(params.get("tag") == "abc");
    CHECK(params.get("q") == "a;\\\"b");
    CHECK(params.get("empty") == "");
    CHECK(params.get("last") == "x");
    CHECK_FALSE(params.get("b"));
    CHECK_FALSE(params.has("a"));
    CHECK_FALSE(Params{}.has("x"));
}

TEST_CASE("name-addr: forms") {
    struct Row {
        std::string_view value, display, uri, params;
    };
    const Row rows[] = {
        {"<sip:a@b;x>;y", "", "sip:a@b;x", ";y"},
        {"sip:a@b;x;y", "", "sip:a@b", ";x;y"},
        {R"("Q, <;>\" x" <sip:a@b>;tag=1)", R"("Q, <;>\" x")", "sip:a@b", ";tag=1"},
        {"caller<sip:a@b>", "caller", "sip:a@b", ""},
        {"Two Words  <sip:a@b> ; x = y", "Two Words", "sip:a@b", "; x = y"},
        {"\r\n <sip:a@b?Route=%3Cx%3E>", "", "sip:a@b?Route=%3Cx%3E", ""},
        {"< sip:a@b >", "", "sip:a@b", ""},
        {"sip:a@b;x=\"<\"", "", "sip:a@b", ";x=\"<\""},
        {"<tel:+1>;q=0.5", "", "tel:+1", ";q=0.5"},
    };
    for (const auto& row : rows) {
        INFO(row.value);
        const auto address = parse_name_addr(row.value);
        REQUIRE(address);
        CHECK(address->display == row.display);
        CHECK(address->uri.text == row.uri);
        CHECK(address->params.text == row.params);
    }
    for (std::string_view bad :
         {"", "*", "<>", "<sip:a@b", "\"x <sip:a@b>", "\"x\" sip:a@b", "sip:a@b?x=y", "sip:a,b@c", "<sip:a@b>x", "<sip:a@b>;;x",
          "<sip:a@b>;", "Bell, A <sip:a@b>", "sip:x <sip:a@b>", "a \"b\" <sip:a@b>", "<sip:a@b>;x=\"y", "<sip:a@b> <sip:c@d>", "<sip:a@b>,<sip:c@d>"}) {
        INFO(bad);
        CHECK_FALSE(parse_name_addr(bad));
    }
}

TEST_CASE("via value") {
    const auto via = parse_via("SIP/2.0/TLS [::1]:5061 ;branch=z9hG4bKa ; alias");
    REQUIRE(via);
    CHECK(via->transport == "TLS");
    CHECK(via->host == "[::1]");
    CHECK(via->port == 5061);
    CHECK(via->params.get("branch") == "z9hG4bKa");
    CHECK(via->params.has("alias"));
    CHECK(parse_via("SIP/2.0/UDP h, SIP/2.0/UDP i;branch=b")->params.text.empty());
    CHECK_FALSE(parse_via("SIP/2.0/UDP"));
}

TEST_CASE("lists split at commas outside quotes and brackets") {
    std::string_view rest = " <sip:a,b@c>;x=\"1,2\" , \"d, \\\" e\" <sip:f> ,,\r\n g";
    std::vector<std::string_view> values;
    while (const auto value = next_value(rest)) values.push_back(*value);
    CHECK(values == std::vector<std::string_view>{"<sip:a,b@c>;x=\"1,2\"", "\"d, \\\" e\" <sip:f>", "", "g"});
    rest = "\"open, b";
    CHECK(next_value(rest) == "\"open, b");
    CHECK_FALSE(next_value(rest));
}

TEST_CASE("credentials") {
    const auto c = parse_credentials(R"(Digest username="a\"b\\", realm="x, y",qop = auth , nc=00000001,uri="sip:a")");
    REQUIRE(c);
    CHECK(c->scheme == "Digest");
    CHECK(c->get("USERNAME") == "a\"b\\");
    CHECK(c->get("realm") == "x, y");
    CHECK(c->get("qop") == "auth");
    CHECK(c->get("nc") == "00000001");
    CHECK(c->get("uri") == "sip:a");
    CHECK_FALSE(c->get("y"));
    CHECK_FALSE(c->get("opaque"));
    CHECK(parse_credentials("NoOneKnowsThisScheme opaque-data=here")->scheme == "NoOneKnowsThisScheme");
    CHECK_FALSE(parse_credentials(""));
    CHECK_FALSE(parse_credentials("=x"));
    CHECK_FALSE(parse_credentials("Digest,x=y"));
    CHECK_FALSE(parse_credentials("Digest x=\"open")->get("x"));
}

TEST_CASE("address key") {
    struct Row {
        std::string_view uri, key;
    };
    for (auto [uri, key] :
         {Row{"sip:Alice@Example.COM", "sip:Alice@example.com"}, Row{"sips:a@b:5061;x?y=z", "sip:a@b"}, Row{"sip:a@b:5060", "sip:a@b"},
          Row{"sip:a@b:5061", "sip:a@b:5061"}, Row{"sips:a@b:5060", "sip:a@b"}, Row{"sip:%61%6c%3b:pw@b", "sip:al%3B@b"},
          Row{"sip:b", "sip:b"}, Row{"sip:a@[2001:DB8:0::1]", "sip:a@[2001:db8::1]"}, Row{"sip:null-%00@b", "sip:null-%00@b"}}) {
        INFO(uri);
        CHECK(address_key(*parse_uri(uri)) == key);
    }
    CHECK_FALSE(address_key(*parse_uri("tel:+1")));
}

TEST_CASE("uri comparison of RFC 3261 19.1.4") {
    struct Row {
        std::string_view a, b;
        bool equal;
    };
    const Row rows[] = {
        {"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp", true},
        {"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true},
        {"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5", true},
        {"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
         "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true},
        {"sip:alice@atlanta.com?subject=project%20x&priority=urgent", "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true},
        {"SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false},
        {"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false},
        {"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false},
        {"sip:bob@biloxi.com;transport=udp", "sip:bob@biloxi.com:6000;transport=tcp", false},
        {"sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false},
        {"sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false},
        {"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false},
        {"sip:a:x@b", "sip:a:y@b", false},
        {"sip:a%3b@b", "sip:a;@b", false},
        {"sip:a@b", "sips:a@b", false},
        {"sip:a@[::1]", "sip:a@[0:0::1]", true},
        {"tel:+1", "tel:+1", true},
        {"tel:+1", "tel:+2", false},
    };
    for (const auto& row : rows) {
        INFO(row.a << "  " << row.b);
        CHECK(equal_uris(*parse_uri(row.a), *parse_uri(row.b)) == row.equal);
        CHECK(equal_uris(*parse_uri(row.b), *parse_uri(row.a)) == row.equal);
    }
}
