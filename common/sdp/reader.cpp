// Text to Session: lines are split, bounded and put in order here; the structured ones go through the osip door, attributes are read here.
#include <algorithm>

#include "base/text.hpp"
#include "sdp/osip_sdp.hpp"
#include "sdp/session.hpp"

namespace confab::sdp {
namespace {

constexpr std::size_t kMaxText = 64 * 1024;
constexpr std::size_t kMaxLines = 2048;
constexpr std::size_t kMaxLine = 4096;
constexpr std::size_t kMaxStructuredLine = 512;
constexpr std::size_t kMaxMedia = 64;
constexpr std::size_t kMaxFormats = 64;
constexpr std::size_t kMaxTimes = 16;

struct Section {
    std::string_view origin, name, connection, media;
    std::vector<std::string_view> times, bandwidths, attributes;
};

bool keep(Section& section, char type, std::string_view value) {
    const auto once = [value](std::string_view& slot) {
        if (value.empty() || !slot.empty()) return false;
        slot = value;
        return true;
    };
    switch (type) {
        case 'o':
            return once(section.origin);
        case 's':
            return section.name = value, true;
        case 'c':  // several are for multicast layers; the first is the one that counts
            if (section.connection.empty()) section.connection = value;
            return true;
        case 't':
            return section.times.push_back(value), section.times.size() <= kMaxTimes;
        case 'b':
            return section.bandwidths.push_back(value), true;
        case 'a':
            return section.attributes.push_back(value), true;
        default:
            return true;
    }
}

bool structured(char type) { return type == 'o' || type == 's' || type == 'c' || type == 't' || type == 'm'; }

// The first section is the session's own; each m= line begins another.
std::optional<std::vector<Section>> sections_of(std::string_view text) {
    std::vector<Section> sections(1);
    std::size_t lines = 0;
    while (!text.empty()) {
        const auto end = text.find('\n');
        auto line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty()) continue;
        if (++lines > kMaxLines || line.size() > kMaxLine || line.size() < 2 || line[1] != '=') return std::nullopt;
        if (line.find('\r') != std::string_view::npos) return std::nullopt;
        if (lines == 1 && line != "v=0") return std::nullopt;
        const char type = line[0];
        const auto value = structured(type) ? base::trim(line.substr(2)) : line.substr(2);
        if (structured(type) && value.size() > kMaxStructuredLine) return std::nullopt;
        if (type == 'm') {
            if (sections.size() > kMaxMedia) return std::nullopt;
            sections.emplace_back().media = value;
        } else if (!keep(sections.back(), type, value)) {
            return std::nullopt;
        }
    }
    return sections;
}

void append_line(std::string& out, char type, std::string_view value) {
    out += type;
    out += '=';
    out += value;
    out += "\r\n";
}

// The structured lines in the order that osip insists on; absent ones that nothing turns on are filled in.
std::string canonical(const std::vector<Section>& sections) {
    std::string out = "v=0\r\n";
    const Section& session = sections.front();
    append_line(out, 'o', session.origin);
    append_line(out, 's', session.name.empty() ? "-" : session.name);
    if (!session.connection.empty()) append_line(out, 'c', session.connection);
    if (session.times.empty()) append_line(out, 't', "0 0");
    for (auto time : session.times) append_line(out, 't', time);
    for (auto section = sections.begin() + 1; section != sections.end(); ++section) {
        append_line(out, 'm', section->media);
        if (!section->connection.empty()) append_line(out, 'c', section->connection);
    }
    return out;
}

std::optional<Direction> direction_of(std::string_view attribute) {
    for (auto direction : {Direction::sendrecv, Direction::sendonly, Direction::recvonly, Direction::inactive})
        if (attribute == direction_name(direction)) return direction;
    return std::nullopt;
}

struct StaticPayload {
    std::uint8_t type;
    std::string_view name;
    std::uint32_t clock_rate;
    std::uint8_t channels = 1;
};
// RFC 3551 §6, tables 4 and 5.
constexpr StaticPayload kStaticPayloads[] = {
    {0, "PCMU", 8000},   {3, "GSM", 8000},   {4, "G723", 8000},     {5, "DVI4", 8000},   {6, "DVI4", 16000},  {7, "LPC", 8000},
    {8, "PCMA", 8000},   {9, "G722", 8000},  {10, "L16", 44100, 2}, {11, "L16", 44100},  {12, "QCELP", 8000}, {13, "CN", 8000},
    {14, "MPA", 90000},  {15, "G728", 8000}, {16, "DVI4", 11025},   {17, "DVI4", 22050}, {18, "G729", 8000},  {25, "CelB", 90000},
    {26, "JPEG", 90000}, {28, "nv", 90000},  {31, "H261", 90000},   {32, "MPV", 90000},  {33, "MP2T", 90000}, {34, "H263", 90000},
};

std::vector<Codec> codecs_of(const std::vector<std::string>& formats) {
    std::vector<Codec> codecs;
    for (const auto& format : formats) {
        const auto type = base::parse_number<std::uint8_t>(format);
        if (!type || *type > 127 || std::ranges::find(codecs, *type, &Codec::payload_type) != codecs.end()) continue;
        Codec codec;
        codec.payload_type = *type;
        const auto known = std::ranges::find(kStaticPayloads, *type, &StaticPayload::type);
        if (known != std::end(kStaticPayloads)) {
            codec.name = known->name;
            codec.clock_rate = known->clock_rate;
            codec.channels = known->channels;
        }
        codecs.push_back(std::move(codec));
    }
    return codecs;
}

// "TYPE REST": the codec that TYPE names, and the rest.
std::pair<Codec*, std::string_view> codec_named(MediaLine& line, std::string_view value) {
    const auto space = value.find(' ');
    const auto type = base::parse_number<std::uint8_t>(value.substr(0, space));
    if (!type || space == std::string_view::npos) return {nullptr, {}};
    const auto found = std::ranges::find(line.codecs, *type, &Codec::payload_type);
    return {found == line.codecs.end() ? nullptr : &*found, base::trim(value.substr(space + 1))};
}

void read_rtpmap(MediaLine& line, std::string_view value) {
    const auto [codec, encoding] = codec_named(line, value);
    const auto parts = base::split(encoding, '/');
    if (!codec || parts.size() < 2 || parts.size() > 3 || parts[0].empty()) return;
    const auto rate = base::parse_number<std::uint32_t>(parts[1]);
    const auto channels = parts.size() == 3 ? base::parse_number<std::uint8_t>(parts[2]) : std::uint8_t{1};
    if (!rate || *rate == 0 || !channels || *channels == 0) return;
    codec->name = parts[0];
    codec->clock_rate = *rate;
    codec->channels = *channels;
}

// "PORT" or "PORT IN IP4 ADDRESS" (RFC 3605 §2.1).
void read_rtcp(MediaLine& line, std::string_view value) {
    const auto words = base::split(base::trim(value), ' ');
    const auto port = base::parse_number<std::uint16_t>(words.front());
    if (!port || *port == 0) return;
    line.rtcp_port = port;
    if (words.size() == 4) line.rtcp_address = base::IpAddress::parse(words.back()).value_or(base::IpAddress{});
}

// True: broken out (or not worth keeping).
bool read_rtp_attribute(MediaLine& line, std::string_view name, std::string_view value) {
    if (name == "rtpmap") {
        read_rtpmap(line, value);
    } else if (name == "fmtp") {
        if (const auto [codec, parameters] = codec_named(line, value); codec && codec->format_parameters.empty())
            codec->format_parameters = parameters;
    } else if (name == "crypto") {
        if (auto crypto = Crypto::parse(value)) line.cryptos.push_back(std::move(*crypto));
    } else if (name == "ptime") {
        if (const auto ptime = base::parse_number<std::uint16_t>(base::trim(value)); ptime && *ptime > 0) line.ptime = ptime;
    } else if (name == "maxptime") {
        if (const auto longest = base::parse_number<std::uint16_t>(base::trim(value)); longest && *longest > 0) line.max_ptime = longest;
    } else if (name == "rtcp") {
        read_rtcp(line, value);
    } else {
        return false;
    }
    return true;
}

void read_attributes(MediaLine& line, const std::vector<std::string_view>& attributes) {
    for (const auto attribute : attributes) {
        if (attribute.empty()) continue;
        const auto colon = attribute.find(':');
        const auto name = attribute.substr(0, colon);
        const auto value = colon == std::string_view::npos ? std::string_view{} : attribute.substr(colon + 1);
        if (const auto direction = direction_of(attribute)) {
            line.direction = *direction;
            line.direction_given = true;
        } else if (!line.is_rtp() || !read_rtp_attribute(line, name, value)) {
            line.attributes.emplace_back(attribute);
        }
    }
}

std::optional<base::IpAddress> address_in(const std::optional<std::string>& text) {
    if (!text) return std::nullopt;
    return base::IpAddress::parse(*text).value_or(base::IpAddress{});
}

std::optional<MediaLine> media_of(const GrammarMedia& grammar, const Section& section, Direction inherited) {
    const auto port = base::parse_number<std::uint16_t>(grammar.port);
    if (!port || grammar.kind.empty() || grammar.protocol.empty() || grammar.formats.empty() || grammar.formats.size() > kMaxFormats)
        return std::nullopt;
    MediaLine line;
    line.kind = grammar.kind;
    line.port = *port;
    line.protocol = grammar.protocol;
    line.formats = grammar.formats;
    line.connection = address_in(grammar.connection);
    line.direction = inherited;
    line.bandwidths.assign(section.bandwidths.begin(), section.bandwidths.end());
    if (line.is_rtp()) line.codecs = codecs_of(line.formats);
    read_attributes(line, section.attributes);
    return line;
}

}  // namespace

