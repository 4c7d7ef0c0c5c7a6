#include "sdp/offer_answer.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace confab::sdp {
namespace {

constexpr std::string_view kEventName = "telephone-event";
constexpr std::string_view kEvents = "0-16";
constexpr std::uint16_t kPtimes[] = {60, 40, 30, 20, 10};
constexpr std::uint8_t kLastPayloadType = 127;
constexpr std::uint32_t kCommonEventClock = 8000;

bool may_send(Direction direction) { return direction == Direction::sendrecv || direction == Direction::sendonly; }
bool may_receive(Direction direction) { return direction == Direction::sendrecv || direction == Direction::recvonly; }

Direction direction_from(bool sends, bool receives) {
    if (sends) return receives ? Direction::sendrecv : Direction::sendonly;
    return receives ? Direction::recvonly : Direction::inactive;
}

Direction both(Direction a, Direction b) { return direction_from(may_send(a) && may_send(b), may_receive(a) && may_receive(b)); }

// What the peer's line asks for; an unspecified address is the hold of RFC 2543: nothing may be sent there.
Direction wanted(const MediaLine& line, const base::SocketAddress& remote) {
    return direction_from(may_send(line.direction), may_receive(line.direction) && !remote.ip.is_unspecified());
}

// One host, and none that stands for many or for nobody; the unspecified address is a hold.
bool is_taken(const base::IpAddress& ip) {
    if (ip.is_unspecified()) return true;
    return ip.family == base::Family::ipv6 ? ip.octets[0] != 0xff : ip.octets[0] > 0 && ip.octets[0] < 224;
}

base::SocketAddress rtcp_of(const MediaLine& line, const base::SocketAddress& remote) {
    if (!line.rtcp_port) return {};
    const base::SocketAddress out{line.rtcp_address.value_or(remote.ip), *line.rtcp_port};
    return out.ip.family == remote.ip.family && !out.ip.is_unspecified() && is_taken(out.ip) ? out : base::SocketAddress{};
}

struct Common {
    const Codec* theirs = nullptr;
    const Capability* ours = nullptr;
};

bool same_codec(const Codec& theirs, const Capability& ours) {
    return base::iequals(ours.name, theirs.name) && ours.clock_rate == theirs.clock_rate && ours.channels == theirs.channels;
}

Common first_common(const MediaLine& line, const LocalMedia& local) {
    if (local.own_order) {
        for (const auto& ours : local.codecs)
            for (const auto& theirs : line.codecs)
                if (same_codec(theirs, ours)) return {&theirs, &ours};
        return {};
    }
    for (const auto& theirs : line.codecs)
        for (const auto& ours : local.codecs)
            if (same_codec(theirs, ours)) return {&theirs, &ours};
    return {};
}

// The longest packet that is no longer than the peer's wish and anybody's bound.
std::uint16_t agreed_ptime(const MediaLine& line, const Capability& codec, const LocalMedia& local) {
    const auto wish = std::min({line.ptime.value_or(local.ptime), line.max_ptime.value_or(kPtimes[0]), codec.longest_ptime});
    const auto fits = std::ranges::find_if(kPtimes, [&](std::uint16_t ptime) { return ptime <= wish && (ptime != 30 || codec.has_30_ms); });
    return fits == std::end(kPtimes) ? kPtimes[std::size(kPtimes) - 1] : *fits;
}

// Those on the audio's clock (RFC 4733 §2.1), or else the ones that a peer with no others sends beside any codec.
const Codec* events_of(const MediaLine& line, const Codec& audio) {
    for (const auto clock_rate : {audio.clock_rate, kCommonEventClock}) {
        const auto found = std::ranges::find_if(
            line.codecs, [=](const Codec& codec) { return base::iequals(codec.name, kEventName) && codec.clock_rate == clock_rate; });
        if (found != line.codecs.end()) return &*found;
    }
    return nullptr;
}

// The peer's first crypto for which we have material, and ours for it. Keys of one suite are of one length; any other is the peer's
// mistake.
std::optional<std::pair<Crypto, Crypto>> choose_crypto(const MediaLine& line, const std::vector<Crypto>& ours) {
    for (const auto& theirs : line.cryptos) {
        const auto own = std::ranges::find_if(
            ours, [&theirs](const Crypto& crypto) { return crypto.suite == theirs.suite && crypto.key.size() == theirs.key.size(); });
        if (own == ours.end()) continue;
        Crypto local = *own;
        local.tag = theirs.tag;
        return std::pair{theirs, std::move(local)};
    }
    return std::nullopt;
}

Agreed agreed_on(const Session& session, std::size_t index, const base::SocketAddress& remote, const Common& common, const LocalMedia& local) {
    const MediaLine& line = session.media[index];
    const Direction theirs = wanted(line, remote);
    Agreed agreed;
    agreed.line = index;
    agreed.remote = remote;
    agreed.remote_rtcp = rtcp_of(line, remote);
    agreed.codec = *common.theirs;
    if (const Codec* events = local.telephone_event ? events_of(line, *common.theirs) : nullptr) {
        agreed.telephone_event = events->payload_type;
        agreed.event_clock_rate = events->clock_rate;
    }
    if (local.level_extension) agreed.level_extension = LevelExtension::find(session, line);
    agreed.ptime = agreed_ptime(line, *common.ours, local);
    agreed.direction = both(reversed(theirs), local.direction);
    agreed.held = !may_receive(theirs);
    return agreed;
}

std::expected<Agreed, Refusal> try_line(const Session& offer, std::size_t index, const LocalMedia& local, bool require_srtp) {
    const MediaLine& line = offer.media[index];
    const auto remote = offer.address_of(line);
    if (!base::iequals(line.kind, "audio") || line.port == 0 || !line.is_rtp() || !remote || !is_taken(remote->ip)) return std::unexpected(Refusal::no_audio);
    if (require_srtp && !line.is_secure()) return std::unexpected(Refusal::not_secure);
    const Common common = first_common(line, local);
    if (!common.ours) return std::unexpected(Refusal::no_codec);
    Agreed agreed = agreed_on(offer, index, *remote, common, local);
    if (line.is_secure()) {
        auto pair = choose_crypto(line, local.cryptos);
        if (!pair) return std::unexpected(Refusal::no_suite);
        agreed.remote_crypto = std::move(pair->first);
        agreed.local_crypto = std::move(pair->second);
    }
    return agreed;
}

void add_codec(MediaLine& line, Codec codec) {
    line.formats.push_back(std::to_string(codec.payload_type));
    line.codecs.push_back(std::move(codec));
}

void add_events(MediaLine& line, std::uint8_t payload_type, std::uint32_t clock_rate) {
    add_codec(line, {payload_type, std::string(kEventName), clock_rate, 1, std::string(kEvents)});
}

// One payload type for each clock that our codecs run on.
void offer_events(MediaLine& line, const LocalMedia& local) {
    const auto is_free = [&line](std::uint8_t type) { return std::ranges::find(line.codecs, type, &Codec::payload_type) == line.codecs.end(); };
    std::vector<std::uint32_t> clocks;
    for (const auto& codec : local.codecs)
        if (std::ranges::find(clocks, codec.clock_rate) == clocks.end()) clocks.push_back(codec.clock_rate);
    std::ranges::sort(clocks);  // 8 kHz, which everybody has, gets the number that everybody knows
    std::uint8_t type = *local.telephone_event;
    for (const auto clock : clocks) {
        while (type < kLastPayloadType && !is_free(type)) ++type;
        if (is_free(type)) add_events(line, type, clock);
    }
}

void add_ptime(MediaLine& line, std::uint16_t ptime, const LocalMedia& local) {
    line.ptime = ptime;
    if (local.max_ptime != 0) line.max_ptime = local.max_ptime;
}

MediaLine refused(const MediaLine& line) {
    MediaLine out;
    out.kind = line.kind;
    out.protocol = line.protocol;
    out.formats.push_back(line.formats.empty() ? "0" : line.formats.front());
    return out;
}

MediaLine accepted(const MediaLine& offered, const Agreed& agreed, const LocalMedia& local) {
    MediaLine out;
    out.kind = offered.kind;
    out.port = local.rtp.port;
    out.protocol = offered.protocol;
    Codec codec = agreed.codec;
    const auto ours = std::ranges::find_if(local.codecs, [&codec](const Capability& own) { return same_codec(codec, own); });
    codec.format_parameters = ours->format_parameters;
    add_codec(out, std::move(codec));
    if (agreed.telephone_event) add_events(out, *agreed.telephone_event, agreed.event_clock_rate);
    if (agreed.level_extension) out.attributes.push_back(agreed.level_extension->text());
    if (agreed.local_crypto) out.cryptos.push_back(*agreed.local_crypto);
    add_ptime(out, agreed.ptime, local);
    if (out.max_ptime) out.max_ptime = std::min(*out.max_ptime, ours->longest_ptime);
    out.direction = agreed.direction;
    out.direction_given = true;
    return out;
}

Session own_session(const LocalMedia& local) {
    Session session;
    session.id = local.session_id;
    session.version = local.session_version;
    session.origin_address = (local.rtp.ip.family == base::Family::ipv6 ? "IN IP6 " : "IN IP4 ") + local.rtp.ip.text();
    session.connection = local.rtp.ip;
    return session;
}

MediaLine offered_audio(const LocalMedia& local) {
    MediaLine line;
    line.kind = "audio";
    line.port = local.rtp.port;
    line.protocol = local.cryptos.empty() ? "RTP/AVP" : "RTP/SAVP";
    for (const auto& codec : local.codecs)
        add_codec(line, {codec.payload_type, codec.name, codec.clock_rate, codec.channels, codec.format_parameters});
    if (local.telephone_event) offer_events(line, local);
    if (local.level_extension) line.attributes.push_back(LevelExtension{*local.level_extension, {}}.text());
    line.cryptos = local.cryptos;
    add_ptime(line, local.ptime, local);
    line.direction = local.direction;
    line.direction_given = true;
    return line;
}

bool is_audio(const MediaLine& line) { return base::iequals(line.kind, "audio"); }
bool in_use(const MediaLine& line) { return is_audio(line) && line.port != 0; }

std::optional<std::uint8_t> number_of(const MediaLine& line, const Codec& wanted) {
    const auto found = std::ranges::find_if(line.codecs, [&wanted](const Codec& codec) {
        return base::iequals(codec.name, wanted.name) && codec.clock_rate == wanted.clock_rate && codec.channels == wanted.channels;
    });
    return found == line.codecs.end() ? std::nullopt : std::optional(found->payload_type);
}

void add_our_numbers(Agreed& agreed, const MediaLine& ours, const MediaLine& theirs) {
    for (auto codec : theirs.codecs) {
        const auto number = number_of(ours, codec);
        if (!number) continue;
        if (codec.payload_type == agreed.codec.payload_type) {
            if (number != codec.payload_type) agreed.offered_type = number;
        } else if (codec.payload_type == agreed.telephone_event) {
            if (number != codec.payload_type) agreed.offered_event = number;
        } else if (!base::iequals(codec.name, kEventName)) {
            codec.payload_type = *number;
            agreed.others.push_back(std::move(codec));
        }
    }
}

}  // namespace

