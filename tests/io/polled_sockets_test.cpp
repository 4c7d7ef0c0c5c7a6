#include "io/polled_sockets.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "io/port_pairs.hpp"
#include "party.hpp"

using namespace confab;
using Texts = std::vector<std::string>;

namespace {

std::span<const std::uint8_t> octets(std::string_view text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }
std::string text_of(std::span<const std::uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

struct Pair {
    explicit Pair(const base::IpAddress& ip) : ports(43000, 43999, {}), here(std::move(*ports.open(ip, 0, 0))), there(std::move(*ports.open(ip, 0, 0))) {
        io::PolledSockets::prepare(there.rtp);
    }
    io::PortPairs ports;
    io::OpenPair here, there;
    io::PolledSockets sockets{100};
    Texts receive(std::size_t most = io::PolledSockets::kBatch) {
        Texts texts;
        sockets.begin();
        for (const auto& arrival : sockets.receive(there.rtp, most)) {
            CHECK(arrival.peer == here.local);
            texts.push_back(text_of(arrival.bytes));
            ages.push_back(arrival.age);
        }
        return texts;
    }
    std::vector<base::Duration> ages;
};

}  // namespace

TEST_CASE("polled sockets: what has come is read in order when it is asked for") {
    for (const auto& at : {test::loopback(), test::loopback6()}) {
        Pair pair(at.ip);
        CHECK(pair.receive().empty());
        CHECK(pair.sockets.send(pair.here.rtp, pair.there.local, octets("head and body")));
        CHECK(pair.sockets.send(pair.here.rtp, pair.there.local, octets("one")));
        CHECK(pair.sockets.send(pair.here.rtp, pair.there.local, octets("")));
        CHECK(pair.receive() == Texts{"head and body", "one", ""});
        CHECK(pair.receive().empty());
        for (std::size_t i = 0; i < io::PolledSockets::kBatch + 1; ++i) CHECK(pair.sockets.send(pair.here.rtp, pair.there.local, octets("many")));
        CHECK(pair.receive().size() == io::PolledSockets::kBatch);
        CHECK(pair.receive().size() == 1);
        for (const auto* text : {"first", "second"}) CHECK(pair.sockets.send(pair.here.rtp, pair.there.local, octets(text)));
        CHECK(pair.receive(1) == Texts{"first"});
        CHECK(pair.receive(1) == Texts{"second"});
        CHECK(pair.receive(1).empty());
    }
}

TEST_CASE("polled sockets: what is too long is dropped and counted, and what cannot be sent") {
    Pair pair(test::loopback().ip);
    pair.sockets.send(pair.here.rtp, pair.there.local, octets(std::string(101, 'x')));
    pair.sockets.send(pair.here.rtp, pair.there.local, octets(std::string(100, 'y')));
    CHECK(pair.receive() == Texts{std::string(100, 'y')});
    CHECK(pair.sockets.counts().oversized == 1);
    CHECK_FALSE(pair.sockets.send(pair.here.rtp, {test::loopback6().ip, 9}, octets("to another family")));
    CHECK(pair.sockets.counts().unsent == 1);
}

TEST_CASE("polled sockets: how long a datagram lay there") {
    Pair pair(test::loopback().ip);
    // The kernel begins to note arrivals a little after it was asked to.
    for (int i = 0; i < 1000 && (pair.ages.empty() || pair.ages.back() < base::milliseconds(5)); ++i) {
        REQUIRE(pair.sockets.send(pair.here.rtp, pair.there.local, octets("x")));
        const auto until = std::chrono::steady_clock::now() + base::milliseconds(6);
        while (std::chrono::steady_clock::now() < until) {}
        REQUIRE(pair.receive().size() == 1);
    }
    CHECK(pair.ages.back() >= base::milliseconds(5));
    CHECK(pair.ages.back() < base::seconds(20));
}