std::optional<Session> Session::parse(std::string_view text) {
    if (text.size() > kMaxText || text.find('\0') != std::string_view::npos) return std::nullopt;
    const auto sections = sections_of(text);
    if (!sections || sections->front().origin.empty()) return std::nullopt;
    const auto grammar = read_grammar(canonical(*sections));
    if (!grammar || grammar->media.size() + 1 != sections->size()) return std::nullopt;

    Session session;
    session.origin_user = grammar->origin_user;
    session.id = base::parse_number<std::uint64_t>(grammar->origin_id).value_or(0);
    session.version = base::parse_number<std::uint64_t>(grammar->origin_version).value_or(0);
    session.origin_address = grammar->origin_address;
    session.name = grammar->name;
    session.connection = address_in(grammar->connection);
    session.times = grammar->times;
    const Section& own = sections->front();
    session.bandwidths.assign(own.bandwidths.begin(), own.bandwidths.end());
    for (const auto attribute : own.attributes)
        if (!attribute.empty()) session.attributes.emplace_back(attribute);
    const Direction inherited = session.direction();
    for (std::size_t i = 0; i < grammar->media.size(); ++i) {
        auto line = media_of(grammar->media[i], (*sections)[i + 1], inherited);
        if (!line) return std::nullopt;
        session.media.push_back(std::move(*line));
    }
    return session;
}

Direction Session::direction() const {
    for (const auto& attribute : attributes)
        if (const auto found = direction_of(attribute)) return *found;
    return Direction::sendrecv;
}

}  // namespace confab::sdp
