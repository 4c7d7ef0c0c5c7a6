// The Via work that composing and forwarding share: the marks that a receiver puts into the top Via (RFC 3261 §18.2.1, RFC 3581 §4), and
// which addresses a response may go to. Internal to this layer.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "base/socket_address.hpp"
#include "sip/message.hpp"

namespace confab::sip {

// Not unspecified, multicast or the limited broadcast: a forged Via must not make us shout (RFC 4475 §3.3.10).
bool is_unicast(const base::IpAddress& ip);

// The edits that fill received and rport into a received Via, in the order of their places. A `received` that the peer wrote is
// overwritten, for it is ours to write. Neither is added where the sent-by is the source and rport was not asked for.
class ViaStamp {
public:
    struct Edit {
        std::string_view place;  // slice of the Via
        std::string_view text;   // slice of this object
    };

    ViaStamp(const TopVia& via, const base::SocketAddress& source);
    ViaStamp(const ViaStamp&) = delete;
    ViaStamp& operator=(const ViaStamp&) = delete;

    std::span<const Edit> edits() const { return {edits_.data(), count_}; }

private:
    void add(std::string_view place, std::string_view text) { edits_[count_++] = {place, text}; }

    std::array<char, 16> rport_;
    std::array<char, 64> received_;
    std::array<Edit, 3> edits_{};
    std::size_t count_ = 0;
};

}  // namespace confab::sip
