#include "sip/via.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace confab::sip {
namespace {

constexpr std::string_view kRport = "rport=", kReceived = ";received=";

}  // namespace

bool is_unicast(const base::IpAddress& ip) {
    if (ip.family == base::Family::none || ip.is_unspecified()) return false;
    if (ip.family == base::Family::ipv6) return ip.octets[0] != 0xff;
    return ip.octets[0] < 224;
}

ViaStamp::ViaStamp(const TopVia& via, const base::SocketAddress& source) {
    if (via.rport_requested) {
        char* end = std::ranges::copy(kRport, rport_.data()).out;
        end = std::to_chars(end, rport_.data() + rport_.size(), source.port).ptr;
        add(via.rport_text, {rport_.data(), end});
    }
    const bool named = !via.received.empty();
    if (!named && !via.rport_requested && base::IpAddress::parse(via.host) == source.ip) return;
    char* text = std::ranges::copy(kReceived, received_.data()).out;
    char* end = source.ip.write(text);
    if (named)
        add(via.received, {text, end});
    else
        add(via.value.substr(via.value.size()), {received_.data(), end});
    if (count_ == 2 && edits_[1].place.data() < edits_[0].place.data()) std::swap(edits_[0], edits_[1]);
}

}  // namespace confab::sip
