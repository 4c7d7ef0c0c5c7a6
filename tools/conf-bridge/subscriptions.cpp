#include "conf-bridge/subscriptions.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "conf-bridge/capabilities.hpp"
#include "conf-bridge/core.hpp"
#include "conf-bridge/privacy.hpp"

namespace confab::bridge {
namespace {

using config::key;

// Events of a member that no document tells.
constexpr std::string_view kUntold[] = {"talking", "silent", "digits"};

// Of one running conference: its number may come back with another one.
std::string topic_of(const Conference& conference) { return std::to_string(conference.room) + ' ' + conference.number; }

bool accepts_roster(const sip::Message& request) {
    bool any = false;
    for (const auto& header : request.headers()) {
        if (header.id != sip::HeaderName::accept) continue;
        any = true;
        auto rest = header.value;
        while (const auto value = sip::next_value(rest)) {
            const auto type = base::trim(value->substr(0, value->find(';')));
            if (base::iequals(type, kRosterType) || base::iequals(type, "application/*") || type == "*/*") return true;
        }
    }
    return !any;
}

}  // namespace

config::Table subscription_keys() {
    using S = SubscriptionKeys;
    return {
        key("subscriptions", &S::subscriptions, "1000", "Bound on subscriptions to rosters (RFC 4575); one more is answered 503.").between(1, 100'000),
        key("subscription-expires", &S::subscription_expires, "1h", "Longest subscription; a longer wish is shortened.").between(60'000, 604'800'000),
        key("subscription-min-expires", &S::subscription_min_expires, "60s", "Shortest subscription; a shorter wish is answered 423.")
            .between(1'000, 3'600'000),
        key("roster-interval", &S::roster_interval, "500ms", "Least time between two NOTIFYs of a subscription; what changes meanwhile is told together.")
            .between(0, 60'000),
        key("roster-size", &S::roster_size, "16000",
            "Octets of a NOTIFY's body, about; the rest of a roster that is larger follows in further ones.").between(2'000, 60'000),
        key<S>("roster-watchers", &S::roster_watchers, "",
            "Networks of peers that may subscribe to every roster; from elsewhere only a conference's members may, and only by way of trusted.")
            .such_as("127.0.0.1")
            .is_live(),
    };
}

void check_subscriptions(const SubscriptionKeys& keys, const config::Entries& entries, config::Problems& problems) {
    if (keys.subscription_min_expires > keys.subscription_expires)
        config::complain(entries, problems, "subscription-min-expires", "at most subscription-expires",
                         std::to_string(keys.subscription_min_expires.count()) + "s");
}

sip::Notifier::Limits subscription_limits(const SubscriptionKeys& keys) {
    return {.total = keys.subscriptions,
            .shortest = keys.subscription_min_expires,
            .usual = keys.subscription_expires,
            .longest = keys.subscription_expires,
            .pause = keys.roster_interval,
            .user = kNotifyUser};
}

int flaw_of(const sip::Message& request) {
    const auto event = request.value(sip::HeaderName::event);
    if (!base::iequals(base::trim(event.substr(0, event.find(';'))), "conference")) return 489;
    return accepts_roster(request) ? 0 : 406;
}

void Core::on_subscribe(Turn turn, sip::ServerId server, const sip::Hop& source) {
    const auto flaw = flaw_of(message_);
    if (flaw == 489) return reply(turn, server, source, 489, kAllowEvents);
    if (flaw == 406) return reply(turn, server, source, 406, "Accept: " + std::string(kRosterType) + "\r\n");
    const sip::Sending sending{turn.now, transactions_, random_, turn.effects.transmit};
    if (!message_.to_tag.empty()) {
        if (!notifier_.knows(message_)) return reply(turn, server, source, 481);
        return notifier_.subscribe(sending, server, source, message_, {}, {});
    }
    const auto uri = sip::parse_uri(message_.uri);
    const auto number = uri ? dialled_number(*uri) : std::string();
    const auto* conference = find_watched(source, number);
    if (!conference) {
        counters_.add(Metric::refused_subscriptions);
        return reply(turn, server, source, is_watcher(source) ? 404 : 403);
    }
    if (notifier_.is_full()) return refuse_busy(turn, server, source);
    counters_.add(Metric::subscribed);
    notifier_.subscribe(sending, server, source, message_, topic_of(*conference),
                        {listener_of(source).visible().text(), contact_for(source, *uri)});
}

bool Core::is_watcher(const sip::Hop& source) const {
    return std::ranges::any_of(config_.roster_watchers, [&](const base::Network& network) { return network.contains(source.peer.ip); });
}

// The conference of that number, or the one into which a member came by it. Nobody can tell one anonymous caller from another.
const Conference* Core::find_watched(const sip::Hop& source, std::string_view number) const {
    const bool sees_all = is_watcher(source);
    if (!sees_all && (!is_trusted(source) || is_withheld(message_))) return nullptr;
    const auto found = conferences_.find(number);
    if (sees_all && found != conferences_.end()) return &found->second;
    const auto identity = identity_of(message_);
    for (const auto& [id, leg] : legs_) {
        if (leg->member == 0 || (leg->number != number && leg->conference != number)) continue;
        if (!sees_all && (leg->identity != identity || identity.empty())) continue;
        const auto joined = conferences_.find(leg->conference);
        if (joined != conferences_.end()) return &joined->second;
    }
    return nullptr;
}

RosterEntry Core::roster_entry(const Leg& leg) const {
    const bool heard = !leg.muted && !leg.waiting && !leg.held, hears = !leg.deaf && !leg.waiting && !leg.held;
    RosterEntry entry;
    entry.entity = is_masked(leg) ? "sip:" + shown(leg) + "@anonymous.invalid" : leg.identity;
    entry.name = shown_name(leg);
    entry.host = leg.host;
    entry.status = leg.waiting ? "pending" : leg.held ? "on-hold" : leg.muted ? "muted-via-focus" : "connected";
    entry.media = heard && hears ? "sendrecv" : heard ? "sendonly" : hears ? "recvonly" : "inactive";
    entry.joining = leg.outgoing.dial != 0 ? "dialed-out" : "dialed-in";
    entry.since = leg.joined_at;
    return entry;
}

// Whatever is told of a member or a conference may change its roster.
void Core::follow(Turn turn, std::string_view event, const Leg& leg) {
    auto* conference = find_conference(leg.conference);
    if (!conference || leg.member == 0 || std::ranges::find(kUntold, event) != std::end(kUntold)) return;
    const auto before = conference->roster.version();
    if (event == "left")
        conference->roster.remove(leg.member);
    else
        conference->roster.put(leg.member, roster_entry(leg));
    if (conference->roster.version() != before) notifier_.touch(turn.now, topic_of(*conference));
}

void Core::follow(Turn turn, std::string_view event, const Conference& conference) {
    if (event == "conference-ended") return notifier_.finish(turn.now, topic_of(conference), "noresource");
    if (auto* changed = find_conference(conference.number)) {
        changed->roster.change();
        notifier_.touch(turn.now, topic_of(conference));
    }
}

// Who is shown how may have changed with the configuration: everybody is told anew.
void Core::retell_rosters() {
    for (auto& [number, conference] : conferences_) {
        conference.roster.forget();
        for (const auto& [member, id] : conference.members) conference.roster.put(member, roster_entry(*legs_.at(id.value)));
    }
}

void Core::notify_watchers(Turn turn) {
    const sip::Sending sending{turn.now, transactions_, random_, turn.effects.transmit};
    while (const auto due = notifier_.take_due(turn.now)) {
        const auto space = due->topic.find(' ');
        const auto* conference = find_conference(due->topic.substr(space + 1));
        const auto entity = due->contact.substr(1, due->contact.find('>') - 1);
        std::string body;
        counters_.add(Metric::notified);
        if (!conference || topic_of(*conference) != due->topic) {
            append_deleted(body, entity, due->version);
            notifier_.notify(sending, *due, kRosterType, body, 0);
            continue;
        }
        const auto& roster = conference->roster;
        const auto mark = roster.append_document(body,
                                                 {.entity = entity,
                                                  .version = due->version,
                                                  .name = conference->name,
                                                  .max_members = conference->max_members,
                                                  .locked = conference->locked,
                                                  .bound = config_.roster_size},
                                                 due->known);
        notifier_.notify(sending, *due, kRosterType, body, mark, !roster.is_all(mark));
    }
}

}  // namespace confab::bridge
