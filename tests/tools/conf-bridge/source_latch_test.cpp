#include "conf-bridge/source_latch.hpp"

#include <catch2/catch.hpp>

using confab::base::SocketAddress;
using confab::bridge::SourceLatch;

namespace {
SocketAddress at(std::string_view text) { return *SocketAddress::parse(text); }
}  // namespace

TEST_CASE("a leg's RTP source", "[bridge]") {
    SourceLatch latch;
    latch.expect(at("10.0.0.1:4000"));
    SECTION("the signalled address is believed at once and for good") {
        CHECK(latch.source().port == 0);
        CHECK(latch.admit(at("10.0.0.1:4000")));
        CHECK(latch.source() == at("10.0.0.1:4000"));
        for (int i = 0; i < 20; ++i) CHECK_FALSE(latch.admit(at("10.0.0.1:4002")));
        CHECK(latch.destination() == at("10.0.0.1:4000"));
    }
    SECTION("another port needs several packets in a row") {
        for (unsigned i = 1; i < SourceLatch::kConfirmations; ++i) CHECK_FALSE(latch.admit(at("10.0.0.1:4002")));
        CHECK_FALSE(latch.admit(at("10.0.0.1:4004")));
        for (unsigned i = 1; i < SourceLatch::kConfirmations; ++i) CHECK_FALSE(latch.admit(at("10.0.0.1:4002")));
        CHECK(latch.source().port == 0);
        CHECK(latch.admit(at("10.0.0.1:4002")));
        CHECK(latch.destination() == at("10.0.0.1:4002"));
        CHECK(latch.source() == at("10.0.0.1:4002"));
        CHECK(latch.admit(at("10.0.0.1:4000")));
        CHECK(latch.destination() == at("10.0.0.1:4000"));
        CHECK(latch.source() == at("10.0.0.1:4000"));
    }
    SECTION("another host is never believed") {
        for (int i = 0; i < 20; ++i) CHECK_FALSE(latch.admit(at("10.0.0.2:4000")));
    }
    SECTION("a new address forgets what was learned, the same one does not") {
        for (unsigned i = 0; i < SourceLatch::kConfirmations; ++i) latch.admit(at("10.0.0.1:4002"));
        latch.expect(at("10.0.0.1:4000"));
        CHECK(latch.destination() == at("10.0.0.1:4002"));
        latch.expect(at("10.0.0.1:5000"));
        CHECK(latch.source().port == 0);
        CHECK(latch.destination() == at("10.0.0.1:5000"));
    }
}
