// The offer/answer model for one audio line (RFC 3264): what we take from an offer, what we offer, what an answer left us. Pure.
//
// Every m-line of an offer is answered in its place; kinds that we do not have (video, slides, fax), second audio lines and lines without a
// common codec get port 0. The offer's order of codecs decides (RFC 3264 §6.1), or ours where the caller of `answer` wants that, and one is
// answered, so that the peer sends just that. Packets are as long as the peer asks (ptime), within its maxptime and our bounds: 10, 20, 30,
// 40 or 60 ms. Telephone events are agreed for the chosen codec's clock (RFC 4733 §2.1), else for 8 kHz, which is all that many peers have.
// The peer may tell the level of its packets (RFC 6464) where we read that. Held is a peer that offers sendonly or inactive, or the old way,
// c=0.0.0.0; a line towards a group or to everybody is none that we take. What belongs to ICE, DTLS, bundling or feedback is never echoed.
#pragma once

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sdp/level_extension.hpp"
#include "sdp/session.hpp"

namespace confab::sdp {

struct Capability {
    std::string name;  // "PCMU"
    std::uint8_t payload_type = 0;
    std::uint32_t clock_rate = 8000;
    std::uint8_t channels = 1;
    std::string format_parameters{};    // fmtp: what we want to be sent
    std::uint16_t longest_ptime = 60;   // ms that one packet of ours can hold
    bool has_30_ms = true;              // packets of that length
};

struct LocalMedia {
    base::SocketAddress rtp;                      // our address: c= and port
    std::vector<Capability> codecs;               // in order of preference
    bool own_order = false;                       // answers: our order of codecs decides
    std::optional<std::uint8_t> telephone_event;  // our payload type for RFC 4733 in offers at 8 kHz; other clock rates take the next free ones
    std::optional<std::uint8_t> level_extension;  // RFC 6464: its number in our offers. Empty: we do not read it
    std::vector<Crypto> cryptos;                  // for RTP/SAVP: ours. Empty: plain RTP/AVP only
    Direction direction = Direction::sendrecv;
    std::uint16_t ptime = 20;      // ms of a packet, where the peer has no wish
    std::uint16_t max_ptime = 0;   // a=maxptime; 0: not said
    std::uint64_t session_id = 0, session_version = 0;
};

// What both sides agreed on for the audio line.
struct Agreed {
    std::size_t line = 0;  // index of the audio m-line
    base::SocketAddress remote;
    base::SocketAddress remote_rtcp;              // port 0: beside `remote`
    Codec codec;                                  // payload type and fmtp as the *peer* wants to receive it
    std::optional<std::uint8_t> telephone_event;  // likewise
    std::uint32_t event_clock_rate = 8000;        // of telephone_event
    // What our offer calls them, where its answer has other numbers: the peer sends with ours (RFC 3264 §5.1).
    std::optional<std::uint8_t> offered_type, offered_event;
    std::vector<Codec> others;                    // that an answer to our offer also has, by our numbers: the peer may send them too (§6.1)
    std::optional<LevelExtension> level_extension;  // that the peer may send
    std::uint16_t ptime = 20;                     // ms of a packet, ours and what we ask for
    Direction direction = Direction::sendrecv;    // ours
    bool held = false;                            // the peer does not want to be in the mix
    std::optional<Crypto> remote_crypto, local_crypto;
};

enum class Refusal : std::uint8_t {
    malformed,   // 400
    no_audio,    // 488: no audio line that we can take
    no_codec,    // 488
    not_secure,  // 488: SRTP was required
    no_suite,    // 488
};

struct Answered {
    Session answer;
    Agreed agreed;
};

// `require_srtp`: refuse RTP/AVP; otherwise the offer's profile decides, and RTP/SAVP needs `local.cryptos` material of the chosen suite.
std::expected<Answered, Refusal> answer(const Session& offer, const LocalMedia& local, bool require_srtp);
// A first offer, or one within a dialog: the lines of `earlier` (our last description in it) stay in their places (RFC 3264 §8), refused
// but for the first audio line that was in use, or else the first audio line.
Session offer(const LocalMedia& local, const Session* earlier = nullptr);
// What the answer to our offer means.
std::expected<Agreed, Refusal> read_answer(const Session& offered, const LocalMedia& local, const Session& answer);

}  // namespace confab::sdp
