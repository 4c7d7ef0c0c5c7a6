#include "io/datagrams.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "io/error.hpp"
#include "io/socket.hpp"

namespace confab::io {

namespace {

constexpr int kBatchesPerWake = 8;  // then other sockets have their turn

// What the kernel may cut from one send: the smallest MTU that IPv6 allows, less its headers, so that no route refuses the pieces.
constexpr std::size_t kLongestSegment = 1232;
constexpr std::size_t kSegments = 32;
constexpr std::size_t kLongestJoined = 65535;

struct Waiting {
    base::SocketAddress to;
    std::span<const std::uint8_t> first, second;
    bool may_be_cut() const { return second.empty() && !first.empty() && first.size() <= kLongestSegment; }
};

// How many from the front leave as one: one peer, one length, the last perhaps shorter.
std::size_t run_of(std::span<const Waiting> waiting) {
    const auto& head = waiting.front();
    if (!head.may_be_cut()) return 1;
    std::size_t run = 1;
    while (run < std::min(waiting.size(), kSegments)) {
        const auto& next = waiting[run];
        if (!next.may_be_cut() || next.to != head.to || next.first.size() > head.first.size()) break;
        ++run;
        if (next.first.size() < head.first.size()) break;
    }
    return run;
}

base::Duration since(const timespec& then) {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return std::max(base::Duration::zero(), base::Duration(base::seconds(now.tv_sec - then.tv_sec)) + base::Duration(now.tv_nsec - then.tv_nsec));
}

}  // namespace

// What one receive and one send of a batch need; nothing in it outlives the call that uses it, so a thread's sockets share it.
class Datagrams::Buffers {
public:
    explicit Buffers(const Options& options)
        : size_(options.size),
          room_(options.joined ? kLongestJoined : options.size),
          stride_(room_ + options.headroom),
          octets_(options.batch * stride_),
          in_(options.batch),
          receive_(options.batch),
          out_(options.batch),
          pieces_(2 * options.batch),
          send_(options.batch) {
        datagrams_.reserve(options.batch);
        for (std::size_t i = 0; i < options.batch; ++i) {
            in_[i].piece = {octets_.data() + i * stride_, room_};
            receive_[i].msg_hdr.msg_name = &in_[i].name;
            receive_[i].msg_hdr.msg_iov = &in_[i].piece;
            receive_[i].msg_hdr.msg_iovlen = 1;
            send_[i].msg_hdr.msg_name = &out_[i].name;
        }
        used_ = receive_.size();
        CHECK(!options.joined || options.headroom == 0, "joined datagrams have no headroom");
    }

    std::size_t batch() const { return receive_.size(); }

    // One recvmmsg. Answers how many the kernel gave; those that fit are in `datagrams`.
    std::size_t receive(int socket, bool joined, Counts& counts) {
        if (std::exchange(with_control_, joined) != joined) used_ = receive_.size();
        for (std::size_t i = 0; i < used_; ++i) {
            auto& header = receive_[i].msg_hdr;
            header.msg_namelen = sizeof(sockaddr_storage);
            const bool wants_control = with_control_ || i == 0;  // the stamp of the first is enough
            header.msg_control = wants_control ? in_[i].control : nullptr;
            header.msg_controllen = wants_control ? sizeof in_[i].control : 0;
        }
        const int got = recvmmsg(socket, receive_.data(), static_cast<unsigned>(receive_.size()), MSG_DONTWAIT, nullptr);
        used_ = static_cast<std::size_t>(std::max(got, 1));
        datagrams_.clear();
        for (int i = 0; i < got; ++i) take(static_cast<std::size_t>(i), joined, counts);
        counts.received += datagrams_.size();
        return got < 0 ? 0 : static_cast<std::size_t>(got);
    }
    std::span<Datagram> datagrams() { return datagrams_; }

    // Of the first datagram that `receive` got.
    base::Duration age() {
        const auto stamp = control_of<timespec>(receive_[0].msg_hdr, SOL_SOCKET, SCM_TIMESTAMPNS);
        return stamp ? since(*stamp) : base::Duration::zero();
    }

