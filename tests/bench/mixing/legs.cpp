// The callers of a conference, all on one thread: RTP to a bridge and back, with what came, when, and what did not. Prints JSON; judges nothing.
//
//   bench_legs SOCKETS ADDRESS SPEECH.wav     binds sockets and prints {"ports":[…]}; leg number i uses socket i % SOCKETS
// then, line by line from standard input:
//   leg PAYLOAD-TYPE pcmu|opus ADDRESS PORT   the next leg, and where the bridge takes its RTP
//   srtp SEND-KEY RECEIVE-KEY                 makes the last leg SRTP; master keys with salt in hexadecimal, AES_CM_128_HMAC_SHA1_80
//   talkers N                                 the first N legs talk, the others send silence
//   run WARM-UP SECONDS                       steady talk: loss and the jitter between packets that come back
//   bursts SECONDS                            silence, in which now and then one leg bursts: the time until others hear it
// Times of arrival are the kernel's.
#include <netinet/in.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "io/sound_file.hpp"
#include "media/codec.hpp"
#include "media/g711.hpp"
#include "media/rtp.hpp"
#include "media/srtp.hpp"

using namespace confab;

namespace {

using Nanoseconds = std::int64_t;
constexpr Nanoseconds kMillisecond = 1'000'000, kPeriod = 20 * kMillisecond;
constexpr std::size_t kBatch = 256, kLargest = 2048;
constexpr std::size_t kListeners = 20;       // that listen for bursts
constexpr unsigned kBurstPackets = 3;
constexpr Nanoseconds kBurstEvery = 300 * kMillisecond;
constexpr int kLoud = 1000;                  // mean magnitude of a packet that holds the burst

Nanoseconds now_of(clockid_t clock) {
    timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}
Nanoseconds now() { return now_of(CLOCK_REALTIME); }  // the clock of the kernel's time stamps

[[noreturn]] void fail(const std::string& sentence) {
    std::fprintf(stderr, "bench_legs: %s\n", sentence.c_str());
    std::exit(1);
}

using Packets = std::vector<std::vector<std::uint8_t>>;

// What talkers say over and over, and one packet of silence.
struct Sound {
    media::CodecFormat format;
    Packets speech, silence, burst;
};

Packets encoded(const media::CodecFormat& format, std::span<const std::int16_t> samples) {
    Packets packets;
    const auto encoder = media::make_encoder(format);
    for (std::size_t at = 0; at + format.samples() <= samples.size(); at += format.samples()) {
        std::vector<std::uint8_t> packet(1500);
        packet.resize(encoder->encode(samples.subspan(at, format.samples()), packet));
        packets.push_back(std::move(packet));
    }
    return packets;
}

Sound make_sound(media::CodecKind kind, const std::vector<std::int16_t>& speech) {
    Sound sound;
    sound.format.kind = kind;
    std::vector<std::int16_t> quiet(8000), loud;
    for (std::size_t i = 0; i < kBurstPackets * 160; ++i) loud.push_back(i % 40 < 20 ? 12000 : -12000);  // 200 Hz and its harmonics, as a voice begins
    sound.speech = encoded(sound.format, speech);
    sound.silence = encoded(sound.format, quiet);
    sound.burst = encoded(sound.format, loud);
    return sound;
}

struct Leg {
    const Sound* sound = nullptr;
    sockaddr_in remote{};
    std::uint8_t payload_type = 0;
    std::optional<media::Srtp> protect, unprotect;
    std::size_t at = 0;
    unsigned bursting = 0;  // packets of the burst still to send
    std::uint16_t sequence = 0;
    std::uint32_t timestamp = 0, ssrc = 0;
    Nanoseconds due = 0;

