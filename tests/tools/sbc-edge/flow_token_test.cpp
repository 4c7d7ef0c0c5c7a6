#include <catch2/catch.hpp>

#include "sbc-edge/flow_token.hpp"

using namespace confab;
using namespace confab::edge;

TEST_CASE("a token opens for its use and its dialog alone") {
    const FlowTokens tokens("0123456789abcdef");
    const sip::FlowId flow{0x1234567890abcdef};
    const auto path = tokens.for_path(flow);
    const auto dialog = tokens.for_dialog(flow, "call-1");
    CHECK(tokens.open(path, "any") == flow);
    CHECK(tokens.open(dialog, "call-1") == flow);
    CHECK_FALSE(tokens.open(dialog, "call-2"));
    CHECK_FALSE(FlowTokens("another secret..").open(path, "any"));
    CHECK(path == tokens.for_path(flow));
    CHECK(path != tokens.for_path({flow.value + 1}));
}

TEST_CASE("every changed character spoils a token") {
    const FlowTokens tokens("0123456789abcdef");
    const auto token = tokens.for_path({7});
    for (std::size_t i = 0; i < token.size(); ++i) {
        auto forged = token;
        forged[i] = forged[i] == 'A' ? 'B' : 'A';
        CAPTURE(i);
        CHECK_FALSE(tokens.open(forged, "x"));
    }
    for (const auto* text : {"", "alice", "AAAA", "%00", "AAAAAAAAAAAAAAAAAAAAAAAAAAAA"}) CHECK_FALSE(tokens.open(text, "x"));
    CHECK_FALSE(tokens.open(token + "AA", "x"));
}
