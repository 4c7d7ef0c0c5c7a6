#include "conf-bridge/media_thread.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <utility>

#include "io/datagrams.hpp"
#include "io/port_pairs.hpp"
#include "io/ticker.hpp"
#include "media/rtcp.hpp"
#include "media/srtp.hpp"

using namespace confab;
using namespace confab::bridge;

namespace {

constexpr std::uint8_t kLoud = 0x90;  // µ-law, about −15 dB
constexpr std::uint8_t kQuiet = 0xff;
constexpr std::size_t kPacket = media::kRtpHeader + media::kFrame;
const base::IpAddress kHere = *base::IpAddress::parse("127.0.0.1");

// A caller on loopback: sends what it is told to, counts what it hears.
struct Caller {
    Caller(io::Loop& loop, std::uint8_t sound)
        : voice(sound), socket(std::move(*io::Datagrams::bind(loop, {kHere, 0}, {}, nullptr, [this](base::Now, std::span<io::Datagram> batch) {
              for (const auto& datagram : batch) {
                  if (datagram.bytes.size() != kPacket) continue;
                  const auto last = datagram.bytes.back();
                  (last == kQuiet ? quiet : loud) += 1;
              }
          }))) {}
    void speak(const base::SocketAddress& to) {
        packet.fill(voice);
        media::write_rtp_header(std::span(packet).first<media::kRtpHeader>(), sequence == 0, 0, sequence, sequence * 160u, 77);
        ++sequence;
        socket.send(to, packet);
        socket.flush();
    }
    std::uint8_t voice;
    std::array<std::uint8_t, kPacket> packet{};
    std::uint16_t sequence = 0;
    unsigned loud = 0, quiet = 0;
    io::Datagrams socket;
};

// A caller with SRTP and SRTCP, whose sequence numbers soon wrap.
struct KeyedCaller {
    explicit KeyedCaller(io::Loop& loop)
        : ports(23200, 23299, {}),
          pair(*ports.bind(loop, kHere, {}, nullptr, [this](base::Now, auto batch) { hear(batch); }, [this](base::Now, auto batch) { read(batch); })) {}

    static MediaKeys keys() { return {"AES_CM_128_HMAC_SHA1_80", std::string(30, 's'), std::string(30, 'r')}; }
    static media::Srtp srtp(media::Srtp::Direction way, const std::string& key) { return std::move(*media::Srtp::create(way, keys().suite, key)); }

    void speak(const base::SocketAddress& to) {
        std::array<std::uint8_t, kPacket + media::kSrtpOverhead> packet;
        packet.fill(kLoud);
        media::write_rtp_header(std::span(packet).first<media::kRtpHeader>(), false, 0, static_cast<std::uint16_t>(sequence), sequence * 160u, 77);
        ++sequence;
        pair.rtp.send(to, std::span(packet).first(*seal.protect(packet, kPacket)));
        pair.rtp.flush();
    }
    void hear(std::span<io::Datagram> batch) {
        for (const auto& datagram : batch) {
            const auto size = open.unprotect(datagram.bytes, datagram.bytes.size());
            const auto packet = size ? media::RtpPacket::parse(datagram.bytes.first(*size)) : std::nullopt;
            REQUIRE(packet);
            in_turn = in_turn && (heard == 0 || (packet->ssrc == ssrc && packet->sequence == static_cast<std::uint16_t>(last + 1)));
            ssrc = packet->ssrc;
            last = packet->sequence;
            ++heard;
        }
    }
    void read(std::span<io::Datagram> batch) {
        for (const auto& datagram : batch) {
            const auto size = open.unprotect_rtcp(datagram.bytes, datagram.bytes.size());
            const auto report = size ? media::RtcpReport::parse(datagram.bytes.first(*size), 77) : std::nullopt;
            REQUIRE(report);
            ++reports;
            goodbyes += report->goodbye;
        }
    }

