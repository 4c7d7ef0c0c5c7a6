#include "media/jitter_buffer.hpp"

#include <algorithm>
#include <limits>

namespace confab::media {
namespace {

constexpr unsigned kConceal = 3;      // misses worth concealing: 60 ms, then silence is kinder than a repeated sound
constexpr unsigned kPause = 10;       // misses after which the sender is taken to have paused
constexpr int kMaxReorder = 10;       // a packet later than this is a stray, not the network's habit
constexpr unsigned kCalm = 200;       // 4 s
constexpr unsigned kCalmFarOff = 25;  // 0.5 s, when the delay is far more than needed
constexpr std::uint64_t kFarOff = 3;
constexpr std::uint64_t kNoWait = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t kFrameOctets = 160;

}  // namespace

void JitterBuffer::reset() {
    started_ = false;
    for (auto& one : slots_) one.full = false;
    jump_.reset();
    played_ = 0;
    depth_ = target_ = wait_ = misses_ = calm_ = 0;
}

// Keeps what was learned about the network: a new stream comes over the same path.
void JitterBuffer::start_at(const RtpPacket& packet) {
    for (auto& one : slots_) one.full = false;
    started_ = true;
    ssrc_ = packet.ssrc;
    next_ = newest_ = packet.sequence;
    jump_.reset();
    played_ = 0;
    wait_ = target_;
    misses_ = calm_ = 0;
    shortest_wait_ = kNoWait;
}

bool JitterBuffer::accept_jump(const RtpPacket& packet) {
    const bool confirmed = jump_ == packet.sequence;
    jump_ = static_cast<std::uint16_t>(packet.sequence + 1);
    if (confirmed) start_at(packet);
    return confirmed;
}

bool JitterBuffer::insert(const RtpPacket& packet, std::uint64_t tick) {
    if (packet.payload.size() > kMaxPayload) return ++late_, false;
    if (!started_ || packet.ssrc != ssrc_) start_at(packet);
    int ahead = sequence_distance(packet.sequence, next_);
    if (ahead >= static_cast<int>(kSlots) || ahead < -static_cast<int>(kSlots)) {
        if (!accept_jump(packet)) return ++late_, false;
        ahead = 0;
    }
    if (ahead < 0) {
        note_late(packet.sequence);
        return ++late_, false;
    }
    if (holds(packet.sequence)) return ++late_, false;

    Slot& into = slot(packet.sequence);
    into.full = true;
    into.marker = packet.marker;
    into.sequence = packet.sequence;
    into.size = static_cast<std::uint16_t>(packet.payload.size());
    into.arrival = tick;
    std::ranges::copy(packet.payload, into.payload.begin());
    if (sequence_distance(packet.sequence, newest_) > 0) newest_ = packet.sequence;
    return true;
}

// A packet whose turn was given up: waiting so much longer would have saved it.
void JitterBuffer::note_late(std::uint16_t sequence) {
    const int behind = sequence_distance(next_, sequence);
    if (behind > kMaxReorder || (played_ >> (behind - 1) & 1)) return;
    const unsigned more = static_cast<unsigned>(behind);
    if (more <= wait_) return;
    target_ = std::min(target_ + more - wait_, kMaxDelay);
    wait_ = more;
}

void JitterBuffer::advance(bool played) {
    slot(next_).full = false;
    played_ = played_ << 1 | (played ? 1 : 0);
    ++next_;
    // An emptied buffer: the newest is always the one before next_ at least.
    if (!anything_newer()) newest_ = static_cast<std::uint16_t>(next_ - 1);
}

// After an outage the network delivers everything at once; playing it all would leave the delay for good.
void JitterBuffer::bound_backlog() {
    if (sequence_distance(newest_, next_) < static_cast<int>(kMaxDelay)) return;
    while (sequence_distance(newest_, next_) > static_cast<int>(std::min(target_, kMaxDelay - 1))) {
        skipped_ += holds(next_);
        advance(false);
    }
    wait_ = misses_ = 0;
}

JitterBuffer::Frame JitterBuffer::wait_for_packets() {
    if (wait_ > 0) {
        --wait_;  // the delay that was wanted anyway
        return {calm_ > 0 ? Frame::Kind::lost : Frame::Kind::empty, {}};
    }
    ++misses_;
    return {misses_ <= kConceal ? Frame::Kind::lost : Frame::Kind::empty, {}};
}

JitterBuffer::Frame JitterBuffer::pull(std::uint64_t tick) {
    if (!started_) return {};
    bound_backlog();
    if (!anything_newer()) return wait_for_packets();
    if (misses_ > kPause) {
        misses_ = 0;
        wait_ = target_;
        // What the pause swallowed is not lost sound.
        while (!holds(next_)) advance(false);
    }
    if (wait_ > 0) {
        --wait_;
        return {calm_ > 0 ? Frame::Kind::lost : Frame::Kind::empty, {}};
    }
    // Sound that misses were concealed for has had its time.
    while (misses_ > 0 && !holds(next_)) {
        --misses_;
        ++lost_;
        advance(false);
    }
    if (holds(next_)) return play(tick);
    ++lost_;
    advance(false);
    return {Frame::Kind::lost, {}};
}

bool JitterBuffer::can_shrink(const Slot& from, std::uint64_t waited) {
    ++calm_;
    shortest_wait_ = std::min(shortest_wait_, waited);
    const std::uint64_t length = std::max<std::uint64_t>(1, (from.size + kFrameOctets - 1) / kFrameOctets);
    const bool far_off = calm_ >= kCalmFarOff && shortest_wait_ >= length + kFarOff;
    if (!far_off && calm_ < kCalm) return false;
    const bool unneeded = shortest_wait_ >= length;
    watch_anew();
    return unneeded && holds(static_cast<std::uint16_t>(next_ + 1));
}

void JitterBuffer::watch_anew() {
    calm_ = 1;
    shortest_wait_ = kNoWait;
}

JitterBuffer::Frame JitterBuffer::play(std::uint64_t tick) {
    if (misses_ > 0) {
        // It came late, and its waiting has already lengthened the delay; unless the sender had paused.
        if (!slot(next_).marker) target_ = std::min(target_ + misses_, kMaxDelay);
        misses_ = 0;
        watch_anew();
    }
    const auto waited_by = [tick](const Slot& from) { return tick > from.arrival ? tick - from.arrival : 0; };
    if (can_shrink(slot(next_), waited_by(slot(next_)))) {
        if (target_ > 0) --target_;
        ++skipped_;
        advance(false);
    }
    const Slot& from = slot(next_);
    depth_ = static_cast<unsigned>(waited_by(from));
    const Bytes payload(from.payload.data(), from.size);
    advance(true);
    return {Frame::Kind::audio, payload};
}

}  // namespace confab::media
