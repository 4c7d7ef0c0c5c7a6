#include "sip-probe/lines.hpp"

#include <utility>

#include "io/error.hpp"

namespace confab::probe {
namespace {

constexpr base::milliseconds kReconnect{50};

std::string_view as_text(std::span<const std::uint8_t> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
std::span<const std::uint8_t> as_octets(std::string_view text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }

}  // namespace

Lines::Lines(io::Loop& loop, Options options, Handlers handlers)
    : loop_(loop), options_(std::move(options)), handlers_(std::move(handlers)), again_(loop, [this] { connect_more(); }) {
    if (options_.transport == sip::Transport::udp) {
        bind_datagrams();
        return;
    }
    connections_.resize(options_.count);
    for (std::size_t line = options_.count; line-- > 0;) waiting_.push_back(line);
}

void Lines::bind_datagrams() {
    const io::Datagrams::Options wanted{.batch = 64, .size = 16'384, .headroom = 0, .receive_buffer = 4 << 20};
    const auto buffers = io::Datagrams::make_buffers(wanted);
    for (std::size_t line = 0; line < options_.count; ++line) {
        auto socket = io::Datagrams::bind(loop_, {options_.local, 0}, wanted, buffers, [this, line](base::Now now, std::span<io::Datagram> batch) {
            for (const auto& datagram : batch) handlers_.received(now, line, as_text(datagram.bytes));
            handlers_.batch_end(now);
        });
        if (!socket) throw io::StartupError(io::kOsError, socket.error());
        datagrams_.push_back(std::move(*socket));
    }
}

std::vector<std::string> Lines::local() const {
    std::vector<std::string> names;
    for (const auto& socket : datagrams_) names.push_back(socket.local().text());
    for (std::size_t line = 0; line < connections_.size(); ++line) names.push_back(options_.local.host());
    return names;
}

void Lines::open() {
    for (std::size_t line = 0; line < datagrams_.size(); ++line) handlers_.up(loop_.now(), line);
    connect_more();
}

void Lines::connect_more() {
    while (!waiting_.empty() && opening_ < options_.opening_at_once) {
        const auto line = waiting_.back();
        waiting_.pop_back();
        ++opening_;
        connect(line);
    }
}

void Lines::connect(std::size_t line) {
    auto& connection = connections_[line];
    connection.framer = sip::StreamFramer(65535);
    connection.stream = io::Stream::connect(loop_, options_.server, {}, options_.tls ? &*options_.tls : nullptr, options_.server_name, {},
                                            {.opened = [this, line] { opened(line); },
                                             .received = [this, line](std::string_view bytes) { received(line, bytes); },
                                             .closed = [this, line](const std::string& reason) { closed(line, reason); }});
}

void Lines::opened(std::size_t line) {
    --opening_;
    connections_[line].is_up = true;
    handlers_.up(loop_.now(), line);
    connect_more();
}

void Lines::received(std::size_t line, std::string_view bytes) {
    const auto now = loop_.now();
    auto& framer = connections_[line].framer;
    framer.append(bytes);
    for (auto frame = framer.next(); frame.kind != sip::StreamFramer::Kind::none; frame = framer.next()) {
        if (frame.kind == sip::StreamFramer::Kind::message) handlers_.received(now, line, frame.bytes);
        if (frame.kind == sip::StreamFramer::Kind::too_large || frame.kind == sip::StreamFramer::Kind::malformed) {
            connections_[line].stream->close();
            break;
        }
    }
    handlers_.batch_end(now);
}

void Lines::closed(std::size_t line, const std::string& reason) {
    auto& connection = connections_[line];
    if (!std::exchange(connection.is_up, false)) --opening_;
    handlers_.down(loop_.now(), line, reason);
    waiting_.insert(waiting_.begin(), line);
    again_.after(kReconnect);
}

void Lines::send(const Sendings& out) {
    for (const auto& entry : out.entries()) {
        if (!datagrams_.empty())
            datagrams_[entry.line].send(options_.server, as_octets(out.bytes(entry)));
        else if (connections_[entry.line].is_up)
            connections_[entry.line].stream->send(out.bytes(entry));
    }
    for (auto& socket : datagrams_) socket.flush();
}

std::uint64_t Lines::unsent() const {
    std::uint64_t sum = 0;
    for (const auto& socket : datagrams_) sum += socket.counts().unsent;
    return sum;
}

}  // namespace confab::probe
