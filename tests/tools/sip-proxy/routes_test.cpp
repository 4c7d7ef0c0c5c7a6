#include "sip-proxy/routes.hpp"

#include <catch2/catch.hpp>

using namespace confab;
using namespace confab::proxy;

namespace {

struct Sections {
    std::vector<Route> routes;
};

std::vector<Route> routes_of(std::string_view text, std::vector<std::string>* problems = nullptr) {
    static const config::Table kTable = {config::section("route", &Sections::routes, "A rule.", route_keys())};
    config::Problems found;
    auto sections = config::read<Sections>(kTable, config::split("f", text, found), found);
    for (const auto& problem : found)
        if (problems) problems->push_back(problem.text());
    if (!problems) CHECK(found.empty());
    return std::move(sections.routes);
}

struct Request {
    std::string uri{"sip:1234@example.org"};
    std::string method{"INVITE"};
    std::string to{"<sip:1234@Example.ORG>"};
    std::string headers{};
    std::string number{"1234"}, passcode{};
};

std::string match(const RouteTable& table, const Request& wanted) {
    const auto bytes = wanted.method + " " + wanted.uri + " SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: " +
                       wanted.to + "\r\nCall-ID: c\r\nCSeq: 1 " + wanted.method + "\r\n" + wanted.headers + "Content-Length: 0\r\n\r\n";
    sip::Message message;
    REQUIRE(sip::split(bytes, message) == sip::ParseError::none);
    const auto uri = sip::parse_uri(message.uri);
    REQUIRE(uri);
    const auto rule = table.match({message, *uri, wanted.number, wanted.passcode});
    return rule ? rule->name : "-";
}

}  // namespace

TEST_CASE("the first route whose conditions all hold decides") {
    RouteTable table;
    table.configure(routes_of("[route pac]\nheader = X-Phone-PAC: 12*\nheader = Subject: *\naction = group a\n"
                              "[route site2]\nnumber = 1234\nnumber = 77*\npasscode = 9999\naction = uri sip:site2.example\n"
                              "[route messages]\nmethod = MESSAGE SUBSCRIBE\naction = registrar\n"
                              "[route by-to]\nto = sip:*@EXAMPLE.org\nuri = sip:1?34@example.org\naction = directory\n"
                              "[route rest]\naction = reject 603 Not today\n"),
                    {});
    CHECK(match(table, {}) == "by-to");
    CHECK(match(table, {.passcode = "9999"}) == "site2");
    CHECK(match(table, {.number = "7700", .passcode = "9999"}) == "site2");
    CHECK(match(table, {.headers = "X-Phone-PAC: 1299\r\n"}) == "by-to");
    CHECK(match(table, {.headers = "x-phone-pac: 1299\r\nSubject: x\r\n", .passcode = "9999"}) == "pac");
    CHECK(match(table, {.headers = "X-Phone-PAC: 31\r\nX-Phone-PAC: 12\r\ns: x\r\n"}) == "pac");
    CHECK(match(table, {.method = "MESSAGE"}) == "messages");
    CHECK(match(table, {.uri = "sip:%31234@EXAMPLE.ORG:5060;x=y"}) == "by-to");
    CHECK(match(table, {.uri = "sip:1234@example.org:5070"}) == "rest");
    CHECK(match(table, {.uri = "sip:bob@example.org", .number = ""}) == "rest");
}

TEST_CASE("a route that another key names is taken only by its name") {
    RouteTable table;
    table.configure(routes_of("[route operator]\naction = uri sip:operator@example.org\n[route all]\naction = home"), {"operator"});
    CHECK(match(table, {}) == "all");
    REQUIRE(table.named("operator"));
    CHECK(table.named("operator")->action.uris == std::vector<std::string>{"sip:operator@example.org"});
    CHECK(table.named("absent") == nullptr);
    CHECK(table.built_in()->action.kind == Action::Kind::home);
}

TEST_CASE("a rule lives as long as a request that met it") {
    RouteTable table;
    table.configure(routes_of("[route a]\naction = group g"), {});
    const auto rule = table.named("a");
    table.configure({}, {});
    CHECK(table.empty());
    CHECK(rule->action.group == "g");
}

TEST_CASE("actions") {
    using Value = config::Value<Action>;
    for (auto text : {"home", "directory", "registrar", "group bridges", "uri sip:site2.example.org", "uri sips:op@[::1]:5071;transport=tls",
                      "redirect sip:a@b sip:c.example", "reject 603", "reject 480 Come back later"}) {
        const auto action = Value::parse(text);
        REQUIRE(action);
        CHECK(action->text() == text);
    }
    for (auto text : {"", "home now", "group", "group a b", "uri", "uri sip:a sip:b", "uri mailto:a@b", "uri sip:a?x=y", "redirect", "redirect tel:1",
                      "reject", "reject 200", "reject 700", "reject x", "drop"})
        CHECK_FALSE(Value::parse(text));
}

TEST_CASE("problems of routes have file and line, and show no passcode") {
    std::vector<std::string> problems;
    routes_of("[route a]\npasscode = \\\naction = home\n[route b]\nnumber = 1\nredirects = maybe\n[route a]\naction = home\n[route]\n[route x y]\n", &problems);
    CHECK(problems == std::vector<std::string>{
                          "f:2: passcode: expected a pattern (* any text, ? one character, \\ takes the next one as it is), got ****",
                          "f:4: action: expected home, directory, registrar, group NAME, uri URI, redirect URI..., or reject CODE REASON (400 to 699), got nothing",
                          "f:6: redirects: expected pass or follow, got maybe",
                          "f:7: [route a]: expected one section of that name, got a second one (first on line 1)",
                          "f:9: [route]: expected [route NAME] with a name of letters, digits, '.', '_' and '-', got route",
                          "f:10: [route x y]: expected [route NAME] with a name of letters, digits, '.', '_' and '-', got route x y"});
}
