#include "sip-registrar/subscriptions.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "sip/compose.hpp"

namespace confab::registrar {
namespace {

constexpr std::size_t kTagLength = 16;
constexpr base::seconds kUsual{3600};  // RFC 3680 §4.4 says 3761; an hour is what registrations last

std::string uri_of(const config::Listener& listener) {
    const auto suffix = listener.transport == "udp" ? std::string() : ";transport=" + listener.transport;
    return "sip:" + listener.visible().text() + suffix;
}

base::seconds wish_of(const sip::Message& request, base::seconds longest) {
    const auto text = request.value(sip::HeaderName::expires);
    if (text.empty()) return std::min(kUsual, longest);
    return std::min(longest, base::seconds(base::parse_number<std::uint32_t>(text).value_or(0xffffffffU)));
}

}  // namespace

void Subscriptions::set_listeners(const std::vector<config::Listener>& listeners) {
    hosts_.clear();
    contacts_.clear();
    for (const auto& listener : listeners) {
        hosts_.push_back(listener.visible().text());
        contacts_.push_back(uri_of(listener));
    }
}

std::string Subscriptions::dialog_key(const sip::Message& request) {
    return fmt::format("{}\n{}\n{}", request.call_id, request.to_tag, request.from_tag);
}

void Subscriptions::respond(const Sending& sending, sip::ServerId server, const sip::Hop& source, const sip::Message& request, int status,
                            std::string_view tag, std::string_view headers) {
    std::string response;
    sip::append_response(response, request, source, {.status = status, .to_tag = tag, .headers = headers});
    sending.transactions.respond(sending.now, server, response, sending.out);
}

void Subscriptions::subscribe(const Sending& sending, sip::ServerId server, const sip::Hop& source, const sip::Message& request,
                              std::string_view address) {
    const auto wish = wish_of(request, limits_.longest);
    std::uint64_t id = 0;
    if (const auto known = by_dialog_.find(dialog_key(request)); known != by_dialog_.end()) {
        id = known->second;
        if (!all_.at(id).dialog.receive(request)) return respond(sending, server, source, request, 500, {}, {});
    } else {
        const auto tag = sending.random.token(kTagLength);
        auto dialog = sip::Dialog::accept(request, source, tag);
        if (!dialog) return respond(sending, server, source, request, 400, tag, {});
        id = ++last_;
        by_dialog_.emplace(fmt::format("{}\n{}\n{}", request.call_id, tag, request.from_tag), id);
        by_address_.emplace(address, id);
        Subscription subscription{.dialog = std::move(*dialog), .address = std::string(address), .event = {}, .listener = source.listener};
        subscription.event = request.value(sip::HeaderName::event);
        all_.emplace(id, std::move(subscription));
    }
    auto& subscription = all_.at(id);
    const auto listener = std::min<std::size_t>(subscription.listener, contacts_.size() - 1);
    respond(sending, server, source, request, 200, subscription.dialog.id.local_tag,
            fmt::format("Expires: {}\r\nContact: <{}>\r\n", wish.count(), contacts_[listener]));
    prolong(sending, id, subscription, wish);
}

// A subscription of no length is answered with the state and is over (RFC 6665 §4.4.3).
void Subscriptions::prolong(const Sending& sending, std::uint64_t id, Subscription& subscription, base::seconds wish) {
    subscription.ends = sending.now.steady + wish;
    subscription.is_over = wish.count() == 0;
    if (subscription.is_over)
        deadlines_.cancel(id);
    else
        deadlines_.set(id, subscription.ends);
    notify(sending, id, subscription, {}, ContactEvent::registered);
}

void Subscriptions::notify(const Sending& sending, std::uint64_t id, Subscription& subscription, Changes changes, ContactEvent removal) {
    if (subscription.is_waiting) {
        subscription.has_missed = true;
        return;
    }
    std::string branch, body;
    sending.transactions.append_branch(branch);
    append_state(body, sending, subscription, changes, removal);
    const auto left = std::chrono::ceil<base::seconds>(subscription.ends - sending.now.steady).count();
    const auto state = subscription.is_over ? std::string("terminated;reason=timeout") : fmt::format("active;expires={}", left);
    const auto headers = fmt::format("Event: {}\r\nSubscription-State: {}\r\n", subscription.event, state);
    const auto listener = std::min<std::size_t>(subscription.listener, hosts_.size() - 1);
    std::string request;
    subscription.dialog.append_request(request, sip::Method::notify, branch, hosts_[listener], contacts_[listener], headers, "application/reginfo+xml", body);
    subscription.is_waiting = true;
    subscription.has_missed = false;
    sending.transactions.request(sending.now, subscription.dialog.hop, request, id, sending.out);
}

void Subscriptions::append_state(std::string& body, const Sending& sending, Subscription& subscription, Changes changes, ContactEvent removal) const {
    const auto live = bindings_.find(sending.now, subscription.address);
    Reginfo document(body, subscription.version++, changes.empty(), subscription.address, !live.empty());
    if (changes.empty())
        for (const auto binding : live) document.add(binding, ContactEvent::registered, sending.now.wall);
    for (const auto& change : changes) {
        const auto binding = change.binding.view();
        if (binding.address != subscription.address) continue;
        document.add(binding, change.removed ? removal : change.is_new ? ContactEvent::created : ContactEvent::refreshed, sending.now.wall);
    }
}

void Subscriptions::changed(const Sending& sending, std::span<const sip::BindingChange> changes, ContactEvent removal) {
    if (all_.empty()) return;
    std::string_view done;
    for (const auto& change : changes) {  // those of one address stand together
        if (change.binding.address() == done) continue;
        done = change.binding.address();
        const auto [first, last] = by_address_.equal_range(done);
        for (auto watcher = first; watcher != last; ++watcher) notify(sending, watcher->second, all_.at(watcher->second), changes, removal);
    }
}

void Subscriptions::answered(const Sending& sending, std::uint64_t user, int status) {
    const auto found = all_.find(user);
    if (status < 200 || found == all_.end()) return;
    auto& subscription = found->second;
    subscription.is_waiting = false;
    if (status >= 300) return erase(user);
    if (subscription.has_missed) return notify(sending, user, subscription, {}, ContactEvent::registered);
    if (subscription.is_over) erase(user);
}

void Subscriptions::expire(const Sending& sending) {
    while (const auto id = deadlines_.pop_due(sending.now.steady)) {
        auto& subscription = all_.at(*id);
        subscription.is_over = true;
        notify(sending, *id, subscription, {}, ContactEvent::registered);
    }
}

void Subscriptions::erase(std::uint64_t id) {
    const auto found = all_.find(id);
    const auto& subscription = found->second;
    const auto& dialog = subscription.dialog.id;
    by_dialog_.erase(fmt::format("{}\n{}\n{}", dialog.call_id, dialog.local_tag, dialog.remote_tag));
    const auto [first, last] = by_address_.equal_range(subscription.address);
    by_address_.erase(std::find_if(first, last, [&](const auto& one) { return one.second == id; }));
    deadlines_.cancel(id);
    all_.erase(found);
}

}  // namespace confab::registrar
