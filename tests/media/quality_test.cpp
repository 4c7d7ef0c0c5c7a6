// How good a conference sounds, in fake time, through the real playout, rooms and codecs: what known signals become.
#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <string>

#include "media/allocations.hpp"
#include "media/room.hpp"
#include "media/signals.hpp"

using namespace confab::media;
using namespace confab::media::test;

namespace {

using Octets = std::vector<std::uint8_t>;

CodecFormat format_of(CodecKind kind, std::uint32_t rate, std::uint16_t ptime = 20) {
    CodecFormat format;
    format.kind = kind;
    format.rate = rate;
    format.ptime = ptime;
    if (kind == CodecKind::opus && rate == 48000) format.bitrate = 64000;
    return format;
}
const CodecFormat kPcmu = format_of(CodecKind::pcmu, 8000), kPcma = format_of(CodecKind::pcma, 8000), kG722 = format_of(CodecKind::g722, 16000),
                  kOpus = format_of(CodecKind::opus, 48000), kL16 = format_of(CodecKind::l16, 8000), kWide = format_of(CodecKind::l16, 48000, 10);

std::string text(const CodecFormat& format) {
    return std::string(encoding_name(format.kind)) + "/" + std::to_string(format.rate) + "/" + std::to_string(format.ptime);
}

// A caller with a codec of his own: says a signal, keeps what he hears.
struct Caller {
    CodecFormat format;
    std::unique_ptr<Encoder> encoder;
    std::unique_ptr<Decoder> decoder;
    Signal says, heard;
    std::size_t said = 0;
    std::uint16_t sequence = 0;
    std::vector<Octets> sent, got;

    std::optional<Octets> next_packet() {
        if (said + format.samples() > says.size()) return std::nullopt;
        Octets packet(1500 + kRtpHeader);
        const auto size = encoder->encode(std::span(says).subspan(said, format.samples()), std::span(packet).subspan(kRtpHeader));
        write_rtp_header(std::span(packet).first<kRtpHeader>(), said == 0, 96, sequence++,
                         static_cast<std::uint32_t>(said * format.clock_rate() / format.rate), 7);
        said += format.samples();
        packet.resize(kRtpHeader + size);
        sent.emplace_back(packet.begin() + kRtpHeader, packet.end());
        return packet;
    }
    std::span<const std::int16_t> tail(double seconds) const {
        const auto count = static_cast<std::size_t>(seconds * format.rate);
        return std::span(heard).last(std::min(count, heard.size()));
    }
};

struct Stage {
    explicit Stage(const RoomPolicy& policy = {}) : room(policy) {}
    Room room;
    RoomOutput out;
    std::map<std::uint32_t, Caller> callers;
    std::uint64_t now = 0;

    Caller& add(std::uint32_t id, const CodecFormat& format, Signal says = {}) {
        LegFormat leg;
        leg.codec = format;
        leg.payload_type = 96;
        REQUIRE(room.add({id}, leg, {id, 0, 0}));
        auto& caller = callers[id];
        caller.format = format;
        caller.encoder = make_encoder(format);
        caller.decoder = make_decoder(format);
        caller.says = std::move(says);
        caller.said = tick_samples(format.rate) * now;
        return caller;
    }
    void hear() {
        room.tick(out);
        ++now;
        for (const auto& packet : out.packets) {
            auto& caller = callers.at(packet.leg.value);
            std::array<std::int16_t, kMaxPacketSamples> samples;
            const auto count = caller.decoder->decode(packet.payload, samples);
            caller.heard.insert(caller.heard.end(), samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(count));
            caller.got.emplace_back(packet.payload.begin(), packet.payload.end());
        }
    }
    void run(double seconds) {
        for (auto ticks = static_cast<int>(seconds * 50); ticks > 0; --ticks) {
            for (auto& [id, caller] : callers)
                while (caller.said < tick_samples(caller.format.rate) * (now + 1)) {
                    const auto packet = caller.next_packet();
                    if (!packet) break;
                    room.receive({id}, *packet);
                }
            hear();
        }
    }
};

// What the codec alone makes of it.
Signal coded_once(const CodecFormat& format, const Signal& signal) {
    const auto encoder = make_encoder(format);
    const auto decoder = make_decoder(format);
    Octets packet(1500);
    Signal out, samples(kMaxPacketSamples);
    for (std::size_t at = 0; at + format.samples() <= signal.size(); at += format.samples()) {
        const auto size = encoder->encode(std::span(signal).subspan(at, format.samples()), packet);
        const auto count = decoder->decode(std::span(packet).first(size), samples);
        out.insert(out.end(), samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(count));
    }
    return out;
}

Signal sum_of(const Signal& a, const Signal& b) {
    Signal out(a.size());
    for (std::size_t n = 0; n < out.size(); ++n) out[n] = static_cast<std::int16_t>(a[n] + b[n]);
    return out;
}

}  // namespace

