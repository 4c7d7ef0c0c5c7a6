#include "io/polled_sockets.hpp"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <vector>

#include "io/socket.hpp"

namespace confab::io {
namespace {

// libc's own calls are points of cancellation, which costs a thread two locked operations each. What ICMP told of an earlier datagram, true or forged, comes first
// and once; it is no reason to lose this one.
template <class... Arguments>
long call(long number, Arguments... arguments) {
    const long result = syscall(number, arguments...);
    return result < 0 && errno != EAGAIN ? syscall(number, arguments...) : result;
}

long receive_some(int socket, mmsghdr* headers, std::size_t most) {
    if (most > 1) return call(SYS_recvmmsg, socket, headers, most, MSG_DONTWAIT, nullptr);
    const long size = call(SYS_recvmsg, socket, &headers->msg_hdr, MSG_DONTWAIT);
    headers->msg_len = static_cast<unsigned>(std::max(0L, size));
    return size < 0 ? size : 1;
}

base::Duration between(const timespec& then, const timespec& now) {
    return std::max(base::Duration::zero(), base::Duration(base::seconds(now.tv_sec - then.tv_sec)) + base::Duration(now.tv_nsec - then.tv_nsec));
}

}  // namespace

struct PolledSockets::Impl {
    struct In {
        sockaddr_storage name;
        iovec piece;
        alignas(cmsghdr) std::uint8_t control[CMSG_SPACE(sizeof(timespec))];
    };

    explicit Impl(std::size_t largest) : octets(kBatch * largest) {
        for (std::size_t i = 0; i < kBatch; ++i) {
            in[i].piece = {octets.data() + i * largest, largest};
            auto& header = headers[i].msg_hdr;
            header.msg_name = &in[i].name;
            header.msg_iov = &in[i].piece;
            header.msg_iovlen = 1;
            header.msg_control = in[i].control;
        }
        arrivals.reserve(kBatch);
    }

    void take(std::size_t at) {
        auto& header = headers[at].msg_hdr;
        if ((header.msg_flags & MSG_TRUNC) != 0) {
            ++counts.oversized;
            return;
        }
        auto& arrival = arrivals.emplace_back();
        arrival.peer = from_kernel(in[at].name);
        arrival.bytes = {static_cast<std::uint8_t*>(in[at].piece.iov_base), headers[at].msg_len};
        const auto* control = CMSG_FIRSTHDR(&header);
        if (control == nullptr || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_TIMESTAMPNS) return;
        timespec stamp;
        std::memcpy(&stamp, CMSG_DATA(control), sizeof stamp);
        arrival.age = between(stamp, now);
    }

    std::vector<std::uint8_t> octets;
    std::array<In, kBatch> in;
    std::array<mmsghdr, kBatch> headers{};
    std::size_t used = kBatch;  // of the headers, since they were filled
    std::vector<Arrival> arrivals;
    timespec now{};
    Counts counts;
};

PolledSockets::PolledSockets(std::size_t largest) : impl_(std::make_unique<Impl>(largest)) {}
PolledSockets::~PolledSockets() = default;

Descriptor PolledSockets::open_beside(int bound, const base::SocketAddress& peer, int receive_buffer, int dscp) {
    auto opened = open_udp_beside(bound, receive_buffer, dscp);
    return opened ? connect(std::move(*opened), peer) : Descriptor();
}

Descriptor PolledSockets::connect(Descriptor socket, const base::SocketAddress& peer) {
    if (!connect_udp(socket.get(), peer)) return {};
    stamp_arrivals(socket.get());
    return socket;
}

void PolledSockets::begin() { clock_gettime(CLOCK_REALTIME, &impl_->now); }

std::span<PolledSockets::Arrival> PolledSockets::receive(const Descriptor& socket, std::size_t most) {
    auto& all = *impl_;
    for (std::size_t i = 0; i < all.used; ++i) {
        all.headers[i].msg_hdr.msg_namelen = sizeof(sockaddr_storage);
        all.headers[i].msg_hdr.msg_controllen = sizeof all.in[i].control;
    }
    const auto got = static_cast<std::size_t>(std::max(0L, receive_some(socket.get(), all.headers.data(), std::min(most, kBatch))));
    all.used = std::max<std::size_t>(got, 1);
    all.arrivals.clear();
    for (std::size_t i = 0; i < got; ++i) all.take(i);
    return all.arrivals;
}

bool PolledSockets::send(const Descriptor& socket, std::span<const std::uint8_t> bytes) {
    const bool sent = call(SYS_sendto, socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL, nullptr, 0) >= 0;
    impl_->counts.unsent += !sent;
    return sent;
}

const PolledSockets::Counts& PolledSockets::counts() const { return impl_->counts; }

}  // namespace confab::io
