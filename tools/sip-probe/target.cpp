#include "sip-probe/target.hpp"

#include "base/text.hpp"
#include "sip/grammar.hpp"

namespace confab::probe {
namespace {

constexpr dns::Service kServices[] = {dns::Service::udp, dns::Service::tcp, dns::Service::tls};

std::string without_brackets(std::string_view host) {
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    return std::string(host);
}

std::optional<dns::Service> service_of(std::string_view name) {
    for (const auto service : kServices)
        if (base::iequals(name, dns::service_name(service))) return service;
    return std::nullopt;
}

std::expected<dns::Query, std::string> of_uri(std::string_view text) {
    const auto uri = sip::parse_uri(text);
    if (!uri || uri->host.empty()) return std::unexpected(std::string(text) + " is not a SIP URI");
    dns::Query query{without_brackets(uri->params.get("maddr").value_or(uri->host)), uri->port, {}, uri->is_sips()};
    if (const auto transport = uri->params.get("transport")) {
        query.transport = service_of(*transport);
        if (!query.transport) return std::unexpected(std::string(text) + ": unknown transport");
    }
    return query;
}

}  // namespace

Target Target::of(const dns::Endpoint& endpoint, const dns::Query& query) {
    const auto transport = endpoint.transport == dns::Service::tls   ? sip::Transport::tls
                           : endpoint.transport == dns::Service::tcp ? sip::Transport::tcp
                                                                     : sip::Transport::udp;
    return {transport, endpoint.address, query.host};
}

std::string Target::text() const { return std::string(sip::param_name(transport)) + ':' + address.text(); }

std::expected<dns::Query, std::string> parse_target(std::string_view text) {
    if (base::istarts_with(text, "sip:") || base::istarts_with(text, "sips:")) return of_uri(text);
    const auto colon = text.find(':');
    if (const auto service = service_of(text.substr(0, colon)); service && colon != text.npos) {
        const auto as_uri = "sip:" + std::string(text.substr(colon + 1));
        const auto uri = sip::parse_uri(as_uri);
        if (uri && !uri->host.empty() && uri->user.empty()) return dns::Query{without_brackets(uri->host), uri->port, service, false};
    }
    return std::unexpected(std::string(text) + ": expected udp:HOST[:PORT], tcp:…, tls:… or a SIP URI");
}

}  // namespace confab::probe
