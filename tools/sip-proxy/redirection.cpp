#include "sip-proxy/redirection.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "sip/grammar.hpp"

namespace confab::proxy {
namespace {

// q in thousandths: "1", "0.5", "0.125"; 1000 where it is absent or makes no sense.
unsigned weight_of(const sip::NameAddr& contact) {
    const auto text = contact.params.get("q").value_or("1");
    if (text.empty() || text.size() > 5 || text[0] > '1' || text[0] < '0') return 1000;
    unsigned weight = text[0] == '1' ? 1000 : 0, unit = 100;
    if (text.size() > 1 && text[1] != '.') return 1000;
    for (const char digit : text.substr(std::min<std::size_t>(2, text.size()))) {
        if (digit < '0' || digit > '9') return 1000;
        weight += static_cast<unsigned>(digit - '0') * unit;
        unit /= 10;
    }
    return std::min(weight, 1000U);
}

bool is_same(std::string_view a, const sip::Uri& b) {
    const auto uri = sip::parse_uri(a);
    return uri && sip::equal_uris(*uri, b);
}

bool was_tried(const Targets& tried, std::string_view request_uri, const sip::Uri& uri) {
    return std::ranges::any_of(tried, [&](const Target& target) {
        return is_same(target.request_uri.empty() ? request_uri : std::string_view(target.request_uri), uri);
    });
}

}  // namespace

Targets targets_of_redirection(const sip::Message& response, const Targets& tried, std::string_view request_uri, const Target& from,
                               const OwnNames& names) {
    Targets targets;
    if (response.status > 302) return targets;
    const auto original = sip::parse_uri(request_uri);
    for (const auto& header : response.headers()) {
        if (header.id != sip::HeaderName::contact) continue;
        auto rest = header.value;
        while (const auto value = sip::next_value(rest)) {
            const auto contact = sip::parse_name_addr(*value);
            if (!contact || targets.size() == Target::kMost) continue;
            Target target;
            target.request_uri = contact->uri.text.substr(0, contact->uri.text.find('?'));
            const auto uri = sip::parse_uri(target.request_uri);
            if (!uri || uri->host.empty() || names.serves(*uri) || uri->params.has("method")) continue;
            if (original && original->is_sips() && !uri->is_sips()) continue;
            if (was_tried(tried, request_uri, *uri) || was_tried(targets, request_uri, *uri) || !aim(target, *uri)) continue;
            target.may_redirect = from.may_redirect;
            target.redirects = from.redirects;
            target.redirections = static_cast<std::uint8_t>(from.redirections + 1);
            target.group = 1000 - weight_of(*contact);
            targets.push_back(std::move(target));
        }
    }
    std::ranges::stable_sort(targets, {}, &Target::group);
    return targets;
}

}  // namespace confab::proxy