std::expected<Answered, Refusal> answer(const Session& offer, const LocalMedia& local, bool require_srtp) {
    std::optional<Agreed> chosen;
    Refusal why = Refusal::no_audio;
    for (std::size_t i = 0; i < offer.media.size() && !chosen; ++i) {
        auto tried = try_line(offer, i, local, require_srtp);
        if (tried)
            chosen = std::move(*tried);
        else if (why == Refusal::no_audio)  // the first telling reason stands
            why = tried.error();
    }
    if (!chosen) return std::unexpected(why);

    Answered out{own_session(local), std::move(*chosen)};
    out.answer.times = offer.times;  // RFC 3264 §6
    for (std::size_t i = 0; i < offer.media.size(); ++i)
        out.answer.media.push_back(i == out.agreed.line ? accepted(offer.media[i], out.agreed, local) : refused(offer.media[i]));
    return out;
}

Session offer(const LocalMedia& local, const Session* earlier) {
    Session session = own_session(local);
    if (earlier)
        for (const auto& line : earlier->media) session.media.push_back(refused(line));
    auto seat = session.media.end();
    if (earlier) {
        auto kept = std::ranges::find_if(earlier->media, in_use);
        if (kept == earlier->media.end()) kept = std::ranges::find_if(earlier->media, is_audio);
        seat = session.media.begin() + (kept - earlier->media.begin());
    }
    if (seat == session.media.end())
        session.media.push_back(offered_audio(local));
    else
        *seat = offered_audio(local);
    return session;
}