    // A datagram that the kernel refuses is skipped; a full socket ends the batch. `cuts`: the kernel has not yet refused to cut.
    void send(int socket, std::span<const Waiting> waiting, bool& cuts, Counts& counts) {
        while (!waiting.empty()) {
            const auto messages = fill(waiting, cuts);
            for (std::size_t at = 0; at < messages;) {
                const int sent = sendmmsg(socket, send_.data() + at, static_cast<unsigned>(messages - at), MSG_DONTWAIT | MSG_NOSIGNAL);
                for (int i = 0; i < sent; ++i, ++at) {
                    counts.sent += out_[at].run;
                    waiting = waiting.subspan(out_[at].run);
                }
                if (sent > 0 || errno == EINTR) continue;
                if (errno == EAGAIN || errno == EWOULDBLOCK) {
                    counts.unsent += waiting.size();
                    return;
                }
                if (out_[at].run > 1) {
                    cuts = false;
                    break;  // the rest is filled anew, one by one
                }
                ++counts.unsent;
                ++at;
                waiting = waiting.subspan(1);
            }
        }
    }

private:
    struct In {
        sockaddr_storage name;
        iovec piece;
        alignas(cmsghdr) std::uint8_t control[CMSG_SPACE(sizeof(timespec)) + CMSG_SPACE(sizeof(int))];
    };
    struct Out {
        sockaddr_storage name;
        std::size_t run;  // datagrams in this message
        alignas(cmsghdr) std::uint8_t control[CMSG_SPACE(sizeof(std::uint16_t))];
    };

    template <class T>
    static std::optional<T> control_of(msghdr& header, int level, int type) {
        for (auto* control = CMSG_FIRSTHDR(&header); control != nullptr; control = CMSG_NXTHDR(&header, control)) {
            if (control->cmsg_level != level || control->cmsg_type != type) continue;
            T value;
            std::memcpy(&value, CMSG_DATA(control), sizeof value);
            return value;
        }
        return std::nullopt;
    }

    void take(std::size_t at, bool joined, Counts& counts) {
        auto& header = receive_[at].msg_hdr;
        const bool cut_off = (header.msg_flags & MSG_TRUNC) != 0;
        std::span<std::uint8_t> rest(octets_.data() + at * stride_, receive_[at].msg_len);
        const auto length = joined ? control_of<int>(header, SOL_UDP, UDP_GRO) : std::nullopt;
        const auto each = length && *length > 0 ? static_cast<std::size_t>(*length) : std::max<std::size_t>(rest.size(), 1);
        const auto peer = from_kernel(in_[at].name);
        do {
            const auto bytes = rest.first(std::min(each, rest.size()));
            rest = rest.subspan(bytes.size());
            if (cut_off || bytes.size() > size_)
                ++counts.oversized;
            else
                datagrams_.push_back({peer, bytes});
        } while (!rest.empty());
    }

    std::size_t fill(std::span<const Waiting> waiting, bool cuts) {
        std::size_t message = 0;
        auto* piece = pieces_.data();
        const auto append = [&piece](std::span<const std::uint8_t> bytes) {
            if (!bytes.empty()) *piece++ = {const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
        };
        while (!waiting.empty()) {
            auto& header = send_[message].msg_hdr;
            auto& out = out_[message++];
            out.run = cuts ? run_of(waiting) : 1;
            header.msg_namelen = to_kernel(waiting.front().to, out.name);
            header.msg_iov = piece;
            for (const auto& datagram : waiting.first(out.run)) append(datagram.first), append(datagram.second);
            header.msg_iovlen = static_cast<std::size_t>(piece - header.msg_iov);
            header.msg_control = nullptr;
            header.msg_controllen = 0;
            if (out.run > 1) ask_to_cut(header, out, static_cast<std::uint16_t>(waiting.front().first.size()));
            waiting = waiting.subspan(out.run);
        }
        return message;
    }

    static void ask_to_cut(msghdr& header, Out& out, std::uint16_t length) {
        header.msg_control = out.control;
        header.msg_controllen = sizeof out.control;
        auto* control = CMSG_FIRSTHDR(&header);
        control->cmsg_level = SOL_UDP;
        control->cmsg_type = UDP_SEGMENT;
        control->cmsg_len = CMSG_LEN(sizeof length);
        std::memcpy(CMSG_DATA(control), &length, sizeof length);
    }

    std::size_t size_, room_, stride_;
    std::vector<std::uint8_t> octets_;
    std::vector<In> in_;
    std::vector<mmsghdr> receive_;
    std::size_t used_ = 0;  // of the headers, since they were filled…
    bool with_control_ = false;  // …for all, not for the first alone
    std::vector<Datagram> datagrams_;
    std::vector<Out> out_;
    std::vector<iovec> pieces_;
    std::vector<mmsghdr> send_;
};

struct Datagrams::Impl : std::enable_shared_from_this<Datagrams::Impl> {
    Impl(Loop& loop_used, Descriptor owned, const Options& options, std::shared_ptr<Buffers> shared, OnBatch callback)
        : loop(loop_used),
          socket(std::move(owned)),
          local(local_address(socket.get())),
          stamped(options.stamped),
          joined(options.joined && join_arrivals(socket.get())),
          buffers(std::move(shared)),
          on_batch(std::move(callback)),
          watch(std::make_unique<Watch>(loop, socket.get())) {
        watch->on_readable([this] { readable(); });
    }

