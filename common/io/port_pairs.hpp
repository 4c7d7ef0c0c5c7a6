// An even RTP port and the odd RTCP port above it (RFC 3550 §11), both bound on one address within a range. Each pair is tried at most once, from a random
// start. Owner: one thread.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "base/random.hpp"
#include "io/datagrams.hpp"
#include "io/descriptor.hpp"

namespace confab::io {

struct OpenPair {
    Descriptor rtp, rtcp;
    base::SocketAddress local;  // the even one
};
struct PortPair {
    Datagrams rtp, rtcp;
};

class PortPairs {
public:
    PortPairs(std::uint16_t low, std::uint16_t high, const base::Seed& seed);
    std::expected<OpenPair, std::string> open(const base::IpAddress& ip, int receive_buffer, int dscp);
    std::expected<PortPair, std::string> bind(Loop& loop, const base::IpAddress& ip, const Datagrams::Options& options, std::shared_ptr<Datagrams::Buffers> buffers,
                                              Datagrams::OnBatch on_rtp, Datagrams::OnBatch on_rtcp);
    // A pair that the owner names.
    static std::expected<OpenPair, std::string> open_at(const base::SocketAddress& even, int receive_buffer, int dscp);

private:
    std::uint16_t low_, high_;
    base::Random random_;
};

}  // namespace confab::io
