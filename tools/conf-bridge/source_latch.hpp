// Where a leg's RTP may come from and goes to: symmetric RTP (RFC 4961) that a stray stream cannot capture. Pure. Owner: a media thread.
//
// The address of the SDP is good at once. Another port of the same host is believed only after several packets in a row, because packets
// of an earlier call may still arrive at a port that is used again; once the signalled address speaks, it wins for good. Other hosts are
// never believed.
#pragma once

#include <optional>

#include "base/socket_address.hpp"

namespace confab::bridge {

class SourceLatch {
public:
    static constexpr unsigned kConfirmations = 5;

    // A changed address forgets what was learned.
    void expect(const base::SocketAddress& signalled);
    // Whether a packet from there belongs to the leg.
    bool admit(const base::SocketAddress& source);
    // The address that is believed, having spoken; port 0: none yet.
    base::SocketAddress source() const { return settled_ ? signalled_ : learned_.value_or(base::SocketAddress{}); }
    // Where packets for the leg go; port 0: nowhere.
    const base::SocketAddress& destination() const { return learned_ ? *learned_ : signalled_; }

private:
    base::SocketAddress signalled_;
    std::optional<base::SocketAddress> learned_;
    base::SocketAddress candidate_;
    unsigned confirmations_ = 0;
    bool settled_ = false;  // the signalled address has spoken
};

}  // namespace confab::bridge