TEST_CASE("quality: full band and wide band stay what they are", "[quality]") {
    struct Row {
        CodecFormat talker, listener;
        std::vector<double> kept, lost;
    };
    const Row rows[] = {
        {kOpus, kWide, {500, 3000, 7000, 14000}, {}},
        {kWide, kOpus, {500, 3000, 7000, 14000}, {}},
        {kG722, format_of(CodecKind::l16, 16000), {500, 3000, 6500}, {}},
        {format_of(CodecKind::l16, 16000), kG722, {500, 3000, 6500}, {}},
        {kG722, kOpus, {500, 3000, 6500}, {}},
        {kOpus, kPcmu, {500, 3000}, {6500}},  // what a narrow band does to the figure
    };
    for (const auto& row : rows) {
        Signal says(row.talker.rate);
        for (const auto* list : {&row.kept, &row.lost})
            for (const double hertz : *list) says = sum_of(says, tones(row.talker.rate, 1, {hertz}, 4000));
        Stage stage;
        stage.add(1, row.talker, says);
        const auto& listener = stage.add(2, row.listener);
        stage.run(1);
        for (const double hertz : row.kept) {
            CAPTURE(text(row.talker), text(row.listener), hertz);
            CHECK(20 * std::log10(amplitude_of(listener.tail(0.5), hertz, row.listener.rate) / 4000) == Approx(0).margin(1.5));
        }
        for (const double hertz : row.lost) CHECK(amplitude_of(listener.tail(0.5), hertz, row.listener.rate) < 40);
    }
}

TEST_CASE("quality: a single talker of the listeners' codec arrives bit for bit", "[quality]") {
    for (const auto& format : {kPcmu, kPcma, kG722, kOpus, format_of(CodecKind::opus, 16000), format_of(CodecKind::l16, 16000)}) {
        Stage stage;
        stage.add(9, format);
        stage.run(0.2);
        Signal says(tick_samples(format.rate) * 2 * stage.now);
        const auto voice = speech(format.rate, 0.6, 140, 9000);
        says.insert(says.end(), voice.begin(), voice.end());
        auto &talker = stage.add(1, format, says), &listener = stage.callers.at(9);
        stage.run(0.7);
        CAPTURE(text(format));
        std::size_t same = 0;
        for (std::size_t i = 0; i < 24; ++i) same += *(listener.got.end() - 1 - static_cast<int>(i)) == *(talker.sent.end() - 1 - static_cast<int>(i));
        CHECK(same == 24);
    }
}

TEST_CASE("quality: a gain makes other packets of it", "[quality]") {
    Stage stage;
    auto &talker = stage.add(1, kPcmu, speech(8000, 0.5, 140, 9000)), &listener = stage.add(2, kPcmu);
    stage.room.set_gain({1}, 1);
    stage.run(0.5);
    CHECK(listener.got.back() != talker.sent.back());
}

