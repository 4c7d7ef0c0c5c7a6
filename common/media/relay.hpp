// The border's media path: one *relay* joins an outside (SRTP) and an inside (RTP) side; packets change clothes and go on. No mixing, no
// decoding.
//
// Owner: one media thread. Pure: a packet and its source address in, at most one packet for the other side out, in place.
// Symmetric RTP: each side sends to where its peer's media comes from. The outside locks on the first source whose packet authenticates,
// and moves only when a later authenticated packet comes from elsewhere; the inside locks on the address in its SDP or, failing that, the
// first source of that host or of the configured networks. An address of 0.0.0.0 (hold) is sent nothing. RTCP goes beside RTP (port + 1)
// until its own source is known. The outside takes nothing until its keys are set, so that a clear packet never slips in before the answer.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/socket_address.hpp"
#include "base/time.hpp"
#include "media/rtp.hpp"
#include "media/srtp.hpp"

namespace confab::media {

enum class Side : std::uint8_t { outside, inside };

struct RelayKeys {
    std::optional<Srtp> receive, send;  // empty: clear RTP on that side
};

struct RelayCounts {
    std::uint64_t packets_in[2]{};  // by side
    std::uint64_t rejected[2]{};    // authentication failed, wrong source, not RTP or not RTCP
};

class Relay {
public:
    struct Out {
        Side to;
        base::SocketAddress destination;
        std::size_t size;
    };

    Relay() { peers_[static_cast<int>(Side::inside)].ready = true; }
    void set_keys(Side side, RelayKeys keys);
    void set_remote(Side side, const base::SocketAddress& rtp);         // from the peer's SDP
    void set_networks(Side side, std::vector<base::Network> networks);  // for a clear side
    // `buffer` holds `size` octets and kSrtpOverhead more. Empty: nothing to send on.
    std::optional<Out> receive(base::Instant now, Side from, const base::SocketAddress& source, bool rtcp, std::span<std::uint8_t> buffer,
                               std::size_t size);
    base::Instant last_packet(Side side) const { return last_[static_cast<int>(side)]; }
    const RelayCounts& counts() const { return counts_; }

private:
    struct Peer {
        RelayKeys keys;
        bool secure = false;
        bool ready = false;
        base::SocketAddress signalled, rtp, rtcp;  // the last two learned; port 0: not yet
        std::vector<base::Network> networks;
        struct Newest {
            std::uint32_t ssrc;
            std::uint16_t sequence;
        };
        std::optional<Newest> newest;

        bool may_send_from(const base::SocketAddress& source, bool for_rtcp) const;
        bool newer(const RtpPacket& packet);
    };
    std::optional<std::size_t> admit(Peer& peer, const base::SocketAddress& source, bool rtcp, std::span<std::uint8_t> buffer,
                                     std::size_t size);
    static void learn(Peer& peer, const base::SocketAddress& source, bool rtcp, Bytes packet);
    static base::SocketAddress destination_of(const Peer& peer, bool rtcp);

    Peer peers_[2];
    base::Instant last_[2]{};
    RelayCounts counts_;
};

}  // namespace confab::media
