#include "media/playout.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace confab::media {
namespace {

constexpr Micros kConceal = 60'000;                          // then silence
constexpr Micros kShortest = 2'500, kLongest = 60'000;       // packets with sound
constexpr Micros kFade = 10'000;                             // from sound into a pause
constexpr int kQuiet = 50;                                   // mean magnitude that may be cut anywhere
constexpr Micros kShortestPeriod = 2'500, kLongestPeriod = 12'500, kSplice = 5'000;
constexpr float kAlike = 0.6F;                               // of 1: two periods that may replace each other
constexpr unsigned kPatience = 25, kLittlePatience = 2;      // ticks to look for such, to shrink and to grow
constexpr Micros kSpare = 100'000;                           // in the ring, beyond what is held at most: packets that were played

std::size_t octets_for(const CodecFormat& format, Micros held) {
    const std::size_t a_millisecond = format.kind == CodecKind::l16 ? format.rate * 2 / 1000 : format.kind == CodecKind::opus ? 16 : 8;
    return std::clamp<std::size_t>(a_millisecond * static_cast<std::size_t>(held) / 1000, 4096, 16384);
}

JitterBuffer::Limits limits_for(const CodecFormat& format, Micros max_delay) {
    return {octets_for(format, max_delay + kSpare), max_delay, format.clock_rate(), Playout::kTick};
}

bool is_silence_descriptor(const CodecFormat& format, Bytes payload) {
    return payload.empty() || (format.kind == CodecKind::opus && payload.size() <= 2);
}

// Packets until a decoder that stood idle is as if it had heard all. G.722's prediction settles slowly.
constexpr unsigned warming_of(CodecKind kind) { return kind == CodecKind::g722 ? 8 : 3; }

// Where code bytes may be cut between any two: each is one sample, or two of G.722.
bool is_divisible(CodecKind kind) { return kind == CodecKind::pcmu || kind == CodecKind::pcma || kind == CodecKind::g722; }

std::int16_t blended(std::int16_t from, std::int16_t to, std::size_t at, std::size_t length) {
    return static_cast<std::int16_t>((from * static_cast<int>(length - at) + to * static_cast<int>(at)) / static_cast<int>(length));
}

}  // namespace

Playout::Playout(const CodecFormat& format, unsigned max_delay)
    : jitter_(limits_for(format, Micros{max_delay} * 1000)), format_(format), max_delay_(Micros{max_delay} * 1000) {
    prepare();
}

void Playout::restart(const CodecFormat& format) {
    format_ = format;
    jitter_.restart(limits_for(format, max_delay_));
    prepare();
}

void Playout::prepare() {
    decoder_ = make_decoder(format_);
    frame_ = samples_of(kTick);
    sound_.assign(frame_ + samples_of(kLongest + 2 * kLongestPeriod), 0);
    code_.assign(is_divisible(format_.kind) ? kTick / 125 : 0, 0);
    first_ = end_ = undecoded_ = 0;
    queued_ = decoded_ = advanced_ = 0;
    packet_ = frame_;
    concealed_ = samples_of(kConceal);
    sounding_ = changed_ = was_broken_ = broken_ = false;
    silent_ = true;
    level_ = -1;
}

void Playout::insert(const RtpPacket& packet, std::uint64_t tick, Micros early, bool silent) {
    const std::size_t samples = packet.payload.empty() ? 0 : samples_in(format_, packet.payload);
    const Micros length = time_of(samples);
    const auto arrival = static_cast<Micros>(tick) * kTick - std::max<Micros>(early, 0);
    using Says = JitterBuffer::Says;
    const auto says = is_silence_descriptor(format_, packet.payload) ? Says::pause : silent ? Says::silence : Says::nothing;
    jitter_.insert(packet, arrival, is_playable(length) ? length : 0, says);
}

bool Playout::is_playable(Micros length) { return length >= kShortest && length <= kLongest; }

