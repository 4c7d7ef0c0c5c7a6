#include "io/datagrams.hpp"
#include "io/port_pairs.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "stage.hpp"

using namespace confab;
using test::run_until;

namespace {

std::span<const std::uint8_t> octets(std::string_view text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }
std::string text_of(std::span<const std::uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

struct Party {
    explicit Party(io::Loop& loop, const base::SocketAddress& at = test::loopback(), const io::Datagrams::Options& options = {},
                   std::shared_ptr<io::Datagrams::Buffers> buffers = nullptr)
        : socket(std::move(*io::Datagrams::bind(loop, at, options, std::move(buffers), [this](base::Now, std::span<io::Datagram> batch) {
              ++batches;
              for (auto& datagram : batch) {
                  texts.push_back(text_of(datagram.bytes));
                  last = datagram.peer;
              }
          }))) {}
    std::vector<std::string> texts;
    base::SocketAddress last;
    int batches = 0;
    io::Datagrams socket;
};

}  // namespace

TEST_CASE("datagrams: a batch goes and comes in order, over IPv4 and IPv6, one piece or two") {
    for (const auto& at : {test::loopback(), test::loopback6()}) {
        io::Loop loop;
        Party here(loop, at), there(loop, at);
        CHECK(here.socket.local().port != 0);
        CHECK(here.socket.local().ip == at.ip);
        const std::string head = "he", tail = "ad";
        here.socket.send(there.socket.local(), octets("first"));
        here.socket.send(there.socket.local(), octets(head), octets(tail));
        here.socket.send(there.socket.local(), octets(""));
        CHECK(there.texts.empty());
        here.socket.flush();
        REQUIRE(run_until(loop, [&] { return there.texts.size() == 3; }));
        CHECK(there.texts == std::vector<std::string>{"first", "head", ""});
        CHECK(there.last == here.socket.local());
        CHECK(here.socket.counts().sent == 3);
        CHECK(there.socket.counts().received == 3);
    }
}

TEST_CASE("datagrams: more than a batch flushes itself, and arrives in few wakes") {
    io::Loop loop;
    const io::Datagrams::Options options{.batch = 8, .size = 2048};
    const auto buffers = io::Datagrams::make_buffers(options);
    Party here(loop, test::loopback(), options, buffers), there(loop, test::loopback(), options, buffers);
    std::vector<std::string> texts;
    for (int i = 0; i < 50; ++i) texts.push_back("datagram " + std::to_string(i));
    for (const auto& text : texts) here.socket.send(there.socket.local(), octets(text));
    CHECK(here.socket.counts().sent == 48);
    here.socket.flush();
    CHECK(here.socket.counts().sent == 50);
    REQUIRE(run_until(loop, [&] { return there.texts.size() == 50; }));
    CHECK(there.texts == texts);
    CHECK(there.batches == 7);
}

TEST_CASE("datagrams: one that is larger than the buffer is dropped and counted, its neighbours are not") {
    io::Loop loop;
    Party here(loop), there(loop, test::loopback(), {.batch = 4, .size = 100});
    const std::string fits(100, 'a'), too_long(101, 'b');
    for (const auto& text : {fits, too_long, fits}) here.socket.send(there.socket.local(), octets(text)), here.socket.flush();
    REQUIRE(run_until(loop, [&] { return there.texts.size() == 2; }));
    CHECK(there.texts == std::vector{fits, fits});
    CHECK(there.socket.counts().oversized == 1);
}

TEST_CASE("datagrams: there is room for in-place work behind each one") {
    io::Loop loop;
    const io::Datagrams::Options options{.batch = 2, .size = 64, .headroom = 16};
    std::vector<std::string> seen;
    auto there = io::Datagrams::bind(loop, test::loopback(), options, nullptr, [&](base::Now, std::span<io::Datagram> batch) {
        for (auto& datagram : batch) std::fill_n(datagram.bytes.data() + datagram.bytes.size(), 16, std::uint8_t{0xff});
        for (auto& datagram : batch) seen.push_back(text_of(datagram.bytes));
    });
    Party here(loop);
    const std::string full(64, 'x');
    here.socket.send(there->local(), octets(full));
    here.socket.send(there->local(), octets(full));
    here.socket.flush();
    REQUIRE(run_until(loop, [&] { return seen.size() == 2; }));
    CHECK(seen == std::vector{full, full});
}

TEST_CASE("datagrams: what the kernel refuses is skipped and counted") {
    io::Loop loop;
    Party here(loop), there(loop);
    const std::string huge(65536, 'x');
    here.socket.send(there.socket.local(), octets("before"));
    here.socket.send(there.socket.local(), octets(huge));          // EMSGSIZE
    here.socket.send(test::loopback6(9), octets("wrong family"));  // EAFNOSUPPORT
    here.socket.send(test::loopback(0), octets("no port"));        // EINVAL
    here.socket.send(there.socket.local(), octets("after"));
    here.socket.flush();
    REQUIRE(run_until(loop, [&] { return there.texts.size() == 2; }));
    CHECK(there.texts == std::vector<std::string>{"before", "after"});
    CHECK(here.socket.counts().unsent == 3);
    CHECK(here.socket.counts().sent == 2);
}

TEST_CASE("datagrams: a port that nobody reads disturbs nothing") {
    io::Loop loop;
    Party here(loop), there(loop);
    base::SocketAddress closed;
    {
        const Party brief(loop);
        closed = brief.socket.local();
    }
    for (int i = 0; i < 3; ++i) {
        here.socket.send(closed, octets("anyone?"));
        here.socket.send(there.socket.local(), octets("you"));
        here.socket.flush();
    }
    REQUIRE(run_until(loop, [&] { return there.texts.size() == 3; }));
}

TEST_CASE("datagrams: a busy port is one sentence") {
    io::Loop loop;
    const Party here(loop);
    const auto second = io::Datagrams::bind(loop, here.socket.local(), {}, nullptr, [](base::Now, std::span<io::Datagram>) {});
    REQUIRE_FALSE(second);
    CHECK(second.error() == "udp " + here.socket.local().text() + ": Address already in use");
}

TEST_CASE("datagrams: destroyed in its own batch") {
    io::Loop loop;
    int batches = 0;
    std::optional<io::Datagrams> doomed;
    auto marker = std::make_shared<int>(1);
    doomed.emplace(
        std::move(*io::Datagrams::bind(loop, test::loopback(), {.batch = 1}, nullptr, [&, marker](base::Now, std::span<io::Datagram>) {
            ++batches;
            doomed.reset();
            CHECK(marker.use_count() > 1);
        })));
    Party here(loop);
    for (int i = 0; i < 3; ++i) here.socket.send(doomed->local(), octets("x"));
    here.socket.flush();
    CHECK(run_until(loop, [&] { return batches == 1; }));
    test::settle(loop);
    CHECK(batches == 1);
    CHECK(marker.use_count() == 1);
}

TEST_CASE("port pairs: even and odd, never twice, and an end when the range is used up") {
    io::Loop loop;
    const io::Datagrams::Options options{.batch = 1, .size = 100};
    const auto buffers = io::Datagrams::make_buffers(options);
    const auto ignore = [](base::Now, std::span<io::Datagram>) {};
    io::PortPairs pairs(42001, 42010, {});  // 42002, 42004, 42006, 42008: 42010 has no odd neighbour in the range
    std::vector<io::PortPair> taken;
    for (int i = 0; i < 4; ++i) {
        auto pair = pairs.bind(loop, test::loopback().ip, options, buffers, ignore, ignore);
        REQUIRE(pair);
        CHECK(pair->rtp.local().port % 2 == 0);
        CHECK(pair->rtcp.local().port == pair->rtp.local().port + 1);
        CHECK(pair->rtp.local().port >= 42002);
        CHECK(pair->rtcp.local().port <= 42009);
        taken.push_back(std::move(*pair));
    }
    const auto none = pairs.bind(loop, test::loopback().ip, options, buffers, ignore, ignore);
    REQUIRE_FALSE(none);
    CHECK(none.error().starts_with("no pair of ports free on 127.0.0.1 in 42002-42010 (udp 127.0.0.1:420"));
    const auto freed = taken[2].rtp.local().port;
    taken.erase(taken.begin() + 2);
    const auto again = pairs.bind(loop, test::loopback().ip, options, buffers, ignore, ignore);
    REQUIRE(again);
    CHECK(again->rtp.local().port == freed);
    CHECK_FALSE(io::PortPairs(42001, 42001, {}).bind(loop, test::loopback().ip, options, buffers, ignore, ignore));
}

TEST_CASE("datagrams: runs of one length to one peer arrive as they were sent, whatever stands between them") {
    for (const auto& at : {test::loopback(), test::loopback6()}) {
        io::Loop loop;
        Party here(loop, at), there(loop, at), other(loop, at);
        std::vector<std::string> texts;
        for (int i = 0; i < 90; ++i) texts.push_back(std::string(i % 30 == 29 ? 10 : 400, static_cast<char>('a' + i % 26)));
        texts.push_back("");
        texts.push_back(std::string(1500, 'x'));  // longer than a piece may be
        texts.push_back(std::string(1500, 'y'));
        for (std::size_t i = 0; i < texts.size(); ++i) {
            here.socket.send(there.socket.local(), octets(texts[i]));
            if (i % 7 == 0) here.socket.send(other.socket.local(), octets("between"));
        }
        here.socket.flush();
        REQUIRE(run_until(loop, [&] { return there.texts.size() == texts.size(); }));
        CHECK(there.texts == texts);
        CHECK(other.texts == std::vector<std::string>(14, "between"));
        CHECK(here.socket.counts().sent == texts.size() + 14);
    }
}

TEST_CASE("datagrams: how long the first of a batch waited") {
    io::Loop loop;
    io::Datagrams::Options options;
    options.stamped = true;
    Party here(loop), plain(loop), there(loop, test::loopback(), options);
    CHECK(there.socket.queue_delay().count() == 0);
    // The kernel begins to note arrivals a little after it was asked to.
    for (int i = 0; i < 1000 && there.socket.queue_delay() < base::milliseconds(5); ++i) {
        const auto before = there.texts.size() + plain.texts.size();
        here.socket.send(there.socket.local(), octets("1"));
        here.socket.send(plain.socket.local(), octets("2"));
        here.socket.flush();
        const auto sent = loop.now().steady;
        while (loop.now().steady < sent + base::milliseconds(5)) {}
        REQUIRE(run_until(loop, [&] { return there.texts.size() + plain.texts.size() == before + 2; }));
    }
    CHECK(there.socket.queue_delay() >= base::milliseconds(5));
    CHECK(there.socket.queue_delay() < base::seconds(20));
    CHECK(plain.socket.queue_delay().count() == 0);
}

TEST_CASE("datagrams: what comes joined is cut where the sender had cut it, and given in portions") {
    for (const auto& at : {test::loopback(), test::loopback6()}) {
        io::Loop loop;
        io::Datagrams::Options options{.batch = 8, .size = 500, .headroom = 0};
        options.joined = true;
        Party here(loop, at), there(loop, at, options);
        std::vector<std::string> texts;
        for (int i = 0; i < 60; ++i) texts.push_back(std::string(i % 20 == 19 ? 10 : 400, static_cast<char>('a' + i % 26)));
        texts.push_back("");
        for (const auto& text : texts) here.socket.send(there.socket.local(), octets(text));
        const std::string large(501, 'x'), fitting(500, 'y');
        for (int i = 0; i < 5; ++i) here.socket.send(there.socket.local(), octets(large));
        here.socket.send(there.socket.local(), octets(fitting));
        here.socket.flush();
        REQUIRE(run_until(loop, [&] { return there.socket.counts().oversized == 5 && there.texts.size() == texts.size() + 1; }));
        texts.push_back(fitting);
        CHECK(there.texts == texts);
        CHECK(there.batches >= 8);
        CHECK(there.socket.counts().received == texts.size());
    }
}
