#include "sip-proxy/target.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/text.hpp"
#include "config/values.hpp"
#include "sip/grammar.hpp"

namespace confab::proxy {
namespace {

std::optional<sip::Hop> hop_of_bridge(std::string_view address) {
    const auto peer = config::Value<config::Peer>::parse(address);
    if (!peer) return std::nullopt;
    return hop_of_peer(*peer);
}

std::optional<Target> target_of_contact(const local::Value& row) {
    Target target;
    target.request_uri = row.text("contact");
    target.route = row.text("path");
    auto next = sip::parse_uri(target.request_uri);
    if (!next) return std::nullopt;
    if (!target.route.empty()) {
        std::string_view rest = target.route;
        const auto first = sip::next_value(rest);
        const auto path = first ? sip::parse_name_addr(*first) : std::nullopt;
        if (!path) return std::nullopt;
        next = path->uri;
        target.flow = path->uri.user;
    }
    if (!aim(target, *next)) return std::nullopt;
    return target;
}

std::optional<dns::Service> service_of(std::string_view transport) {
    if (base::iequals(transport, "udp")) return dns::Service::udp;
    if (base::iequals(transport, "tcp")) return dns::Service::tcp;
    if (base::iequals(transport, "tls")) return dns::Service::tls;
    return std::nullopt;
}

}  // namespace

bool aim(Target& target, const sip::Uri& next) {
    const auto host = next.params.get("maddr").value_or(next.host);  // RFC 3263 §4: maddr takes the host's place
    if (const auto ip = base::IpAddress::parse(host)) {
        const auto transport = next.transport();
        if (!transport) return false;
        target.hop = {*transport, {*ip, next.port != 0 ? next.port : sip::default_port(*transport)}, {}, sip::kAnyListener};
        target.query.reset();
        return true;
    }
    const auto transport = next.params.get("transport");
    if (next.host.empty() || (transport && !service_of(*transport))) return false;
    target.query = dns::Query{std::string(host), next.port, transport ? service_of(*transport) : std::nullopt, next.is_sips()};
    return true;
}

sip::Hop hop_of_peer(const config::Peer& peer) {
    using enum sip::Transport;
    return {peer.transport == "tls" ? tls : peer.transport == "tcp" ? tcp : udp, peer.address, {}, sip::kAnyListener};
}

Targets targets_of_number(const local::Value& answer) {
    Targets targets;
    for (const auto& row : answer.list("targets")) {
        if (targets.size() == Target::kMost) break;
        const auto hop = hop_of_bridge(row.text("address"));
        if (!hop) continue;
        Target target;
        target.hop = *hop;
        target.group = static_cast<unsigned>(targets.size());
        targets.push_back(std::move(target));
    }
    return targets;
}

Targets targets_of_address(const local::Value& answer) {
    Targets targets;
    std::vector<std::int64_t> weights;
    auto rows = answer.list("contacts");
    std::ranges::stable_sort(rows, std::greater{}, [](const local::Value& row) { return row.integer("q", 1000); });
    for (const auto& row : rows) {
        if (targets.size() == Target::kMost) break;
        auto target = target_of_contact(row);
        if (!target) continue;
        const auto weight = row.integer("q", 1000);
        if (!targets.empty()) target->group = targets.back().group + (weights.back() == weight ? 0 : 1);
        weights.push_back(weight);
        targets.push_back(std::move(*target));
    }
    return targets;
}

}  // namespace confab::proxy
