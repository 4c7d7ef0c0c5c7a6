#include "sip-registrar/subscriptions.hpp"

#include <algorithm>

namespace confab::registrar {
namespace {

constexpr base::seconds kUsual{3600};  // RFC 3680 §4.4 says 3761; an hour is what registrations last

std::string uri_of(const config::Listener& listener) {
    const auto suffix = listener.transport == "udp" ? std::string() : ";transport=" + listener.transport;
    return "sip:" + listener.visible().text() + suffix;
}

}  // namespace

Subscriptions::Subscriptions(const Limits& limits, const sip::Bindings& bindings)
    : bindings_(bindings), notifier_({.total = limits.total, .usual = std::min(kUsual, limits.longest), .longest = limits.longest}) {}

void Subscriptions::set_listeners(const std::vector<config::Listener>& listeners) {
    places_.clear();
    for (const auto& listener : listeners) places_.push_back({listener.visible().text(), uri_of(listener)});
}

void Subscriptions::subscribe(const Sending& sending, sip::ServerId server, const sip::Hop& source, const sip::Message& request,
                              std::string_view address) {
    notifier_.subscribe(sending, server, source, request, address, places_[std::min<std::size_t>(source.listener, places_.size() - 1)]);
    notify(sending, {}, ContactEvent::registered);
}

void Subscriptions::notify(const Sending& sending, Changes changes, ContactEvent removal) {
    while (const auto due = notifier_.take_due(sending.now)) {
        std::string body;
        append_state(body, sending.now, *due, due->known && !due->missed ? changes : Changes{}, removal);
        notifier_.notify(sending, *due, "application/reginfo+xml", body, due->version);
    }
}

void Subscriptions::append_state(std::string& body, base::Now now, const sip::Notifier::Due& due, Changes changes, ContactEvent removal) const {
    const auto live = bindings_.find(now, due.topic);
    Reginfo document(body, due.version, changes.empty(), due.topic, !live.empty());
    if (changes.empty())
        for (const auto binding : live) document.add(binding, ContactEvent::registered, now.wall);
    for (const auto& change : changes) {
        const auto binding = change.binding.view();
        if (binding.address != due.topic) continue;
        document.add(binding, change.removed ? removal : change.is_new ? ContactEvent::created : ContactEvent::refreshed, now.wall);
    }
}

void Subscriptions::changed(const Sending& sending, std::span<const sip::BindingChange> changes, ContactEvent removal) {
    if (notifier_.size() == 0) return;
    std::string_view done;
    for (const auto& change : changes) {  // those of one address stand together
        if (change.binding.address() == done) continue;
        done = change.binding.address();
        notifier_.touch(sending.now, done);
    }
    notify(sending, changes, removal);
}

void Subscriptions::answered(const Sending& sending, std::uint64_t user, int status) {
    notifier_.answered(sending.now, user, status);
    notify(sending, {}, ContactEvent::registered);
}

void Subscriptions::expire(const Sending& sending) {
    notifier_.expire(sending.now);
    notify(sending, {}, ContactEvent::registered);
}

}  // namespace confab::registrar