    std::uint32_t sequence = 65530;
    unsigned heard = 0, reports = 0, goodbyes = 0;
    bool in_turn = true;  // one stream of ours, and nothing missing
    std::uint32_t ssrc = 0;
    std::uint16_t last = 0;
    media::Srtp seal = srtp(media::Srtp::Direction::send, keys().receive), open = srtp(media::Srtp::Direction::receive, keys().send);
    io::PortPairs ports;
    io::PortPair pair;
};

// One media thread with the test's own loop as its focus.
struct Stage {
    explicit Stage(std::uint16_t low = 21000, std::uint16_t high = 21999) : thread(0, options(low, high), into(counts)) {}

    std::function<void(MediaReport)> into(MediaCounts& kept) {
        return [this, &kept](MediaReport report) {
            loop.post([this, &kept, report = std::move(report)] {
                kept = report.counts;
                for (const auto& event : report.events) events.push_back(event);
            });
        };
    }

    static MediaOptions options(std::uint16_t low, std::uint16_t high) {
        MediaOptions options;
        options.address = kHere;
        options.low_port = low;
        options.high_port = high;
        options.policy.media_timeout = 25;
        options.rtcp_interval = base::milliseconds(100);
        auto library = std::make_shared<PromptLibrary>();
        library->prompts.emplace_back().fill(std::make_shared<media::Sound>(8000, std::vector<std::int16_t>(4 * media::kFrame, 8000)));
        options.prompts = std::move(library);
        return options;
    }
    void order(decltype(MediaCommand::what) what) { thread.post({{0, std::move(what)}}); }
    const MediaEvent* find(MediaEvent::Kind kind, std::uint32_t leg) const {
        for (const auto& event : events)
            if (event.kind == kind && event.leg.value == leg) return &event;
        return nullptr;
    }
    // Runs the loop, with `each` every 20 ms, until `done`; false after ten seconds.
    bool until(const std::function<bool()>& done, const std::function<void()>& each = [] {}) {
        bool in_time = true;
        io::Timer limit(loop, [&] {
            in_time = false;
            loop.stop();
        });
        limit.after(base::seconds(10));
        io::Ticker ticker(loop, base::milliseconds(20), [&](base::Now, std::uint64_t) {
            each();
            if (done()) loop.stop();
        });
        loop.run();
        return in_time;
    }

    void open_two() {
        order(OpenLeg{{1}});
        order(OpenLeg{{2}});
        REQUIRE(until([&] { return find(MediaEvent::Kind::opened, 1) && find(MediaEvent::Kind::opened, 2); }));
    }

    io::Loop loop;
    std::vector<MediaEvent> events;
    MediaCounts counts;
    MediaThread thread;
};

}  // namespace

TEST_CASE("two legs of a room hear each other over real sockets", "[bridge]") {
    Stage stage;
    Caller alice(stage.loop, kLoud), bob(stage.loop, kQuiet);
    using enum MediaEvent::Kind;
    stage.open_two();
    const auto to_alice = stage.find(opened, 1)->local, to_bob = stage.find(opened, 2)->local;
    CHECK(to_alice.port % 2 == 0);
    stage.order(AttachLeg{{1}, 5, alice.socket.local(), {}, false});
    stage.order(AttachLeg{{2}, 5, bob.socket.local(), {}, false});
    const auto speak = [&] {
        alice.speak(to_alice);
        bob.speak(to_bob);
    };
    REQUIRE(stage.until([&] { return bob.loud > 20 && stage.find(talking, 1); }, speak));
    CHECK(alice.loud == 0);
    CHECK(alice.quiet > 0);
    CHECK(stage.counts.rooms == 1);

    stage.order(MuteLeg{{1}, true});
    REQUIRE(stage.until([&] { return stage.find(silent, 1) != nullptr; }, speak));
    bob.loud = bob.quiet = 0;
    REQUIRE(stage.until([&] { return bob.quiet > 10; }, speak));
    CHECK(bob.loud <= 1);  // one may have been under way

    stage.order(PlayPrompt{{2}, 0, {PromptName::joined}});
    REQUIRE(stage.until([&] { return stage.find(prompt_ended, 2) && bob.loud >= 4; }, speak));
    REQUIRE(stage.until([&] { return stage.find(media_stopped, 1) && stage.find(media_stopped, 2); }));

    stage.order(CloseLeg{{1}});
    stage.order(CloseLeg{{2}});
    stage.order(CloseLeg{{2}});
    REQUIRE(stage.until([&] { return stage.find(closed, 1) && stage.find(closed, 2) && stage.counts.rooms == 0; }));
    CHECK(std::ranges::count(stage.events, closed, &MediaEvent::kind) == 2);
}

