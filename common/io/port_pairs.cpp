#include "io/port_pairs.hpp"

#include <utility>

#include "io/error.hpp"
#include "io/socket.hpp"

namespace confab::io {

PortPairs::PortPairs(std::uint16_t low, std::uint16_t high, const base::Seed& seed)
    : low_(static_cast<std::uint16_t>(low + low % 2)), high_(high), random_(seed) {}

std::expected<OpenPair, std::string> PortPairs::open_at(const base::SocketAddress& even, int receive_buffer, int dscp) {
    const base::SocketAddress odd{even.ip, static_cast<std::uint16_t>(even.port + 1)};
    const auto failed = [](const base::SocketAddress& at, int error) { return std::unexpected("udp " + at.text() + ": " + os_error_text(error)); };
    auto rtp = open_udp(even, receive_buffer, dscp);
    if (!rtp) return failed(even, rtp.error());
    auto rtcp = open_udp(odd, receive_buffer, dscp);
    if (!rtcp) return failed(odd, rtcp.error());
    return OpenPair{std::move(*rtp), std::move(*rtcp), even};
}

std::expected<OpenPair, std::string> PortPairs::open(const base::IpAddress& ip, int receive_buffer, int dscp) {
    const int pairs = high_ > low_ ? (high_ - low_ + 1) / 2 : 0;
    const int start = pairs > 0 ? static_cast<int>(random_.below(static_cast<std::uint64_t>(pairs))) : 0;
    std::string last = "the range is empty";
    for (int i = 0; i < pairs; ++i) {
        auto opened = open_at({ip, static_cast<std::uint16_t>(low_ + 2 * ((start + i) % pairs))}, receive_buffer, dscp);
        if (opened) return opened;
        last = std::move(opened.error());
    }
    return std::unexpected("no pair of ports free on " + ip.text() + " in " + std::to_string(low_) + "-" + std::to_string(high_) + " (" + last + ")");
}

std::expected<PortPair, std::string> PortPairs::bind(Loop& loop, const base::IpAddress& ip, const Datagrams::Options& options,
                                                     std::shared_ptr<Datagrams::Buffers> buffers, Datagrams::OnBatch on_rtp, Datagrams::OnBatch on_rtcp) {
    auto opened = open(ip, options.receive_buffer, options.dscp);
    if (!opened) return std::unexpected(std::move(opened.error()));
    if (!buffers) buffers = Datagrams::make_buffers(options);
    return PortPair{Datagrams::adopt(loop, std::move(opened->rtp), options, buffers, std::move(on_rtp)),
                    Datagrams::adopt(loop, std::move(opened->rtcp), options, buffers, std::move(on_rtcp))};
}

}  // namespace confab::io