std::expected<Agreed, Refusal> read_answer(const Session& offered, const LocalMedia& local, const Session& answer) {
    if (answer.media.size() != offered.media.size()) return std::unexpected(Refusal::malformed);
    const auto ours = std::ranges::find_if(offered.media, in_use);
    if (ours == offered.media.end()) return std::unexpected(Refusal::no_audio);
    const auto index = static_cast<std::size_t>(ours - offered.media.begin());
    const MediaLine& theirs = answer.media[index];
    if (!is_audio(theirs) || !base::iequals(theirs.protocol, ours->protocol)) return std::unexpected(Refusal::malformed);

    LocalMedia asked = local;  // what this offer said counts, not what we would say now
    asked.cryptos = ours->cryptos;
    asked.direction = ours->direction;
    auto agreed = try_line(answer, index, asked, ours->is_secure());
    if (!agreed) return agreed;
    add_our_numbers(*agreed, *ours, theirs);
    if (!agreed->remote_crypto) return agreed;
    // The answer names the chosen offer by its tag (RFC 4568 §5.1.2).
    const auto same = [&](const Crypto& own) { return own.tag == agreed->remote_crypto->tag && own.suite == agreed->remote_crypto->suite; };
    const auto own = std::ranges::find_if(ours->cryptos, same);
    if (theirs.cryptos.size() != 1 || own == ours->cryptos.end()) return std::unexpected(Refusal::no_suite);
    agreed->local_crypto = *own;
    return agreed;
}

}  // namespace confab::sdp
