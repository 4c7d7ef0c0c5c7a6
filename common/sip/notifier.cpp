#include "sip/notifier.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "sip/compose.hpp"

namespace confab::sip {
namespace {

constexpr std::size_t kTagLength = 16;
constexpr base::seconds kRetry{32};

// RFC 6665 §4.2.2; 408 is no answer at all. What else refuses a NOTIFY says nothing of its subscription (RFC 5057 §5.1).
bool ends_subscription(int status) {
    switch (status) {
        case 404:
        case 405:
        case 408:
        case 410:
        case 416:
        case 480:
        case 481:
        case 482:
        case 483:
        case 484:
        case 485:
        case 489:
        case 501:
        case 604:
            return true;
        default:
            return false;
    }
}

// Without a word of the subscriber's, or with one that would have him asked for ever without a pause, it is ours.
base::seconds wait_of(std::string_view retry_after) {
    const auto wish = base::parse_number<std::uint32_t>(retry_after.substr(0, retry_after.find_first_of(" ;("))).value_or(0);
    return wish == 0 ? kRetry : base::seconds(wish);
}

void respond(const Sending& sending, ServerId server, const Hop& source, const Message& request, int status, std::string_view tag,
             std::string_view headers) {
    std::string response;
    append_response(response, request, source, {.status = status, .to_tag = tag, .headers = headers});
    sending.transactions.respond(sending.now, server, response, sending.out);
}

}  // namespace

std::string Notifier::dialog_key(const Message& request) {
    return fmt::format("{}\n{}\n{}", request.call_id, request.to_tag, request.from_tag);
}

bool Notifier::knows(const Message& request) const {
    const auto found = by_dialog_.find(dialog_key(request));
    return found != by_dialog_.end() && all_.at(found->second).over.empty();
}

// 0: there is no way back to the subscriber.
std::uint64_t Notifier::begin(const Sending& sending, const Hop& source, const Message& request, std::string_view topic, Place place) {
    const auto tag = sending.random.token(kTagLength);
    auto dialog = Dialog::accept(request, source, tag);
    if (!dialog) return 0;
    const auto id = ++last_;
    by_dialog_.emplace(fmt::format("{}\n{}\n{}", request.call_id, tag, request.from_tag), id);
    by_topic_.emplace(topic, id);
    all_.emplace(id, Subscription{.dialog = std::move(*dialog),
                                  .topic = std::string(topic),
                                  .event = std::string(request.value(HeaderName::event)),
                                  .place = std::move(place)});
    return id;
}

void Notifier::subscribe(const Sending& sending, ServerId server, const Hop& source, const Message& request, std::string_view topic, Place place) {
    const auto refuse = [&](int status, std::string_view headers) {
        respond(sending, server, source, request, status, sending.random.token(kTagLength), headers);
    };
    const auto text = request.value(HeaderName::expires);
    const auto wish = text.empty() ? limits_.usual : base::seconds(base::parse_number<std::uint32_t>(text).value_or(0xffffffffU));
    if (wish.count() > 0 && wish < limits_.shortest)
        return refuse(423, fmt::format("Min-Expires: {}\r\n", limits_.shortest.count()));
    const auto known = by_dialog_.find(dialog_key(request));
    const bool is_new = known == by_dialog_.end();
    if (!is_new && !all_.at(known->second).dialog.receive(request)) return refuse(500, {});
    const auto id = is_new ? begin(sending, source, request, topic, std::move(place)) : known->second;
    if (id == 0) return refuse(400, {});
    const auto& subscription = all_.at(id);
    const auto granted = std::min(wish, limits_.longest);
    const auto& contact = subscription.place.contact;
    const auto shown = contact.starts_with('<') ? contact : '<' + contact + '>';
    respond(sending, server, source, request, 200, subscription.dialog.id.local_tag,
            fmt::format("Expires: {}\r\nContact: {}\r\n", granted.count(), shown));
    prolong(sending.now, id, granted);
}

// A subscription of no length is told the state and is over (RFC 6665 §4.4.3).
void Notifier::prolong(base::Now now, std::uint64_t id, base::seconds wish) {
    auto& subscription = all_.at(id);
    subscription.ends = now.steady + wish;
    subscription.over = wish.count() == 0 ? "timeout" : "";
    subscription.known.reset();
    subscription.may_notify = now.steady;
    if (wish.count() == 0)
        ends_.cancel(id);
    else
        ends_.set(id, subscription.ends);
    schedule(now, id, subscription);
}

// Due at once, or when the answer to the last NOTIFY has come, or when the pause after it is over.
void Notifier::schedule(base::Now now, std::uint64_t id, Subscription& subscription) {
    subscription.is_dirty = true;
    if (subscription.is_queued) return;
    if (subscription.is_waiting) {
        subscription.missed = true;
    } else if (now.steady < subscription.may_notify && subscription.over.empty()) {
        subscription.missed = true;
        pauses_.set(id, subscription.may_notify);
    } else {
        pauses_.cancel(id);
        subscription.is_queued = true;
        queue_.push_back(id);
    }
}

void Notifier::touch(base::Now now, std::string_view topic) {
    const auto [first, last] = by_topic_.equal_range(topic);
    for (auto one = first; one != last; ++one) schedule(now, one->second, all_.at(one->second));
}

void Notifier::finish(base::Now now, std::string_view topic, std::string_view reason) {
    const auto [first, last] = by_topic_.equal_range(topic);
    for (auto one = first; one != last; ++one) {
        auto& subscription = all_.at(one->second);
        subscription.over = reason;
        ends_.cancel(one->second);
        schedule(now, one->second, subscription);
    }
}

std::optional<Notifier::Due> Notifier::take_due(base::Now now) {
    while (!queue_.empty()) {
        const auto id = queue_.front();
        queue_.pop_front();
        const auto found = all_.find(id);
        if (found == all_.end()) continue;
        auto& subscription = found->second;
        subscription.is_queued = false;
        if (subscription.is_waiting || !subscription.is_dirty) continue;
        subscription.may_notify = now.steady + limits_.pause;
        return Due{id, subscription.topic, subscription.place.contact, subscription.version, subscription.known, subscription.missed};
    }
    return std::nullopt;
}

void Notifier::notify(const Sending& sending, const Due& due, std::string_view type, std::string_view body, std::uint64_t mark, bool more) {
    auto& subscription = all_.at(due.id);
    std::string branch, request;
    sending.transactions.append_branch(branch);
    const auto left = std::chrono::ceil<base::seconds>(subscription.ends - sending.now.steady).count();
    const auto state = subscription.over.empty() ? fmt::format("active;expires={}", left) : "terminated;reason=" + subscription.over;
    const auto headers = fmt::format("Event: {}\r\nSubscription-State: {}\r\n", subscription.event, state);
    subscription.dialog.append_request(request, Method::notify, branch, subscription.place.sent_by, subscription.place.contact, headers, type, body);
    subscription.is_waiting = true;
    subscription.is_dirty = subscription.missed = more;
    subscription.known = mark;
    ++subscription.version;
    sending.transactions.request(sending.now, subscription.dialog.hop, request, limits_.user + due.id, sending.out);
}

void Notifier::answered(base::Now now, std::uint64_t user, int status, std::string_view retry_after) {
    const auto id = user - limits_.user;
    const auto found = all_.find(id);
    if (status < 200 || found == all_.end()) return;
    auto& subscription = found->second;
    subscription.is_waiting = false;
    if (ends_subscription(status)) return erase(id);
    if (status >= 300) {
        subscription.known.reset();  // nobody knows what of it was read
        subscription.may_notify = now.steady + wait_of(retry_after);
        subscription.is_dirty = subscription.is_dirty || subscription.over.empty();
    }
    if (subscription.is_dirty) return schedule(now, id, subscription);
    if (!subscription.over.empty()) erase(id);
}

void Notifier::flow_failed(const Hop& hop) {
    for (auto& [id, subscription] : all_) subscription.dialog.flow_failed(hop);
}

void Notifier::expire(base::Now now) {
    while (const auto id = pauses_.pop_due(now.steady)) schedule(now, *id, all_.at(*id));
    while (const auto id = ends_.pop_due(now.steady)) {
        auto& subscription = all_.at(*id);
        subscription.over = "timeout";
        schedule(now, *id, subscription);
    }
}

std::optional<base::Instant> Notifier::next_deadline() {
    if (!queue_.empty()) return base::Instant{};
    const auto end = ends_.next(), pause = pauses_.next();
    if (!end || !pause) return end ? end : pause;
    return std::min(*end, *pause);
}

void Notifier::erase(std::uint64_t id) {
    const auto found = all_.find(id);
    const auto& subscription = found->second;
    const auto& dialog = subscription.dialog.id;
    by_dialog_.erase(fmt::format("{}\n{}\n{}", dialog.call_id, dialog.local_tag, dialog.remote_tag));
    const auto [first, last] = by_topic_.equal_range(subscription.topic);
    by_topic_.erase(std::find_if(first, last, [&](const auto& one) { return one.second == id; }));
    ends_.cancel(id);
    pauses_.cancel(id);
    all_.erase(found);
}

}  // namespace confab::sip