bool Playout::advance(std::uint64_t tick) {
    now_ = static_cast<Micros>(tick) * kTick;
    drop(advanced_);
    advanced_ = frame_;
    changed_ = false;
    level_ = -1;
    while (queued_ < frame_) append(jitter_.pull(now_, time_of(frame_ - queued_)), frame_);
    adjust();
    was_broken_ = broken_;
    broken_ = changed_;
    sounding_ = false;
    for_each(frame_, [this](const Piece& one, std::size_t) {
        sounding_ |= one.kind != Piece::Kind::pause;
        broken_ |= one.kind == Piece::Kind::lost || one.offset < 0;
    });
    return sounding_;
}

Playout::Piece Playout::piece_of(const JitterBuffer::Frame& from, std::size_t wanted) {
    Piece made;
    made.has_turn = from.has_turn;
    made.sequence = from.sequence;
    const auto payload = from.kind == JitterBuffer::Frame::Kind::audio ? jitter_.payload(from.sequence) : std::nullopt;
    const std::size_t samples = payload && !payload->empty() ? samples_in(format_, *payload) : 0;
    if (is_playable(time_of(samples))) {
        made.kind = Piece::Kind::audio;
        packet_ = samples;
        concealed_ = 0;
        made.level = level_of(format_, *payload).value_or(from.silent ? 0 : -1);
    } else if (from.kind == JitterBuffer::Frame::Kind::lost && concealed_ < samples_of(kConceal)) {
        made.kind = Piece::Kind::lost;
        const int before = end_ > 0 ? piece(end_ - 1).level : 0;
        made.level = before < 0 ? before : before * 3 / 4;
    } else {
        concealed_ = samples_of(kConceal);
    }
    // What a wait takes is a multiple of the shortest frame that Opus makes.
    const std::size_t grain = samples_of(kShortest), awaited = (wanted - queued_ + grain - 1) / grain * grain;
    made.samples = static_cast<std::int32_t>(made.kind == Piece::Kind::audio ? samples : from.has_turn ? packet_ : awaited);
    if (made.kind == Piece::Kind::lost) concealed_ += static_cast<std::size_t>(made.samples);
    return made;
}

void Playout::append(const JitterBuffer::Frame& from, std::size_t wanted) {
    const Piece made = piece_of(from, wanted);
    queued_ += made.left();
    piece(end_++) = made;
}

// More packets, if they are there already: what would be played with the next tick.
bool Playout::fetch(std::size_t wanted) {
    while (queued_ < wanted && jitter_.ready()) append(jitter_.pull(now_ + kTick, 0), wanted);
    return queued_ >= wanted;
}

void Playout::consume(std::size_t samples) {
    queued_ -= samples;
    while (samples > 0) {
        Piece& front = piece(first_);
        const std::size_t taken = std::min(samples, front.left());
        front.offset += static_cast<std::int32_t>(taken);
        samples -= taken;
        if (front.left() == 0) ++first_;
    }
}

void Playout::drop(std::size_t samples) {
    consume(samples);
    const std::size_t cut = std::min(samples, decoded_);
    std::copy_n(sound_.begin() + static_cast<std::ptrdiff_t>(cut), decoded_ - cut, sound_.begin());
    decoded_ -= cut;
}

template <class Action>
void Playout::for_each(std::size_t samples, const Action& action) {
    for (std::uint64_t at = first_; samples > 0 && at < end_; ++at) {
        const std::size_t part = std::min(samples, piece(at).left());
        action(piece(at), part);
        samples -= part;
    }
}

int Playout::level() {
    if (level_ >= 0) return level_;
    level_ = 0;
    bool unknown = false;
    for_each(frame_, [&](const Piece& one, std::size_t) {
        unknown |= one.level < 0;
        level_ = std::max(level_, one.level);
    });
    if (!unknown) return level_;
    std::int64_t sum = 0;
    for (const std::int16_t sample : samples()) sum += std::abs(sample);
    return level_ = static_cast<int>(sum / static_cast<std::int64_t>(frame_));
}