    // Of the window.
    bool heard = false;
    std::uint16_t last_sequence = 0;
    std::uint64_t received = 0, span = 0;
    Nanoseconds last_arrival = 0;
};

class Histogram {  // of 10 µs, up to 1 s
public:
    void add(Nanoseconds value) { ++bins_[std::min<std::size_t>(static_cast<std::size_t>(value / 10'000), bins_.size() - 1)], ++count_; }
    double percentile(double share) const {
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < bins_.size(); ++i)
            if ((seen += bins_[i]) > 0 && static_cast<double>(seen) >= share * static_cast<double>(count_)) return static_cast<double>(i) / 100;
        return 0;
    }
    std::uint64_t count() const { return count_; }

private:
    std::vector<std::uint64_t> bins_ = std::vector<std::uint64_t>(100'000);
    std::uint64_t count_ = 0;
};

class Callers {
public:
    Callers(unsigned sockets, const char* address, const char* speech_file);
    void add(std::istringstream& words);
    void secure(std::istringstream& words);
    void set_talkers(std::size_t count) { talkers_ = count; }
    void run(Nanoseconds warm_up, Nanoseconds seconds);
    void bursts(Nanoseconds seconds);

private:
    struct Line {  // one socket
        int descriptor = -1;
        std::vector<mmsghdr> headers;
        std::vector<iovec> vectors;
        std::vector<std::array<std::uint8_t, kLargest>> buffers;
        std::vector<sockaddr_in> peers;
        unsigned filled = 0;
    };
    void begin();
    void turn(Nanoseconds end);
    void send_due(Nanoseconds time);
    void compose(Leg& leg, bool talks, Line& line);
    void flush(Line& line);
    void receive(Line& line);
    void take(std::span<std::uint8_t> packet, const sockaddr_in& peer, Nanoseconds arrival);
    void listen_for_burst(std::size_t leg, media::Bytes payload, Nanoseconds arrival);
    void print() const;

    std::vector<Line> lines_;
    std::vector<int> leg_of_port_ = std::vector<int>(65536, -1);
    std::vector<Leg> legs_;
    std::vector<std::int16_t> speech_;
    std::vector<std::unique_ptr<Sound>> sounds_;
    std::size_t talkers_ = 3;
    bool measuring_ = false, bursting_ = false;
    std::uint64_t sent_ = 0, unsent_ = 0, strange_ = 0;
    Nanoseconds late_ = 0;
    Histogram jitter_, delay_;

    std::size_t burster_ = 0;
    Nanoseconds burst_at_ = 0, next_burst_ = 0;
    std::array<bool, kListeners> has_heard_{};
    std::uint64_t missed_bursts_ = 0;
    std::mt19937 random_{1};
    std::array<mmsghdr, kBatch> in_{};
    std::array<iovec, kBatch> in_vectors_{};
    std::array<sockaddr_in, kBatch> in_peers_{};
    std::array<std::array<std::uint8_t, kLargest>, kBatch> in_buffers_;
    std::array<std::array<char, 64>, kBatch> in_controls_;
};

Callers::Callers(unsigned sockets, const char* address, const char* speech_file) {
    auto speech = io::read_sound(speech_file, 8000);
    if (!speech) fail(speech.error());
    speech_ = std::move(*speech);
    lines_.resize(sockets);
    std::string ports;
    for (auto& line : lines_) {
        line.descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        sockaddr_in local{};
        local.sin_family = AF_INET;
        if (inet_pton(AF_INET, address, &local.sin_addr) != 1) fail("no address");
        if (bind(line.descriptor, reinterpret_cast<sockaddr*>(&local), sizeof local) != 0) fail("bind: " + std::string(std::strerror(errno)));
        socklen_t size = sizeof local;
        getsockname(line.descriptor, reinterpret_cast<sockaddr*>(&local), &size);
        const int buffer = 16 << 20, on = 1;
        setsockopt(line.descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
        setsockopt(line.descriptor, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
        ports += (ports.empty() ? "" : ",") + std::to_string(ntohs(local.sin_port));
        line.headers.resize(kBatch);
        line.vectors.resize(kBatch);
        line.buffers.resize(kBatch);
        line.peers.resize(kBatch);
    }
    for (std::size_t i = 0; i < kBatch; ++i) {
        in_vectors_[i] = {in_buffers_[i].data(), kLargest};
        in_[i].msg_hdr = {&in_peers_[i], sizeof(sockaddr_in), &in_vectors_[i], 1, in_controls_[i].data(), in_controls_[i].size(), 0};
    }
    std::printf("{\"ports\":[%s]}\n", ports.c_str());
    std::fflush(stdout);
}

void Callers::add(std::istringstream& words) {
    unsigned payload_type = 0, port = 0;
    std::string codec, address;
    words >> payload_type >> codec >> address >> port;
    const auto kind = media::codec_of(codec, codec == "opus" ? 48000 : 8000);
    if (!words || !kind) fail("leg: expected PAYLOAD-TYPE CODEC ADDRESS PORT");
    auto known = std::ranges::find(sounds_, *kind, [](const auto& sound) { return sound->format.kind; });
    if (known == sounds_.end()) known = sounds_.insert(known, std::make_unique<Sound>(make_sound(*kind, speech_)));
    Leg leg;
    leg.sound = known->get();
    leg.payload_type = static_cast<std::uint8_t>(payload_type);
    leg.remote.sin_family = AF_INET;
    leg.remote.sin_port = htons(static_cast<std::uint16_t>(port));
    inet_pton(AF_INET, address.c_str(), &leg.remote.sin_addr);
    leg.ssrc = static_cast<std::uint32_t>(random_());
    leg.at = random_() % leg.sound->speech.size();
    leg_of_port_[port] = static_cast<int>(legs_.size());
    legs_.push_back(std::move(leg));
}

void Callers::secure(std::istringstream& words) {
    std::string send, receive;
    words >> send >> receive;
    const auto octets = [](const std::string& hex) {
        std::string out;
        for (std::size_t i = 0; i + 1 < hex.size(); i += 2) out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
        return out;
    };
    constexpr std::string_view kSuite = "AES_CM_128_HMAC_SHA1_80";
    legs_.back().protect = media::Srtp::create(media::Srtp::Direction::send, kSuite, octets(send));
    legs_.back().unprotect = media::Srtp::create(media::Srtp::Direction::receive, kSuite, octets(receive));
    if (!legs_.back().protect || !legs_.back().unprotect) fail("srtp: keys of 30 octets");
}

void Callers::compose(Leg& leg, bool talks, Line& line) {
    const Packets& packets = leg.bursting > 0 ? leg.sound->burst : talks ? leg.sound->speech : leg.sound->silence;
    const auto& payload = packets[leg.bursting > 0 ? kBurstPackets - leg.bursting : leg.at++ % packets.size()];
    if (leg.bursting > 0) --leg.bursting;
    auto& buffer = line.buffers[line.filled];
    media::write_rtp_header(std::span(buffer).first<media::kRtpHeader>(), false, leg.payload_type, leg.sequence++, leg.timestamp, leg.ssrc);
    std::ranges::copy(payload, buffer.begin() + media::kRtpHeader);
    leg.timestamp += leg.sound->format.clock_rate() / 50;
    std::size_t size = media::kRtpHeader + payload.size();
    if (leg.protect) size = leg.protect->protect(buffer, size).value_or(0);
    line.vectors[line.filled] = {buffer.data(), size};
    line.peers[line.filled] = leg.remote;
    line.headers[line.filled].msg_hdr = {&line.peers[line.filled], sizeof(sockaddr_in), &line.vectors[line.filled], 1, nullptr, 0, 0};
    if (++line.filled == kBatch) flush(line);
}

void Callers::flush(Line& line) {
    for (unsigned done = 0; done < line.filled;) {
        const int count = sendmmsg(line.descriptor, line.headers.data() + done, line.filled - done, 0);
        if (count <= 0) {
            unsent_ += line.filled - done;
            break;
        }
        done += static_cast<unsigned>(count);
        sent_ += static_cast<unsigned>(count);
    }
    line.filled = 0;
}

void Callers::send_due(Nanoseconds time) {
    for (std::size_t i = 0; i < legs_.size(); ++i) {
        auto& leg = legs_[i];
        if (leg.due > time) continue;
        if (measuring_) late_ = std::max(late_, time - leg.due);
        if (bursting_ && leg.bursting == kBurstPackets) burst_at_ = now();
        compose(leg, !bursting_ && i < talkers_, lines_[i % lines_.size()]);
        leg.due += kPeriod;
    }
    for (auto& line : lines_) flush(line);
}

void Callers::receive(Line& line) {
    while (true) {
        for (auto& header : in_) header.msg_hdr.msg_controllen = in_controls_[0].size();
        const int count = recvmmsg(line.descriptor, in_.data(), kBatch, MSG_DONTWAIT, nullptr);
        if (count <= 0) return;
        for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
            timespec stamp{};
            for (auto* control = CMSG_FIRSTHDR(&in_[i].msg_hdr); control; control = CMSG_NXTHDR(&in_[i].msg_hdr, control))
                if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_TIMESTAMPNS) std::memcpy(&stamp, CMSG_DATA(control), sizeof stamp);
            take(std::span(in_buffers_[i]).first(in_[i].msg_len), in_peers_[i], stamp.tv_sec * 1'000'000'000LL + stamp.tv_nsec);
        }
        if (static_cast<std::size_t>(count) < kBatch) return;
    }
}

void Callers::take(std::span<std::uint8_t> packet, const sockaddr_in& peer, Nanoseconds arrival) {
    const int number = leg_of_port_[ntohs(peer.sin_port)];
    if (number < 0) {
        ++strange_;
        return;
    }
    auto& leg = legs_[static_cast<std::size_t>(number)];
    std::size_t size = packet.size();
    if (leg.unprotect) {
        const auto clear = leg.unprotect->unprotect(packet, size);
        if (!clear) return;
        size = *clear;
    }
    const auto rtp = media::RtpPacket::parse(packet.first(size));
    if (!rtp || !measuring_) return;
    ++leg.received;
    if (leg.heard) {
        const int step = media::sequence_distance(rtp->sequence, leg.last_sequence);
        if (step > 0) leg.span += static_cast<unsigned>(step);
        if (step == 1) jitter_.add(std::abs(arrival - leg.last_arrival - kPeriod));
        if (step <= 0) return;
    } else {
        leg.span = 1;
    }
    leg.heard = true;
    leg.last_sequence = rtp->sequence;
    leg.last_arrival = arrival;
    if (bursting_) listen_for_burst(static_cast<std::size_t>(number), rtp->payload, arrival);
}

void Callers::listen_for_burst(std::size_t leg, media::Bytes payload, Nanoseconds arrival) {
    if (burst_at_ == 0 || leg == burster_ || leg % (legs_.size() / kListeners) != 0) return;
    const std::size_t listener = leg / (legs_.size() / kListeners);
    if (listener >= kListeners || has_heard_[listener] || media::level(media::G711::pcmu, payload) < kLoud) return;
    has_heard_[listener] = true;
    delay_.add(arrival - burst_at_);
}

void Callers::begin() {
    const Nanoseconds start = now() + 5 * kMillisecond;
    for (std::size_t i = 0; i < legs_.size(); ++i)
        legs_[i].due = start + static_cast<Nanoseconds>(i) * kPeriod / static_cast<Nanoseconds>(legs_.size());
    for (auto& leg : legs_) leg.heard = false, leg.received = leg.span = 0;
    sent_ = unsent_ = strange_ = 0;
    late_ = 0;
    jitter_ = {};
    delay_ = {};
}

void Callers::turn(Nanoseconds end) {
    Nanoseconds wake = now();
    while (wake < end) {
        const auto time = now();
        if (bursting_ && time >= next_burst_) {
            if (burst_at_ != 0) missed_bursts_ += static_cast<std::uint64_t>(std::ranges::count(has_heard_, false)) - (burster_ % (legs_.size() / kListeners) == 0);
            std::ranges::fill(has_heard_, false);
            burster_ = (burster_ + 1) % legs_.size();  // each in turn: its place in the 20 ms is its own, and all places are to count alike
            burst_at_ = 0;
            legs_[burster_].bursting = kBurstPackets;
            next_burst_ += kBurstEvery;
        }
        send_due(time);
        for (auto& line : lines_) receive(line);
        wake = std::max(wake + kMillisecond, now());
        const timespec until{wake / 1'000'000'000, wake % 1'000'000'000};
        clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, nullptr);
    }
}

void Callers::run(Nanoseconds warm_up, Nanoseconds seconds) {
    begin();
    turn(now() + warm_up);
    std::printf("{\"measuring\":true}\n");
    std::fflush(stdout);
    measuring_ = true;
    turn(now() + seconds);
    measuring_ = false;
    print();
}

void Callers::bursts(Nanoseconds seconds) {
    begin();
    bursting_ = true;
    burst_at_ = 0;
    missed_bursts_ = 0;
    next_burst_ = now() + 3'000 * kMillisecond;
    measuring_ = true;
    turn(next_burst_ + seconds);
    measuring_ = bursting_ = false;
    print();
}

void Callers::print() const {
    std::uint64_t received = 0, expected = 0, deaf = 0;
    for (const auto& leg : legs_) {
        received += leg.received;
        expected += leg.span;
        deaf += leg.heard ? 0 : 1;
    }
    const double loss = expected == 0 ? 1.0 : static_cast<double>(expected - std::min(expected, received)) / static_cast<double>(expected);
    std::printf("{\"legs\":%zu,\"sent\":%llu,\"unsent\":%llu,\"received\":%llu,\"expected\":%llu,\"silent_legs\":%llu,\"strange\":%llu,\"loss\":%.7f,\"jitter_p50_ms\":%.2f,"
                "\"jitter_p99_ms\":%.2f,\"generator_late_ms\":%.1f,\"delays\":%llu,\"bursts_unheard\":%llu,\"delay_p50_ms\":%.2f,\"delay_p99_ms\":%.2f}\n",
                legs_.size(), static_cast<unsigned long long>(sent_), static_cast<unsigned long long>(unsent_), static_cast<unsigned long long>(received),
                static_cast<unsigned long long>(expected), static_cast<unsigned long long>(deaf), static_cast<unsigned long long>(strange_), loss,
                jitter_.percentile(0.5), jitter_.percentile(0.99), static_cast<double>(late_) / 1e6, static_cast<unsigned long long>(delay_.count()),
                static_cast<unsigned long long>(missed_bursts_), delay_.percentile(0.5), delay_.percentile(0.99));
    std::fflush(stdout);
}

Nanoseconds seconds_of(std::istringstream& words) {
    double seconds = 0;
    words >> seconds;
    return static_cast<Nanoseconds>(seconds * 1e9);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) fail("expected SOCKETS ADDRESS SPEECH.wav");
    Callers callers(static_cast<unsigned>(std::max(1, std::atoi(argv[1]))), argv[2], argv[3]);
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        std::string verb;
        words >> verb;
        if (verb == "leg") {
            callers.add(words);
        } else if (verb == "srtp") {
            callers.secure(words);
        } else if (verb == "talkers") {
            std::size_t count = 0;
            words >> count;
            callers.set_talkers(count);
        } else if (verb == "run") {
            const auto warm_up = seconds_of(words);
            callers.run(warm_up, seconds_of(words));
        } else if (verb == "bursts") {
            callers.bursts(seconds_of(words));
        } else {
            fail("what is '" + verb + "'?");
        }
    }
}
