#include "sip-registrar/liveness.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "sip/compose.hpp"
#include "sip/grammar.hpp"

namespace confab::registrar {
namespace {

constexpr base::milliseconds kTick{100};
constexpr std::size_t kMostAtOnce = 20'000, kTokenLength = 16;

std::optional<sip::Transport> transport_of(std::string_view name) {
    for (auto transport : {sip::Transport::udp, sip::Transport::tcp, sip::Transport::tls})
        if (sip::param_name(transport) == name) return transport;
    return std::nullopt;
}

// Where a request over the binding goes first, when that needs no DNS.
std::optional<sip::Hop> hop_of(const sip::Binding& binding) {
    if (binding.path.empty()) {
        const auto colon = binding.received.find(':');
        const auto transport = transport_of(binding.received.substr(0, colon));
        const auto peer = colon == binding.received.npos ? std::nullopt : base::SocketAddress::parse(binding.received.substr(colon + 1));
        if (!transport || !peer) return std::nullopt;
        return sip::Hop{.transport = *transport, .peer = *peer, .flow = {}, .listener = sip::kAnyListener};
    }
    auto rest = binding.path;
    const auto value = sip::next_value(rest);
    const auto path = value ? sip::parse_name_addr(*value) : std::nullopt;
    const auto ip = path ? path->uri.ip() : std::nullopt;
    const auto transport = path ? path->uri.transport() : std::nullopt;
    if (!ip || !transport) return std::nullopt;
    const auto port = path->uri.port != 0 ? path->uri.port : sip::default_port(*transport);
    return sip::Hop{.transport = *transport, .peer = {*ip, port}, .flow = {}, .listener = sip::kAnyListener};
}

}  // namespace

std::optional<base::Instant> Liveness::next_deadline(const sip::Bindings& bindings) const {
    if (interval_.count() == 0 || bindings.size() == 0) return std::nullopt;
    const auto apart = base::Duration(interval_) / static_cast<std::int64_t>(bindings.size());
    return last_ + std::clamp<base::Duration>(apart, kTick, base::seconds(1));
}

void Liveness::expire(const Sending& sending, const sip::Bindings& bindings) {
    const auto due = next_deadline(bindings);
    if (!due || sending.now.steady < *due) return;
    const auto passed = std::min<base::Duration>(sending.now.steady - last_, base::seconds(1));
    last_ = sending.now.steady;
    owed_ += std::chrono::duration<double>(passed).count() / static_cast<double>(interval_.count()) * static_cast<double>(bindings.size());
    for (; owed_ >= 1 && waiting_.size() < kMostAtOnce; owed_ -= 1) {
        auto binding = bindings.next(sending.now, cursor_);
        if (!binding) binding = bindings.next(sending.now, cursor_ = 0);
        if (!binding) break;
        probe(sending, *binding, cursor_);
    }
    owed_ = std::min(owed_, 1.0);
}

void Liveness::probe(const Sending& sending, const sip::Binding& binding, std::uint32_t cursor) {
    const auto hop = hop_of(binding);
    if (!hop) return;
    const auto is_sender = [&](const config::Listener& listener) {
        return listener.transport == sip::param_name(hop->transport) && listener.address.ip.family == hop->peer.ip.family;
    };
    const auto found = std::ranges::find_if(listeners_, is_sender);
    const auto& listener = found == listeners_.end() ? listeners_.front() : *found;
    std::string branch, request;
    sending.transactions.append_branch(branch);
    const auto from = fmt::format("<sip:{}>;tag={}", realm_, sending.random.token(kTokenLength));
    const auto to = fmt::format("<{}>", binding.address);
    auto headers = binding.path.empty() ? std::string() : fmt::format("Route: {}\r\n", binding.path);
    headers += "Accept: application/sdp\r\n";
    sip::append_request(request, {.method = sip::Method::options,
                                  .uri = binding.contact,
                                  .via_sent_by = listener.visible().text(),
                                  .transport = hop->transport,
                                  .branch = branch,
                                  .from = from,
                                  .to = to,
                                  .call_id = sending.random.token(kTokenLength),
                                  .headers = headers});
    waiting_.emplace(++number_, Probe{cursor, std::string(binding.address)});
    sending.transactions.request(sending.now, *hop, request, number_, sending.out);
}

std::optional<Liveness::Verdict> Liveness::answered(std::uint64_t user, int status) {
    if (status < 200) return std::nullopt;
    const auto node = waiting_.extract(user);
    if (node.empty()) return std::nullopt;
    return Verdict{.cursor = node.mapped().cursor, .address = node.mapped().address, .is_alive = status != 408 && status != 430 && status != 480};
}

}  // namespace confab::registrar