// Sound after a loss is joined to what stood in for it, so its code bytes alone will not do.
Bytes Playout::code() {
    if (!sounding_ || broken_ || was_broken_) return {};
    const Piece& front = piece(first_);
    if (front.kind == Piece::Kind::audio && front.offset == 0 && front.left() == frame_) return jitter_.payload(front.sequence).value_or(Bytes());
    if (!is_divisible(format_.kind)) return {};
    const std::size_t samples_a_code = format_.rate / 8000;
    std::size_t at = 0;
    bool whole = true;
    for_each(frame_, [&](const Piece& one, std::size_t part) {
        const auto payload = jitter_.payload(one.sequence);
        const auto offset = static_cast<std::size_t>(one.offset);
        whole &= one.kind == Piece::Kind::audio && payload && offset % samples_a_code == 0 && part % samples_a_code == 0;
        if (!whole) return;
        std::ranges::copy(payload->subspan(offset / samples_a_code, part / samples_a_code), code_.begin() + static_cast<std::ptrdiff_t>(at));
        at += part / samples_a_code;
    });
    return whole ? Bytes(code_) : Bytes();
}

std::span<const std::int16_t> Playout::samples() {
    decode_to(frame_);
    return std::span(sound_).first(frame_);
}

void Playout::decode_to(std::size_t wanted) {
    while (decoded_ < wanted) {
        if (undecoded_ < first_) warm_up();
        const Piece& next = piece(undecoded_++);
        const auto lead = static_cast<std::size_t>(std::max(0, -next.offset)), played = static_cast<std::size_t>(std::max(0, next.offset));
        const auto out = std::span(sound_).subspan(decoded_);
        std::ranges::fill(out.first(lead), std::int16_t{0});
        const auto fresh = out.subspan(lead, static_cast<std::size_t>(next.samples));
        decode(next, fresh);
        if (played > 0) std::copy(fresh.begin() + static_cast<std::ptrdiff_t>(played), fresh.end(), fresh.begin());
        decoded_ += next.left();
    }
}

// Nothing is decoded ahead now, so that there is room for what nobody will hear.
void Playout::warm_up() {
    for (undecoded_ = std::max(undecoded_, first_ - std::min<std::uint64_t>(first_, warming_of(format_.kind))); undecoded_ < first_; ++undecoded_) {
        const Piece& past = piece(undecoded_);
        decode(past, std::span(sound_).first(static_cast<std::size_t>(past.samples)));
    }
}

void Playout::decode(const Piece& from, std::span<std::int16_t> out) {
    if (from.kind == Piece::Kind::pause) return fade(out);
    silent_ = false;
    if (from.kind == Piece::Kind::audio) {
        const auto payload = jitter_.payload(from.sequence);
        const std::size_t decoded = payload ? decoder_->decode(*payload, out) : 0;
        if (decoded < out.size()) decoder_->conceal(out.subspan(decoded));
        return;
    }
    const auto next = from.has_turn ? jitter_.payload(static_cast<std::uint16_t>(from.sequence + 1)) : std::nullopt;
    if (!next || next->empty() || !decoder_->recover(*next, out)) decoder_->conceal(out);
}

void Playout::fade(std::span<std::int16_t> out) {
    const std::size_t length = silent_ ? 0 : std::min(out.size(), samples_of(kFade));
    if (length > 0) decoder_->conceal(out.first(length));
    for (std::size_t i = 0; i < length; ++i) out[i] = static_cast<std::int16_t>(out[i] * static_cast<int>(length - i) / static_cast<int>(length));
    std::ranges::fill(out.subspan(length), std::int16_t{0});
    silent_ = true;
}

bool Playout::is_quiet(std::size_t samples) {
    bool quiet = true;
    for_each(samples, [&](const Piece& one, std::size_t) { quiet &= one.level >= 0 && one.level <= kQuiet; });
    return quiet;
}