TEST_CASE("quality: one more coding costs what the codec costs, and nothing else", "[quality]") {
    struct Row {
        CodecFormat talker, listener;
        double least;
    };
    const Row rows[] = {
        {kL16, kPcmu, 36}, {kL16, kPcma, 36}, {kPcmu, format_of(CodecKind::l16, 8000, 10), 36}, {kPcma, format_of(CodecKind::l16, 8000, 30), 36},
        {kL16, format_of(CodecKind::l16, 8000, 60), 60}, {kWide, kWide, 60},
    };
    for (const auto& row : rows) {
        const auto says = speech(row.talker.rate, 1.5, 150, 12000);
        Stage stage;
        stage.add(1, row.talker, says);
        const auto& listener = stage.add(2, row.listener);
        stage.run(1.5);
        CAPTURE(text(row.talker), text(row.listener));
        CHECK(likeness(says, listener.heard, row.talker.rate / 10) >= row.least);
    }
}

TEST_CASE("quality: a mix is the ideal mix-minus, as well as the codec can say it", "[quality]") {
    struct Row {
        CodecFormat talkers, listener;
        double least;
    };
    const Row rows[] = {{kL16, kPcmu, 36}, {kL16, kPcma, 36}, {kL16, kL16, 60}, {kWide, kOpus, 20}};
    for (const auto& row : rows) {
        const auto rate = row.talkers.rate;
        const Signal voices[] = {speech(rate, 1.5, 110, 6000), speech(rate, 1.5, 170, 6000), speech(rate, 1.5, 240, 6000)};
        Stage stage;
        stage.add(1, row.talkers, voices[0]);
        stage.add(2, row.talkers, voices[1]);
        stage.add(3, row.listener, voices[2]);
        stage.add(4, row.listener);
        stage.run(1.5);
        CAPTURE(text(row.talkers), text(row.listener));
        const auto reach = rate / 20;
        auto ideal = sum_of(voices[0], voices[1]);
        if (row.listener.kind == CodecKind::opus) ideal = coded_once(row.listener, ideal);  // it moves the phases of low tones
        CHECK(likeness(ideal, stage.callers.at(3).heard, reach) >= row.least);
        CHECK(likeness(voices[0], stage.callers.at(3).heard, reach) < 15);  // half of it is not enough
    }
}

TEST_CASE("quality: nobody hears himself, at any level", "[quality]") {
    for (const auto& format : {kPcmu, kG722, kOpus, kL16})
        for (const double amplitude : {2000.0, format.kind == CodecKind::g722 ? 10000.0 : 32000.0}) {
            Stage stage;
            const double hertz[] = {503.7, 1207.3, 1693.1};
            for (std::uint32_t i = 0; i < 3; ++i) stage.add(i, format, tones(format.rate, 1.5, {hertz[i]}, amplitude));
            stage.run(1.5);
            for (std::uint32_t i = 0; i < 3; ++i) {
                CAPTURE(text(format), amplitude, i);
                const auto heard = stage.callers.at(i).tail(1);
                CHECK(20 * std::log10(amplitude_of(heard, hertz[i], format.rate) / amplitude + 1e-9) < -60);
                CHECK(amplitude_of(heard, hertz[(i + 1) % 3], format.rate) > amplitude * 0.3);
            }
        }
}

TEST_CASE("quality: others' coming and going leaves a voice at its level, without a click", "[quality]") {
    for (const auto& format : {kPcmu, kG722, kOpus}) {
        Stage stage;
        const double low = 250, amplitude = 8000;
        const auto rate = format.rate;
        stage.add(1, format, tones(rate, 5, {low}, amplitude));
        auto& listener = stage.add(2, format);
        stage.run(0.6);
        const auto begin = listener.heard.size();
        const double natural = amplitude * 2 * std::numbers::pi * low / rate;
        // The listener says something himself and falls silent again: from the shared encoder to a private one and back.
        listener.says.assign(static_cast<std::size_t>(rate) * 5, 0);
        for (std::size_t n = rate; n < rate * 3 / 2; ++n) listener.says[n] = rounded(600 * std::sin(0.3 * static_cast<double>(n)));
        listener.said = tick_samples(rate) * stage.now;
        stage.run(1.4);
        CAPTURE(text(format));
        const auto heard = std::span(listener.heard).subspan(begin);
        for (std::size_t at = 0; at + rate / 50 <= heard.size(); at += rate / 50) {
            const double level = std::sqrt(2 * power_of(heard.subspan(at, rate / 50)));
            REQUIRE(20 * std::log10(level / amplitude) == Approx(0).margin(1));
        }
        CHECK(largest_step(heard) < 1.5 * natural + 100);
    }
}