TEST_CASE("a leg's RTP follows its source, and others are counted", "[bridge]") {
    Stage stage;
    Caller signalled(stage.loop, kLoud), other(stage.loop, kLoud), moved(stage.loop, kLoud), bob(stage.loop, kQuiet);
    using enum MediaEvent::Kind;
    stage.open_two();
    const auto to_leg = stage.find(opened, 1)->local, to_bob = stage.find(opened, 2)->local;
    stage.order(AttachLeg{{1}, 5, signalled.socket.local(), {}, false});
    stage.order(AttachLeg{{2}, 5, bob.socket.local(), {}, false});
    // Until `speaker` is heard and hears, while `strangers` speak, too, and are rejected.
    const auto takes = [&](Caller& speaker, std::vector<Caller*> strangers) {
        bob.loud = speaker.quiet = 0;
        for (auto* each : strangers) each->quiet = 0;
        const auto rejected = stage.counts.rejected;
        const bool in_time = stage.until([&] { return bob.loud > 20 && speaker.quiet > 20 && stage.counts.rejected >= rejected + 20 * strangers.size(); }, [&] {
            speaker.speak(to_leg);
            bob.speak(to_bob);
            for (auto* each : strangers) each->speak(to_leg);
        });
        // What was under way when the leg turned to the speaker.
        for (const auto* each : strangers) CHECK(each->quiet <= 2);
        return in_time;
    };
    REQUIRE(takes(other, {}));
    REQUIRE(takes(signalled, {}));
    REQUIRE(takes(signalled, {&other, &moved}));
    stage.order(FormatLeg{{1}, moved.socket.local(), {}});
    moved.quiet = 0;
    REQUIRE(stage.until([&] { return moved.quiet > 10; }, [&] { bob.speak(to_bob); }));  // before it has spoken
    REQUIRE(takes(moved, {}));
    REQUIRE(takes(moved, {&signalled, &other}));
}

TEST_CASE("a leg for whose source no socket can be had is served as well", "[bridge]") {
    Stage stage;
    Caller alice(stage.loop, kLoud), bob(stage.loop, kQuiet);
    using enum MediaEvent::Kind;
    stage.open_two();
    rlimit usual{};
    getrlimit(RLIMIT_NOFILE, &usual);
    // From when the stage's own timers are open: no descriptor beyond those that there are.
    const auto attach = [&] {
        const io::Descriptor last(dup(0));
        const rlimit none{static_cast<rlim_t>(last.get()), usual.rlim_max};
        setrlimit(RLIMIT_NOFILE, &none);
        stage.order(AttachLeg{{1}, 5, alice.socket.local(), {}, false});
        stage.order(AttachLeg{{2}, 5, bob.socket.local(), {}, false});
    };
    bool attached = false, none_left = true;
    const bool heard = stage.until([&] { return bob.loud > 20 && alice.quiet > 20 && stage.counts.received > 40; }, [&] {
        if (!std::exchange(attached, true)) attach();
        none_left = none_left && !io::Descriptor(dup(0));
        alice.speak(stage.find(opened, 1)->local);
        bob.speak(stage.find(opened, 2)->local);
    });
    setrlimit(RLIMIT_NOFILE, &usual);
    CHECK(none_left);
    CHECK(heard);
    CHECK(stage.counts.rejected == 0);
}

TEST_CASE("a range of ports that is used up", "[bridge]") {
    Stage stage(22000, 22001);
    using enum MediaEvent::Kind;
    stage.order(OpenLeg{{1}});
    stage.order(OpenLeg{{2}});
    REQUIRE(stage.until([&] { return stage.find(opened, 1) && stage.find(open_failed, 2); }));
    stage.order(CloseLeg{{1}});
    stage.order(OpenLeg{{3}, 22000});
    REQUIRE(stage.until([&] { return stage.find(opened, 3) != nullptr; }));
    CHECK(stage.find(opened, 3)->local.port == 22000);
}

