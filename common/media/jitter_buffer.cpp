#include "media/jitter_buffer.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

namespace confab::media {
namespace {

constexpr Micros kMargin = 500;        // earlier than needed: less is nearly late
constexpr Micros kConceal = 60'000;    // worth concealing; then silence is kinder than a repeated sound
constexpr Micros kPause = 200'000;     // of nothing: the sender has paused
constexpr Micros kTooLate = 200'000;   // a packet later than this is a stray, not the network's habit
constexpr Micros kAhead = 40'000;      // of the time stamp: a pause
constexpr Micros kCalm = 4'000'000, kLongestCalm = 32'000'000;
constexpr Micros kCalmFarOff = 500'000;  // when the delay is longer than needed by…
constexpr Micros kFarOff = 60'000;
constexpr Micros kShortestStep = 10'000, kUsualLength = 20'000;
constexpr Micros kNotWorthIt = 2'500;  // to lengthen or shorten: less than any pitch period
constexpr Micros kNoWait = std::numeric_limits<Micros>::max();

constexpr Micros round_up(Micros value, Micros step) { return (value + step - 1) / step * step; }

// What silence is in G.711 and in L16. Most packets of a conference are that, from its first octet to its last: they are told, not held.
constexpr std::array<std::uint8_t, 5> kSilences{0xff, 0x7f, 0xd5, 0x55, 0x00};
constexpr std::size_t kLongestUniform = 960;
constexpr auto kUniform = [] {
    std::array<std::array<std::uint8_t, kLongestUniform>, kSilences.size()> payloads{};
    for (std::size_t i = 0; i < payloads.size(); ++i) payloads[i].fill(kSilences[i]);
    return payloads;
}();

std::optional<std::uint16_t> uniform_of(Bytes payload) {
    if (payload.empty() || payload.size() > kLongestUniform) return std::nullopt;
    const auto at = std::ranges::find(kSilences, payload.front()) - kSilences.begin();
    if (at == kSilences.size() || std::memcmp(payload.data(), kUniform[static_cast<std::size_t>(at)].data(), payload.size()) != 0) return std::nullopt;
    return static_cast<std::uint16_t>(at);
}

}  // namespace

JitterBuffer::JitterBuffer(const Limits& limits) : limits_(limits), octets_(limits.octets), length_(kUsualLength), step_(kUsualLength) {}

void JitterBuffer::clear() {
    slots_.fill({});
    first_block_ = block_count_ = 0;
    end_ = 0;
    jump_.reset();
    absent_ = owed_ = 0;
    paused_ = false;
}

void JitterBuffer::restart(const Limits& limits) {
    limits_ = limits;
    octets_.resize(limits.octets);
    clear();
    started_ = starting_ = false;
    target_ = waited_ = 0;
    length_ = step_ = kUsualLength;
    calm_ = kCalm;
}

// Keeps what was learned about the network: a new stream comes over the same path.
void JitterBuffer::start_at(const RtpPacket& packet) {
    clear();
    started_ = starting_ = true;
    ssrc_ = packet.ssrc;
    next_ = newest_ = packet.sequence;
}

bool JitterBuffer::accept_jump(const RtpPacket& packet) {
    const bool confirmed = jump_ == packet.sequence;
    jump_ = static_cast<std::uint16_t>(packet.sequence + 1);
    if (confirmed) start_at(packet);
    return confirmed;
}

bool JitterBuffer::insert(const RtpPacket& packet, Micros arrival, Micros length, Says says) {
    if (packet.payload.size() > octets_.size()) return ++late_, false;
    if (!started_ || packet.ssrc != ssrc_) {
        if (started_ && packet.payload.empty()) return ++late_, false;  // beside the stream, not instead of it
        start_at(packet);
    }
    int ahead = sequence_distance(packet.sequence, next_);
    constexpr int kReach = kSlots - kKept - 1;
    if (ahead >= kReach || ahead < -static_cast<int>(kSlots)) {
        if (!accept_jump(packet)) return ++late_, false;
        ahead = 0;
    }
    if (ahead < 0) {
        note_late(packet.sequence, arrival);
        return ++late_, false;
    }
    Slot& into = slot(packet.sequence);
    if (holds(packet.sequence)) return ++late_, false;
    into.state = Slot::State::free;
    if (!store(into, packet.payload)) return ++late_, false;
    if (length > 0) learn_step(length);
    into.state = Slot::State::held;
    into.marker = packet.marker;
    into.silence = says == Says::silence;
    into.pause = says == Says::pause;
    into.sequence = packet.sequence;
    into.timestamp = packet.timestamp;
    into.length = static_cast<std::uint32_t>(length > 0 ? length : length_);
    into.arrival = arrival;
    if (sequence_distance(packet.sequence, newest_) > 0) newest_ = packet.sequence;
    return true;
}

void JitterBuffer::learn_step(Micros length) {
    length_ = length;
    step_ = std::max(std::gcd(length, limits_.tick), kShortestStep);
}

bool JitterBuffer::store(Slot& into, Bytes payload) {
    into.offset = 0;
    into.size = static_cast<std::uint16_t>(payload.size());
    const auto same = uniform_of(payload);
    into.uniform = uniform_ = same.has_value();
    if (same) into.offset = *same;
    if (same || payload.empty()) return true;
    auto at = place_for(payload.size());
    while (!at && forget_oldest()) at = place_for(payload.size());
    if (!at) return false;
    into.offset = static_cast<std::uint16_t>(*at);
    end_ = *at + payload.size();
    blocks_[(first_block_ + block_count_++) % kSlots] = {static_cast<std::uint8_t>(&into - slots_.data()), into.offset, into.size};
    std::memcpy(octets_.data() + *at, payload.data(), payload.size());
    return true;
}

// Octets are taken in a circle and come free in the same order, so that a packet's are always in one piece.
std::optional<std::size_t> JitterBuffer::place_for(std::size_t size) {
    const auto is_dead = [this](const Block& block) {
        const Slot& owner = slots_[block.slot];
        return !has_payload(owner) || owner.uniform || owner.size == 0 || owner.offset != block.offset;
    };
    for (; block_count_ > 0 && is_dead(blocks_[first_block_]); --block_count_) first_block_ = (first_block_ + 1) % kSlots;
    if (block_count_ == 0) return 0;
    if (block_count_ == kSlots) return std::nullopt;
    const std::size_t begin = blocks_[first_block_].offset;
    if (end_ > begin && octets_.size() - end_ >= size) return end_;
    if (end_ > begin) return begin >= size ? std::optional<std::size_t>(0) : std::nullopt;
    return begin - end_ >= size ? std::optional(end_) : std::nullopt;
}

bool JitterBuffer::forget_oldest() {
    for (unsigned back = kKept; back > 0; --back) {
        const auto sequence = static_cast<std::uint16_t>(next_ - back);
        Slot& one = slot(sequence);
        if (one.state != Slot::State::kept || one.sequence != sequence || one.uniform) continue;
        one.state = Slot::State::free;
        return true;
    }
    return false;
}

std::optional<Bytes> JitterBuffer::payload(std::uint16_t sequence) const {
    const Slot& one = slot(sequence);
    if (!has_payload(one) || one.sequence != sequence) return std::nullopt;
    return one.uniform ? Bytes(kUniform[one.offset]).first(one.size) : Bytes(octets_).subspan(one.offset, one.size);
}

void JitterBuffer::prefetch_slots() const {
    base::prefetch(slot(next_));
    base::prefetch(slot(static_cast<std::uint16_t>(newest_ + 1)));
    if (uniform_) return;
    // Whose octets come free now, and who has them next.
    for (unsigned back : {kKept + 1, kKept}) base::prefetch(slot(static_cast<std::uint16_t>(next_ - back)));
    base::prefetch(blocks_[first_block_]);
    base::prefetch(blocks_[(first_block_ + block_count_) % kSlots]);
    constexpr std::size_t kUsual = 160;  // octets of a packet
    base::prefetch(octets_.data() + end_, octets_.data() + std::min(end_ + kUsual, octets_.size()));
}

void JitterBuffer::prefetch_payload() const {
    if (const Slot& one = slot(next_); holds(next_) && !one.uniform && one.size > 0) base::prefetch(octets_.data() + one.offset, octets_.data() + one.offset + one.size);
}

// A packet whose turn was given up: so much more delay would have saved it, less what was asked for since.
void JitterBuffer::note_late(std::uint16_t sequence, Micros arrival) {
    const Slot& one = slot(sequence);
    if (one.state != Slot::State::given_up || one.sequence != sequence || arrival - one.arrival > kTooLate) return;
    const auto since = static_cast<std::int32_t>(asked_ - one.length);
    const Micros more = round_up(arrival - one.arrival + kMargin, step_) - since;
    if (more > 0) ask_for(more);
}

void JitterBuffer::ask_for(Micros more) {
    if (now_ - shrunk_at_ < 2 * calm_) calm_ = std::min(2 * calm_, kLongestCalm);
    more = std::min(more, limits_.delay - target_);
    owed_ += more;
    target_ += more;
    asked_ += static_cast<std::uint32_t>(more);
    watch_anew();
}

void JitterBuffer::settle(Micros done) {
    owed_ -= done;
    if (owed_ > -kNotWorthIt && owed_ < kNotWorthIt) owed_ = 0;
    watch_anew();
}

void JitterBuffer::advance(bool played) {
    Slot& one = slot(next_);
    if (holds(next_)) {
        one.state = played ? Slot::State::kept : Slot::State::free;
    } else {
        one = {};
        one.state = Slot::State::given_up;
        one.sequence = next_;
        one.arrival = now_;
        one.length = asked_;
        timestamp_ += ticks(length_);
    }
    ++next_;
    // An emptied buffer: the newest is always the one before next_ at least.
    if (!anything_newer()) newest_ = static_cast<std::uint16_t>(next_ - 1);
}

// After an outage the network delivers everything at once; playing it all would leave the delay for good.
void JitterBuffer::bound_backlog() {
    const auto backlog = [this] { return (sequence_distance(newest_, next_) + 1) * length_; };
    if (backlog() <= limits_.delay) return;
    while (backlog() > std::min(std::max(target_, length_), limits_.delay - length_)) {
        skipped_ += holds(next_);
        advance(false);
    }
    absent_ = owed_ = 0;
    starting_ = false;  // what is left is what would be waited for
    watch_anew();
}

// What the bound allows has come by then: to wait longer would be to leave out for ever what is waited for.
Micros JitterBuffer::first_wait() const { return std::min(target_ + kMargin, limits_.delay - std::max(length_, limits_.tick)); }

JitterBuffer::Frame JitterBuffer::miss(Micros needed) {
    absent_ += needed;
    if (paused_ || absent_ > kConceal) return {};
    ++missed_;
    if (owed_ > 0) owed_ = std::max<Micros>(0, owed_ - needed);
    return {Frame::Kind::lost, false, false, next_};
}

bool JitterBuffer::is_after_pause(const Slot& from) const {
    const auto ahead = static_cast<std::int32_t>(from.timestamp - timestamp_);
    return from.marker || paused_ || absent_ > kPause || ahead > static_cast<std::int32_t>(ticks(kAhead));
}

JitterBuffer::Frame JitterBuffer::pull(Micros now, Micros needed) {
    now_ = now;
    if (!started_) return {};
    bound_backlog();
    if (!anything_newer()) return miss(needed);
    // What a pause swallowed is not lost sound.
    while (absent_ > kPause && !holds(next_) && anything_newer()) advance(false);
    if (!anything_newer()) return miss(needed);
    if (absent_ > 0 && holds(next_) && is_after_pause(slot(next_))) starting_ = true;
    if (starting_ && now - slot(next_).arrival < first_wait()) return {};
    // Sound that misses were concealed for has had its time.
    while (absent_ > 0 && 2 * absent_ >= length_ && !holds(next_) && anything_newer()) {
        absent_ = std::max<Micros>(0, absent_ - length_);
        ++lost_;
        advance(false);
    }
    if (holds(next_)) return play();
    const Frame hole{Frame::Kind::lost, true, false, next_};
    ++lost_;
    advance(false);
    return hole;
}

JitterBuffer::Frame JitterBuffer::play() {
    Slot& from = slot(next_);
    if (starting_ || absent_ > 0) {
        // It came late, and its waiting has already lengthened the delay; unless the sender had paused.
        if (!starting_) target_ = std::min(target_ + absent_, limits_.delay);
        if (!starting_) asked_ += static_cast<std::uint32_t>(absent_);
        absent_ = 0;
        starting_ = false;
        watch_anew();
    }
    waited_ = now_ - from.arrival;
    paused_ = from.pause;
    timestamp_ = from.timestamp + ticks(from.length);
    watch();
    const Frame frame{Frame::Kind::audio, true, from.silence, next_};
    advance(true);
    return frame;
}

void JitterBuffer::watch() {
    if (owed_ != 0) return;
    if (waited_ < kMargin) return ask_for(step_);
    shortest_wait_ = std::min(shortest_wait_, waited_);
    const Micros watched = now_ - watch_since_;
    const bool far_off = watched >= kCalmFarOff && shortest_wait_ >= step_ + kFarOff;
    if (!far_off && watched < calm_) return;
    if (shortest_wait_ >= step_ + 2 * kMargin) {
        owed_ = -step_;
        target_ = std::max<Micros>(0, target_ - step_);
        asked_ -= static_cast<std::uint32_t>(step_);
        shrunk_at_ = now_;
    } else if (now_ - shrunk_at_ > 2 * calm_) {
        calm_ = kCalm;
    }
    watch_anew();
}

void JitterBuffer::watch_anew() {
    watch_since_ = now_;
    shortest_wait_ = kNoWait;
}

}  // namespace confab::media
