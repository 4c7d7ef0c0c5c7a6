#include "sip-proxy/returns.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace confab::proxy {

std::string Returns::name_of(const sip::TopVia& via, const base::IpAddress& address) {
    auto name = base::to_lower(via.transport) + ' ' + address.text() + ' ' + base::to_lower(via.host) + ' ';
    base::append_number(name, via.port);
    return name;
}

void Returns::came(const std::string& client, const sip::Hop& hop, sip::Outbox& out) {
    const auto found = clients_.find(client);
    if (found != clients_.end() && found->second == hop) return;
    if (found == clients_.end() && clients_.size() == kMostClients) return;
    clients_[client] = hop;
    for (const auto& held : held_)
        if (held.client == client) out.send(hop, held.answer);
    std::erase_if(held_, [&](const Held& held) { return held.client == client; });
}

const sip::Hop* Returns::find(const std::string& client) const {
    const auto found = clients_.find(client);
    return found == clients_.end() ? nullptr : &found->second;
}

void Returns::hold(std::string client, std::string answer) {
    if (std::ranges::any_of(held_, [&](const Held& held) { return held.answer == answer && held.client == client; })) return;
    if (held_.size() == kMostHeld) held_.pop_front();
    held_.push_back({std::move(client), std::move(answer)});
}

void Returns::clear() {
    clients_.clear();
    held_.clear();
}

}  // namespace confab::proxy