    void readable() {
        const auto self = shared_from_this();
        for (int round = 0; round < kBatchesPerWake; ++round) {
            const auto got = buffers->receive(socket.get(), joined, counts);
            delay = stamped && got > 0 ? buffers->age() : base::Duration::zero();
            // In portions also where they came joined: what the answers need should stay in the cache.
            for (auto rest = buffers->datagrams(); !rest.empty() && socket;) {
                const auto portion = rest.first(std::min(rest.size(), buffers->batch()));
                rest = rest.subspan(portion.size());
                on_batch(loop.now(), portion);
            }
            if (!socket || got < buffers->batch()) return;
        }
    }

    void send(const Waiting& datagram) {
        if (waiting.size() >= buffers->batch()) flush();
        waiting.push_back(datagram);
    }

    void flush() {
        buffers->send(socket.get(), waiting, cuts, counts);
        waiting.clear();
    }

    void end() {
        watch.reset();
        socket.reset();
    }

    Loop& loop;
    Descriptor socket;
    base::SocketAddress local;
    bool stamped, joined, cuts = true;
    std::shared_ptr<Buffers> buffers;
    OnBatch on_batch;
    std::unique_ptr<Watch> watch;
    std::vector<Waiting> waiting;
    base::Duration delay{};
    Counts counts;
};

std::shared_ptr<Datagrams::Buffers> Datagrams::make_buffers(const Options& options) { return std::make_shared<Buffers>(options); }

std::expected<Datagrams, std::string> Datagrams::bind(Loop& loop, const base::SocketAddress& local, const Options& options,
                                                      std::shared_ptr<Buffers> buffers, OnBatch on_batch) {
    auto socket = open_udp(local, options.receive_buffer, options.dscp);
    if (!socket) return std::unexpected("udp " + local.text() + ": " + os_error_text(socket.error()));
    return adopt(loop, std::move(*socket), options, std::move(buffers), std::move(on_batch));
}

Datagrams Datagrams::adopt(Loop& loop, Descriptor socket, const Options& options, std::shared_ptr<Buffers> buffers, OnBatch on_batch) {
    if (options.stamped) stamp_arrivals(socket.get());
    if (!buffers) buffers = make_buffers(options);
    return Datagrams(std::make_shared<Impl>(loop, std::move(socket), options, std::move(buffers), std::move(on_batch)));
}

Datagrams::Datagrams(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Datagrams::~Datagrams() {
    if (impl_) impl_->end();
}
Datagrams::Datagrams(Datagrams&&) noexcept = default;
Datagrams& Datagrams::operator=(Datagrams&& other) noexcept {
    if (this != &other) {
        if (impl_) impl_->end();
        impl_ = std::move(other.impl_);
    }
    return *this;
}

const base::SocketAddress& Datagrams::local() const { return impl_->local; }
int Datagrams::socket() const { return impl_->socket.get(); }
base::Duration Datagrams::queue_delay() const { return impl_->delay; }
void Datagrams::send(const base::SocketAddress& to, std::span<const std::uint8_t> bytes) { impl_->send({to, bytes, {}}); }
void Datagrams::send(const base::SocketAddress& to, std::span<const std::uint8_t> header, std::span<const std::uint8_t> payload) {
    impl_->send({to, header, payload});
}
void Datagrams::flush() { impl_->flush(); }
const Datagrams::Counts& Datagrams::counts() const { return impl_->counts; }

}  // namespace confab::io
