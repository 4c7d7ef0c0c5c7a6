// A session description (RFC 8866) as a value, read through osip's parser (osip_sdp.cpp) and written by us.
//
// Only what offers and answers turn on is broken out; every other attribute is kept as text in its order, so that an intermediary can pass
// on what it does not know. A c= line with a name instead of an address is kept as an address of no family: nothing can be sent there.
// Lines of the obsolete or descriptive kinds (i=, u=, e=, p=, k=, z=, r=) are not kept, and a crypto attribute that we cannot honour is
// dropped rather than passed on. Bounds: 64 m-lines, 64 formats a line, 2048 lines, 64 KiB.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/socket_address.hpp"

namespace confab::sdp {

enum class Direction : std::uint8_t { sendrecv, sendonly, recvonly, inactive };
std::string_view direction_name(Direction direction);
Direction reversed(Direction direction);  // what an answerer may at most say (RFC 3264 §6.1)

struct Codec {
    std::uint8_t payload_type = 0;
    std::string name;  // "PCMU", "telephone-event"; from rtpmap, or the static assignment of RFC 3551
    std::uint32_t clock_rate = 8000;
    std::uint8_t channels = 1;
    std::string format_parameters;  // fmtp, or ""
};

// a=crypto (RFC 4568). `key` is the master key with its salt, raw octets: a secret.
struct Crypto {
    std::uint32_t tag = 1;
    std::string suite;  // "AES_CM_128_HMAC_SHA1_80"
    std::string key;
    static std::optional<Crypto> parse(
        std::string_view value);  // the attribute's value; empty for MKI, several keys, or session parameters that we do not have
    std::string text() const;
};

struct MediaLine {
    std::string kind;  // "audio"
    std::uint16_t port = 0;
    std::string protocol;                       // "RTP/AVP", "RTP/SAVP"
    std::vector<std::string> formats;           // as written on the m= line
    std::vector<Codec> codecs;                  // for RTP profiles, in order of `formats`
    std::optional<base::IpAddress> connection;  // c= of this line
    Direction direction = Direction::sendrecv;
    bool direction_given = false;
    std::vector<Crypto> cryptos;
    std::optional<std::uint16_t> ptime, max_ptime;  // ms
    std::optional<std::uint16_t> rtcp_port;         // a=rtcp (RFC 3605)
    std::optional<base::IpAddress> rtcp_address;    // of it; as `connection`
    std::vector<std::string> bandwidths;            // b=, as text
    std::vector<std::string> attributes;            // the rest, "name" or "name:value"

    bool is_rtp() const;     // RTP/AVP, RTP/SAVP and their feedback forms
    bool is_secure() const;  // RTP/SAVP(F)
    bool has(std::string_view attribute) const;
};

struct Session {
    std::string origin_user = "-";
    std::uint64_t id = 0, version = 0;
    std::string origin_address;  // "IN IP4 192.0.2.1"
    std::string name = "-";
    std::optional<base::IpAddress> connection;
    std::vector<std::string> times = {"0 0"};
    std::vector<std::string> bandwidths;
    std::vector<std::string> attributes;
    std::vector<MediaLine> media;

    static std::optional<Session> parse(std::string_view text);
    std::string text() const;
    Direction direction() const;  // what lines that say nothing inherit
    // Where RTP for this line goes: its own c= or the session's. Empty where there is none, or a name instead of an address.
    std::optional<base::SocketAddress> address_of(const MediaLine& line) const;
};

}  // namespace confab::sdp