void Playout::adjust() {
    const Micros owed = jitter_.owed();
    const bool quiet = (owed != 0 || piece(first_).offset > 0) && decoded_ == 0 && is_quiet(frame_);
    if (owed == 0) {
        if (quiet) align();
    } else if (quiet) {
        adjust_quiet(owed);
    } else {
        adjust_sounding(owed);
    }
}

void Playout::adjust_quiet(Micros owed) {
    if (owed > 0) {
        const std::size_t more = std::min(samples_of(owed), frame_);
        piece(first_).offset -= static_cast<std::int32_t>(more);
        queued_ += more;
        return jitter_.settle(time_of(more));
    }
    fetch(frame_ + samples_of(-owed));
    const std::size_t less = std::min(samples_of(-owed), queued_ - frame_);
    if (less == 0 || !is_quiet(frame_ + less)) return;
    consume(less);
    changed_ = true;
    jitter_.settle(-time_of(less));
}

// What an earlier change left over of a packet delays all that follow, and saves none of them.
void Playout::align() {
    const std::size_t step = samples_of(jitter_.step());
    if (packet_ % step != 0) return;
    const std::size_t surplus = piece(first_).left() % step;
    if (surplus == 0 || !fetch(frame_ + surplus) || !is_quiet(frame_ + surplus)) return;
    consume(surplus);
    changed_ = true;
}

void Playout::adjust_sounding(Micros owed) {
    const bool growing = owed > 0;
    const std::size_t longest = growing ? samples_of(kLongestPeriod) : std::min(samples_of(kLongestPeriod), samples_of(-owed));
    if (!growing && !fetch(frame_ + longest)) return;
    decode_to(growing ? frame_ : frame_ + longest);
    const auto [period, likeness] = find_period(longest);
    if (likeness < kAlike && ++searched_ <= (growing ? kLittlePatience : kPatience)) return;
    searched_ = 0;
    changed_ = true;
    growing ? repeat(period) : leave_out(period);
    jitter_.settle(growing ? time_of(period) : -time_of(period));
}

// By how much the frame's beginning is to be moved to resemble itself most. Looked at on a grid of about 8 kHz.
Playout::Likeness Playout::find_period(std::size_t longest) const {
    const std::size_t step = std::max<std::size_t>(1, format_.rate / 8000), window = samples_of(kSplice);
    Likeness best{samples_of(kShortestPeriod), -1};
    float own = 1;
    for (std::size_t i = 0; i < window; i += step) own += static_cast<float>(sound_[i]) * sound_[i];
    for (std::size_t lag = best.period; lag <= longest; ++lag) {
        float product = 0, energy = 1;
        for (std::size_t i = 0; i < window; i += step) {
            product += static_cast<float>(sound_[i]) * sound_[i + lag];
            energy += static_cast<float>(sound_[i + lag]) * sound_[i + lag];
        }
        const float likeness = product / std::sqrt(own * energy);
        if (likeness > best.likeness) best = {lag, likeness};
    }
    return best;
}

void Playout::leave_out(std::size_t period) {
    const std::size_t window = samples_of(kSplice);
    for (std::size_t i = 0; i < window; ++i)
        sound_[i] = blended(sound_[i], sound_[i + period], i, window);
    const auto rest = sound_.begin() + static_cast<std::ptrdiff_t>(window);
    std::copy_n(rest + static_cast<std::ptrdiff_t>(period), decoded_ - period - window, rest);
    decoded_ -= period;
    consume(period);
}

void Playout::repeat(std::size_t period) {
    const std::size_t window = samples_of(kSplice);
    const auto at = [this](std::size_t samples) { return sound_.begin() + static_cast<std::ptrdiff_t>(samples); };
    std::array<std::int16_t, 48 * kSplice / 1000> joint;
    for (std::size_t i = 0; i < window; ++i) joint[i] = blended(sound_[period + i], sound_[i], i, window);
    std::copy_backward(at(window), at(decoded_), at(decoded_ + period));
    std::copy_n(joint.begin(), window, at(period));
    decoded_ += period;
    queued_ += period;
    piece(first_).offset -= static_cast<std::int32_t>(period);
}

}  // namespace confab::media