TEST_CASE("quality: a listener who goes back to the others' encoder notices nothing", "[quality]") {
    const double loud = 8000, soft = 4000;
    for (const auto& format : {kG722, kOpus})
        for (const bool pauses : {false, true})
            for (int wait = 0; wait < 10; wait += 3) {
                Stage stage;
                const auto rate = format.rate;
                auto one = tones(rate, 3, {250}, loud), two = tones(rate, 3, {400}, soft);  // two: nobody's packets pass as they are
                for (auto* says : {&one, &two})
                    if (pauses) std::fill(says->begin() + rate * 3 / 2, says->begin() + rate * 5 / 2, std::int16_t{0});
                stage.add(1, format, one);
                stage.add(2, format, two);
                auto& listener = stage.add(3, format);
                const auto& other = stage.add(4, format);
                stage.run(0.4 + 0.02 * wait);
                listener.said = tick_samples(rate) * stage.now;
                listener.says = tones(rate, 3, {381}, 600);
                std::fill(listener.says.begin() + static_cast<std::ptrdiff_t>(listener.said + rate / 5), listener.says.end(), std::int16_t{0});
                stage.run(2.5 - 0.02 * wait);
                CAPTURE(text(format), pauses, wait);
                if (pauses) {
                    CHECK(listener.got.back() == other.got.back());  // he is back
                    CHECK(largest_step(listener.tail(1.3)) < 1.1 * largest_step(other.tail(1.3)));
                    continue;
                }
                const auto heard = listener.tail(2.4);
                for (std::size_t at = 0; at + rate / 50 <= heard.size(); at += rate / 50)
                    REQUIRE(10 * std::log10(2 * power_of(heard.subspan(at, rate / 50)) / (loud * loud + soft * soft)) == Approx(0).margin(0.3));
            }
}

TEST_CASE("quality: mute, deafness, prompts, volume, join and leave do not click", "[quality]") {
    for (const auto& format : {kPcmu, kL16, kG722, kOpus}) {
        Stage stage;
        const double low = 250, amplitude = 8000;
        const auto rate = format.rate;
        const auto voice = tones(rate, 8, {low}, amplitude);
        stage.add(1, format, voice);
        auto& listener = stage.add(2, format);
        const auto sound = std::make_shared<Sound>(16000, tones(16000, 0.21, {low}, amplitude / 2));
        stage.run(0.5);
        const auto turns = {
            std::function([&] { stage.room.set_muted({1}, true); }),      std::function([&] { stage.room.set_muted({1}, false); }),
            std::function([&] { stage.room.set_deaf({2}, true); }),       std::function([&] { stage.room.set_deaf({2}, false); }),
            std::function([&] { stage.room.play({2}, sound); }),          std::function([&] { stage.room.play({2}, nullptr); }),
            std::function([&] { stage.room.set_volume({2}, 6); }),        std::function([&] { stage.room.set_volume({2}, 0); }),
            std::function([&] { stage.room.play_all({sound}); }),         std::function([&] { stage.room.play_all({}); }),
            std::function([&] { stage.room.set_lobby({1}, true); }),      std::function([&] { stage.room.set_lobby({1}, false); }),
            std::function([&] { stage.room.set_gain({1}, -6); }),         std::function([&] { stage.room.set_gain({1}, 0); }),
            std::function([&] { stage.room.remove({1}), stage.callers.erase(1); }), std::function([&] { stage.add(1, format, voice); }),
        };
        const double natural = amplitude * 2 * 2 * std::numbers::pi * low / rate;
        const double ramp = 2 * amplitude / (0.005 * rate);  // the steepest that a ramp adds, at twice the level
        int number = 0;
        for (const auto& turn : turns) {
            turn();
            const auto begin = listener.heard.size();
            stage.run(0.14);
            CAPTURE(text(format), number);
            CHECK(largest_step(std::span(listener.heard).subspan(begin - 1)) < 1.2 * (natural + ramp) + 60);
            ++number;
        }
        CHECK(power_of(listener.tail(0.1)) > amplitude * amplitude / 3);
    }
}

