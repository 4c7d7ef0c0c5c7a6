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
        here.rtp = io::PolledSockets::connect(std::move(here.rtp), there.local);
        there.rtp = io::PolledSockets::connect(std::move(there.rtp), here.local);
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
        CHECK(pair.sockets.send(pair.here.rtp, octets("head and body")));
        CHECK(pair.sockets.send(pair.here.rtp, octets("one")));
        CHECK(pair.sockets.send(pair.here.rtp, octets("")));
        CHECK(pair.receive() == Texts{"head and body", "one", ""});
        CHECK(pair.receive().empty());
        for (std::size_t i = 0; i < io::PolledSockets::kBatch + 1; ++i) CHECK(pair.sockets.send(pair.here.rtp, octets("many")));
        CHECK(pair.receive().size() == io::PolledSockets::kBatch);
        CHECK(pair.receive().size() == 1);
        for (const auto* text : {"first", "second"}) CHECK(pair.sockets.send(pair.here.rtp, octets(text)));
        CHECK(pair.receive(1) == Texts{"first"});
        CHECK(pair.receive(1) == Texts{"second"});
        CHECK(pair.receive(1).empty());
    }
}

TEST_CASE("polled sockets: what is too long is dropped and counted, and what cannot be sent") {
    Pair pair(test::loopback().ip);
    pair.sockets.send(pair.here.rtp, octets(std::string(101, 'x')));
    pair.sockets.send(pair.here.rtp, octets(std::string(100, 'y')));
    CHECK(pair.receive() == Texts{std::string(100, 'y')});
    CHECK(pair.sockets.counts().oversized == 1);
    CHECK_FALSE(pair.sockets.send(pair.here.rtp, octets(std::string(70'000, 'z'))));
    CHECK(pair.sockets.counts().unsent == 1);
}

TEST_CASE("polled sockets: how long a datagram lay there") {
    Pair pair(test::loopback().ip);
    // The kernel begins to note arrivals a little after it was asked to.
    for (int i = 0; i < 1000 && (pair.ages.empty() || pair.ages.back() < base::milliseconds(5)); ++i) {
        REQUIRE(pair.sockets.send(pair.here.rtp, octets("x")));
        const auto until = std::chrono::steady_clock::now() + base::milliseconds(6);
        while (std::chrono::steady_clock::now() < until) {}
        REQUIRE(pair.receive().size() == 1);
    }
    CHECK(pair.ages.back() >= base::milliseconds(5));
    CHECK(pair.ages.back() < base::seconds(20));
}

TEST_CASE("polled sockets: that nobody listens any more is no error, and hides nothing") {
    Pair pair(test::loopback().ip);
    pair.there.rtp = {}, pair.there.rtcp = {};
    for (int i = 0; i < 3; ++i) CHECK(pair.sockets.send(pair.here.rtp, octets("to nobody")));
    auto again = io::PortPairs::open_at(pair.there.local, 0, 0);
    REQUIRE(again);
    pair.there.rtp = io::PolledSockets::connect(std::move(again->rtp), pair.here.local);
    REQUIRE(pair.sockets.send(pair.there.rtp, octets("back")));
    pair.sockets.begin();
    const auto heard = pair.sockets.receive(pair.here.rtp, 1);
    REQUIRE(heard.size() == 1);
    CHECK(text_of(heard.front().bytes) == "back");
}

TEST_CASE("polled sockets: beside another, one takes what its peer sends and leaves the rest; and who comes later finds the address taken") {
    for (const auto& at : {test::loopback(), test::loopback6()}) {
        io::PortPairs ports(43000, 43999, {});
        const auto open = [&] { return std::move(*ports.open(at.ip, 0, 0)); };
        auto here = open(), peer = open(), stranger = open();
        const auto towards_here = [&](io::OpenPair& from) { return io::PolledSockets::connect(std::move(from.rtp), here.local); };
        const auto peers = towards_here(peer), strangers = towards_here(stranger);
        const auto beside = io::PolledSockets::open_beside(here.rtp.get(), peer.local, 0, 0);
        REQUIRE(beside);
        io::PolledSockets sockets{100};
        const auto read = [&](const io::Descriptor& socket) {
            Texts texts;
            for (const auto& arrival : sockets.receive(socket)) texts.push_back(text_of(arrival.bytes));
            return texts;
        };
        for (int i = 0; i < 2; ++i) {
            REQUIRE(sockets.send(peers, octets("peer")));
            REQUIRE(sockets.send(strangers, octets("stranger")));
        }
        CHECK(read(beside) == Texts{"peer", "peer"});
        CHECK(read(here.rtp) == Texts{"stranger", "stranger"});
        REQUIRE(sockets.send(beside, octets("answer")));
        CHECK(read(peers) == Texts{"answer"});
        CHECK_FALSE(io::PortPairs::open_at(here.local, 0, 0));
    }
}
