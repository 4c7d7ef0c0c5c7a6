// Where SIP bytes come from and go to, as values. Pure.
//
// A *flow* (RFC 5626) is a listener's datagram socket or one stream connection. `io::Signalling` owns flows and numbers them; a
// number is never used twice in a run. A core answers on the flow that a request came from, and names flow 0 when any will do:
// io then picks a datagram socket of the right family, or finds or opens a connection.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/socket_address.hpp"

namespace confab::sip {

enum class Transport : std::uint8_t { udp, tcp, tls };

constexpr bool is_stream(Transport transport) { return transport != Transport::udp; }
std::string_view via_name(Transport transport);    // "UDP", "TCP", "TLS"
std::string_view param_name(Transport transport);  // "udp", "tcp", "tls"
constexpr std::uint16_t default_port(Transport transport) { return transport == Transport::tls ? 5061 : 5060; }

struct FlowId {
    std::uint64_t value = 0;
    auto operator<=>(const FlowId&) const = default;
};

struct Hop {
    Transport transport = Transport::udp;
    base::SocketAddress peer;
    FlowId flow{};               // 0: any flow that reaches the peer
    std::uint16_t listener = 0;  // index of the configured listener that accepted the flow or must send; see kAnyListener
    auto operator<=>(const Hop&) const = default;
};

inline constexpr std::uint16_t kAnyListener = 0xffff;

// The bytes that a core wants sent, in order, in one buffer that keeps its capacity between calls.
class Outbox {
public:
    struct Entry {
        Hop to;
        std::uint32_t offset;
        std::uint32_t length;
    };

    // `write(std::string&)` appends one message to the buffer that it is given; nothing else may be removed from it.
    template <class Write>
    std::string_view compose(const Hop& to, Write&& write) {
        const auto offset = buffer_.size();
        write(buffer_);
        entries_.push_back({to, static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(buffer_.size() - offset)});
        return bytes(entries_.back());
    }
    void send(const Hop& to, std::string_view message) {
        compose(to, [&](std::string& out) { out.append(message); });
    }

    const std::vector<Entry>& entries() const { return entries_; }
    std::string_view bytes(const Entry& entry) const { return std::string_view(buffer_).substr(entry.offset, entry.length); }
    bool empty() const { return entries_.empty(); }
    void clear() {
        entries_.clear();
        buffer_.clear();
    }

private:
    std::vector<Entry> entries_;
    std::string buffer_;
};

}  // namespace confab::sip

template <>
struct std::hash<confab::sip::FlowId> {
    std::size_t operator()(confab::sip::FlowId id) const noexcept { return std::hash<std::uint64_t>{}(id.value); }
};