TEST_CASE("quality: loss and jitter leave neither a gap nor a click", "[quality]") {
    for (const auto& format : {kPcmu, kG722, kOpus}) {
        Stage stage;
        const auto rate = format.rate;
        auto says = tones(rate, 8, {147, 294, 441, 588, 882}, 2500);  // no packet begins where another did in its period
        auto& talker = stage.add(1, format, says);
        const auto& listener = stage.add(2, format_of(CodecKind::l16, rate, 10));
        std::mt19937 random(5);
        std::multimap<std::uint64_t, std::pair<Octets, Micros>> under_way;  // by the tick before which they come
        for (int tick = 0; tick < 400; ++tick) {
            auto packet = talker.next_packet();
            const auto delay = random() % 40'000;
            if (packet && random() % 20 != 0) {
                const auto arrival = stage.now * 20'000 + 10'000 + delay;
                under_way.emplace(arrival / 20'000, std::pair{*packet, static_cast<Micros>(20'000 - arrival % 20'000)});
            }
            for (; !under_way.empty() && under_way.begin()->first <= stage.now; under_way.erase(under_way.begin()))
                stage.room.receive({1}, under_way.begin()->second.first, under_way.begin()->second.second);
            stage.hear();
        }
        CAPTURE(text(format));
        const auto heard = listener.tail(6.5);
        CHECK(longest_gap(heard, rate) <= 20);
        CHECK(deepest_dip(heard, rate) <= (format.kind == CodecKind::opus ? 18 : 10));  // nor is a lost packet left out
        CHECK(largest_step(heard) < 1.5 * largest_step(says));
        CHECK(10 * std::log10(power_of(heard) / power_of(says)) == Approx(0).margin(1.5));
    }
}

TEST_CASE("quality: three talkers at full scale are limited, not bent", "[quality]") {
    for (const auto& format : {kL16, kWide}) {
        Stage stage;
        const auto hertz = {431.0, 1033.0, 1801.0};
        for (std::uint32_t id = 0; const double at : hertz) stage.add(id++, format, tones(format.rate, 2, {at}, 32767));
        const auto& listener = stage.add(9, format);
        stage.run(2);
        const auto heard = listener.tail(1);
        CAPTURE(text(format));
        CHECK(distortion(heard, hertz, format.rate) < 0.03);
        CHECK(power_of(heard) > 8000.0 * 8000);
    }
}

TEST_CASE("quality: a clock that is 100 ppm off never runs dry, in ten minutes", "[quality]") {
    for (const double ppm : {-100.0, 100.0}) {
        Stage stage;
        auto& talker = stage.add(1, kPcmu, tones(8000, 0.2, {250}, 8000));
        stage.add(2, kPcmu);
        std::vector<Octets> packets;
        while (auto packet = talker.next_packet()) packets.push_back(*packet);
        double due = 0;
        std::uint16_t sequence = 0;
        std::uint64_t quiet = 0;
        for (std::uint64_t tick = 0; tick < 30'000; ++tick) {
            for (; due < static_cast<double>(tick + 1) * 20'000; due += 20'000 * (1 + ppm * 1e-6)) {
                auto& packet = packets[sequence % packets.size()];
                write_rtp_header(std::span(packet).first<kRtpHeader>(), false, 96, sequence, 160u * sequence, 7);
                ++sequence;
                stage.room.receive({1}, packet, static_cast<Micros>(static_cast<double>(tick + 1) * 20'000 - due));
            }
            stage.room.tick(stage.out);
            for (const auto& packet : stage.out.packets)
                if (packet.leg == LegId{2} && tick > 50) quiet += level_of(kPcmu, packet.payload).value_or(0) < 3000;
        }
        CAPTURE(ppm);
        CHECK(quiet == 0);
        CHECK(stage.room.report({1}).lost == 0);
    }
}

TEST_CASE("quality: an onset loses no more than 20 ms", "[quality]") {
    for (const auto& format : {kPcmu, kG722, kOpus}) {
        const auto rate = format.rate;
        for (const std::size_t offset : {0, 7, 13}) {  // ms within a packet
            Signal says(rate + offset * rate / 1000);
            const auto voice = tones(rate, 0.5, {300, 900}, 3000);
            says.insert(says.end(), voice.begin(), voice.end());
            says.resize(rate * 2);
            Stage stage;
            stage.add(1, format, says);
            const auto& listener = stage.add(2, format_of(CodecKind::l16, rate, 10));
            stage.run(2);
            // How many ms of the sound came, by its energy.
            const double came = 500 * power_of(listener.heard) * static_cast<double>(listener.heard.size()) /
                                (power_of(voice) * static_cast<double>(voice.size()));
            CAPTURE(text(format), offset);
            CHECK(came >= 480 * 0.98);  // a codec may change the level a little
            CHECK(came <= 500 * 1.02);
        }
    }
}

TEST_CASE("quality: the steady state allocates nothing, with every codec", "[quality]") {
    Stage stage;
    std::uint32_t id = 0;
    for (const auto& format : {kPcmu, kPcma, kG722, kOpus, kL16, kWide})
        for (const auto& says : {speech(format.rate, 3, 140 + 20 * id, 5000), Signal{}}) stage.add(++id, format, says);
    std::vector<std::vector<std::pair<LegId, Octets>>> traffic(120);
    for (std::size_t tick = 0; tick < traffic.size(); ++tick)
        for (auto& [leg, caller] : stage.callers)
            while (caller.said < tick_samples(caller.format.rate) * (tick + 1)) {
                auto packet = caller.next_packet();
                if (!packet) break;
                traffic[tick].emplace_back(LegId{leg}, *packet);
            }
    std::uint64_t before = 0;
    for (std::size_t tick = 0; tick < traffic.size(); ++tick) {
        if (tick == 60) before = allocations;
        for (const auto& [leg, packet] : traffic[tick]) stage.room.receive(leg, packet);
        stage.room.tick(stage.out);
    }
    CHECK(before > 0);
    CHECK(allocations - before == 0);
}

TEST_CASE("quality: the measures find what is broken", "[quality]") {
    const auto good = tones(8000, 1, {250, 700}, 5000);
    CHECK(likeness(good, good, 10) > 60);
    CHECK(longest_gap(good, 8000) == 0);
    CHECK(deepest_dip(good, 8000) < 1);
    CHECK(amplitude_of(good, 700, 8000) == Approx(5000).epsilon(0.01));
    auto noisy = good, clipped = good, holed = good, stepped = good, soft = good;
    std::mt19937 random(1);
    for (auto& sample : noisy) sample = static_cast<std::int16_t>(sample + static_cast<int>(random() % 400) - 200);
    for (auto& sample : clipped) sample = std::clamp<std::int16_t>(sample, -5000, 5000);
    for (auto& sample : soft) sample = static_cast<std::int16_t>(sample / 2);
    std::fill_n(holed.begin() + 4000, 240, std::int16_t{0});
    for (std::size_t n = 4003; n < 8000; ++n) stepped[n] = static_cast<std::int16_t>(-stepped[n]);
    CHECK(likeness(good, noisy, 10) < 36);
    CHECK(likeness(good, clipped, 10) < 20);
    CHECK(likeness(good, soft, 10) < 10);
    CHECK(longest_gap(holed, 8000) >= 28);
    CHECK(deepest_dip(holed, 8000) > 30);
    CHECK(largest_step(stepped) > 1.5 * largest_step(good));
    CHECK(distortion(good, {250, 700}, 8000) < 0.001);
    CHECK(distortion(clipped, {250, 700}, 8000) > 0.05);
}
