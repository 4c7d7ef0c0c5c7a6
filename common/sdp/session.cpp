#include "sdp/session.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace confab::sdp {
namespace {

void line(std::string& out, char type, std::string_view value) {
    out += type;
    out += '=';
    out += value;
    out += "\r\n";
}

void attribute(std::string& out, std::string_view name, std::string_view value) {
    out += "a=";
    out += name;
    out += ':';
    out += value;
    out += "\r\n";
}

// An address of no family stands for a name that we could not use; the unspecified address tells the next reader the same: send nothing
// here.
std::string connection_text(const base::IpAddress& ip) {
    if (ip.family == base::Family::none) return "IN IP4 0.0.0.0";
    return (ip.family == base::Family::ipv6 ? "IN IP6 " : "IN IP4 ") + ip.text();
}

std::string rtcp_text(const MediaLine& media) {
    return std::to_string(*media.rtcp_port) + (media.rtcp_address ? " " + connection_text(*media.rtcp_address) : "");
}

void append_codec(std::string& out, const Codec& codec) {
    const std::string type = std::to_string(codec.payload_type) + " ";
    if (!codec.name.empty()) {
        std::string map = type + codec.name + "/" + std::to_string(codec.clock_rate);
        if (codec.channels != 1) map += "/" + std::to_string(codec.channels);
        attribute(out, "rtpmap", map);
    }
    if (!codec.format_parameters.empty()) attribute(out, "fmtp", type + codec.format_parameters);
}

void append_media(std::string& out, const MediaLine& media, Direction inherited) {
    std::string head = media.kind + " " + std::to_string(media.port) + " " + media.protocol;
    for (const auto& format : media.formats) head += " " + format;
    line(out, 'm', head);
    if (media.connection) line(out, 'c', connection_text(*media.connection));
    for (const auto& bandwidth : media.bandwidths) line(out, 'b', bandwidth);
    for (const auto& codec : media.codecs) append_codec(out, codec);
    for (const auto& crypto : media.cryptos) attribute(out, "crypto", crypto.text());
    if (media.ptime) attribute(out, "ptime", std::to_string(*media.ptime));
    if (media.max_ptime) attribute(out, "maxptime", std::to_string(*media.max_ptime));
    if (media.rtcp_port) attribute(out, "rtcp", rtcp_text(media));
    if (media.direction_given || media.direction != inherited) line(out, 'a', direction_name(media.direction));
    for (const auto& other : media.attributes) line(out, 'a', other);
}

}  // namespace

std::string_view direction_name(Direction direction) {
    switch (direction) {
        case Direction::sendrecv:
            return "sendrecv";
        case Direction::sendonly:
            return "sendonly";
        case Direction::recvonly:
            return "recvonly";
        case Direction::inactive:
            break;
    }
    return "inactive";
}

Direction reversed(Direction direction) {
    if (direction == Direction::sendonly) return Direction::recvonly;
    if (direction == Direction::recvonly) return Direction::sendonly;
    return direction;
}

bool MediaLine::is_rtp() const { return base::iequals(protocol, "RTP/AVP") || base::iequals(protocol, "RTP/AVPF") || is_secure(); }

bool MediaLine::is_secure() const { return base::iequals(protocol, "RTP/SAVP") || base::iequals(protocol, "RTP/SAVPF"); }

bool MediaLine::has(std::string_view name) const {
    return std::ranges::any_of(attributes, [name](std::string_view held) { return held.substr(0, held.find(':')) == name; });
}

std::string Session::text() const {
    std::string out = "v=0\r\n";
    line(out, 'o', origin_user + " " + std::to_string(id) + " " + std::to_string(version) + " " + origin_address);
    line(out, 's', name);
    if (connection) line(out, 'c', connection_text(*connection));
    for (const auto& bandwidth : bandwidths) line(out, 'b', bandwidth);
    for (const auto& time : times) line(out, 't', time);
    for (const auto& other : attributes) line(out, 'a', other);
    const Direction inherited = direction();
    for (const auto& one : media) append_media(out, one, inherited);
    return out;
}

std::optional<base::SocketAddress> Session::address_of(const MediaLine& media_line) const {
    const auto& ip = media_line.connection ? media_line.connection : connection;
    if (!ip || ip->family == base::Family::none) return std::nullopt;
    return base::SocketAddress{*ip, media_line.port};
}

}  // namespace confab::sdp