TEST_CASE("a leg is sent reports, one more when it goes, and what is no report of its peer is counted", "[bridge]") {
    Stage stage(23000, 23099);
    using enum MediaEvent::Kind;
    unsigned reports = 0, goodbyes = 0;
    io::PortPairs ports(23100, 23199, {});
    const auto count = [&](base::Now, std::span<io::Datagram> batch) {
        for (const auto& datagram : batch) {
            const auto report = media::RtcpReport::parse(datagram.bytes, 77);
            reports += report.has_value();
            goodbyes += report && report->goodbye;
        }
    };
    auto caller = *ports.bind(stage.loop, kHere, {}, nullptr, [](base::Now, std::span<io::Datagram>) {}, count);
    io::Datagrams stranger = std::move(*io::Datagrams::bind(stage.loop, {*base::IpAddress::parse("127.0.0.9"), 0}, {}, nullptr, [](base::Now, auto) {}));

    stage.order(OpenLeg{{1}});
    REQUIRE(stage.until([&] { return stage.find(opened, 1); }));
    auto to = stage.find(opened, 1)->local;
    ++to.port;
    stage.order(AttachLeg{{1}, 5, caller.rtp.local(), {}, false});
    REQUIRE(stage.until([&] { return reports >= 2; }));

    media::RtcpSession session(77, 1, 0);
    media::RtcpSession::Compound compound;
    const auto bytes = std::span(compound).first(session.compose(0, false, compound));
    caller.rtcp.send(to, bytes);
    caller.rtcp.send(to, bytes.first(6));
    stranger.send(to, bytes);
    caller.rtcp.flush();
    stranger.flush();
    REQUIRE(stage.until([&] { return stage.counts.rtcp_received == 1 && stage.counts.rtcp_rejected == 2; }));
    CHECK(goodbyes == 0);
    stage.order(CloseLeg{{1}});
    REQUIRE(stage.until([&] { return goodbyes == 1; }));
    CHECK(stage.counts.rtcp_sent >= 3);
}

TEST_CASE("a keyed leg whose sequence numbers have wrapped goes on where it was on another thread", "[bridge]") {
    Stage stage(23300, 23399);
    MediaCounts there_counts;
    MediaThread there(1, Stage::options(23400, 23499), stage.into(there_counts));
    using enum MediaEvent::Kind;
    KeyedCaller caller(stage.loop);
    const AttachLeg attach{{1}, 5, caller.pair.rtp.local(), {}, false, false, KeyedCaller::keys()};
    stage.order(OpenLeg{{1}});
    REQUIRE(stage.until([&] { return stage.find(opened, 1); }));
    const auto to = stage.find(opened, 1)->local;
    const auto speak = [&] { caller.speak(to); };
    stage.order(attach);
    REQUIRE(stage.until([&] { return stage.counts.received > 10 && caller.heard > 10 && caller.reports > 1; }, speak));

    stage.order(CloseLeg{{1}, true});
    REQUIRE(stage.until([&] { return stage.find(closed, 1); }));
    const auto moved = stage.find(closed, 1)->moved;
    REQUIRE(moved);
    CHECK(stage.counts.unauthentic == 0);
    stage.events.clear();
    there.post({{1, OpenLeg{{1}, to.port, moved}}, {1, attach}});
    const auto heard = caller.heard, reports = caller.reports;
    REQUIRE(stage.until([&] { return caller.heard > heard + 10 && caller.reports > reports + 1 && there_counts.received > 10; }, speak));
    CHECK(stage.find(opened, 1)->local == to);
    CHECK(caller.in_turn);
    CHECK(caller.goodbyes == 0);
    there.post({{1, CloseLeg{{1}}}});
    REQUIRE(stage.until([&] { return stage.find(closed, 1) && caller.goodbyes == 1; }));
    CHECK_FALSE(stage.find(closed, 1)->moved);
    CHECK(there_counts.unauthentic == 0);
}
