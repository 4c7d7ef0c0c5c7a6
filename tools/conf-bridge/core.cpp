#include "conf-bridge/core.hpp"

#include <algorithm>

#include "conf-bridge/capabilities.hpp"

namespace confab::bridge {
namespace {

constexpr unsigned kAlarmBits = 4;
constexpr std::uint64_t kBeatQuestion = 0;  // no leg waits for its answer
constexpr std::size_t kLeastServed = 1'000, kLongestServed = 512;

// Tags and branches must not come from one stream, or each would tell about the other.
base::Seed tag_seed(base::Seed seed) {
    seed.back() ^= 0xff;
    return seed;
}

}  // namespace

Core::Core(Config config, std::vector<config::Listener> listeners, const base::Seed& seed)
    : config_(std::move(config)),
      listeners_(std::move(listeners)),
      timers_(sip::Timers{.t1 = config_.t1, .t2 = config_.t2, .t4 = config_.t4}),
      transactions_(timers_, seed, config_.transactions),
      random_(tag_seed(seed)),
      records_(seed),
      notifier_(subscription_limits(config_)),
      load_(config_.media_threads), used_(config_.media_threads) {}

void Core::start(base::Now now, Effects& effects) {
    outbound_.started = now.wall;
    beat({now, effects});
}

void Core::recover_call(base::Now now, std::string_view line, Effects& effects) { LegRecords::recover(now, line, effects.records); }

void Core::receive(base::Now now, const sip::Hop& source, std::string_view bytes, bool is_stream, Effects& effects) {
    const Turn turn{now, effects};
    if (sip::split(bytes, message_, is_stream) != sip::ParseError::none) return on_malformed(turn, source);
    handle(turn, transactions_.receive(now, source, message_, effects.transmit), source);
}

void Core::handle(Turn turn, const sip::Event& event, const sip::Hop& source) {
    using enum sip::Event::Kind;
    switch (event.kind) {
        case request: return on_request(turn, event.server, source);
        case ack: return on_ack(turn);
        case cancel: return on_cancel(turn, event.server);
        case response:
        case timeout:
        case unreachable: return on_outcome(turn, event);
        default: return;
    }
}

void Core::on_malformed(Turn turn, const sip::Hop& source) {
    counters_.add(Metric::malformed);
    if (!message_.is_request || !message_.answerable() || message_.method == sip::Method::ack) return counters_.add(Metric::dropped);
    const auto tag = random_.token(kTagLength);
    sip::ResponseParts parts;
    parts.status = sip::status_for(message_.error);
    if (message_.error != sip::ParseError::version) parts.reason = sip::parse_error_text(message_.error);
    parts.to_tag = tag;
    turn.effects.transmit.compose(sip::response_hop(message_, source),
                                  [&](std::string& out) { sip::append_response(out, message_, source, parts); });
}

void Core::on_request(Turn turn, sip::ServerId server, const sip::Hop& source) {
    counters_.add(Metric::requests);
    if (!is_served(message_.method)) {
        counters_.add(Metric::refused_methods);
        return reply(turn, server, source, message_.method == sip::Method::other ? 501 : 405, allow_line());
    }
    const auto uri = sip::parse_uri(message_.uri);
    if (!uri || !(base::iequals(uri->scheme, "sip") || base::iequals(uri->scheme, "sips"))) return reply(turn, server, source, 416);
    if (!admit_extensions(turn, server, source)) return;
    if (message_.method == sip::Method::subscribe) return on_subscribe(turn, server, source);
    if (!message_.to_tag.empty()) return on_in_dialog(turn, server, source);
    if (message_.method == sip::Method::invite) return on_invite(turn, server, source);
    if (message_.method == sip::Method::options) return on_options(turn, server, source);
    if (message_.method == sip::Method::refer) return on_refer(turn, server, source, nullptr);
    if (message_.method == sip::Method::message) return on_message(turn, server, source, nullptr);
    reply(turn, server, source, 481);
}

// §8.2.2.2, for what acts outside dialogs and makes no leg: it came by another path, and is still served.
bool Core::is_merged(sip::ServerId server) {
    std::string key;
    key.append(message_.call_id).append("\n").append(message_.from_tag).append("\n").append(message_.value(sip::HeaderName::cseq));
    if (key.size() > kLongestServed) return false;
    const auto [known, is_new] = served_.try_emplace(std::move(key), server);
    if (!is_new && transactions_.source_of(known->second)) return true;
    known->second = server;
    if (served_.size() < most_served_) return false;
    std::erase_if(served_, [this](const auto& one) { return !transactions_.source_of(one.second); });
    most_served_ = std::max(kLeastServed, 2 * served_.size());
    return false;
}

// §11.2: the status that an INVITE would get, as far as it does not turn on who calls whom.
void Core::on_options(Turn turn, sip::ServerId server, const sip::Hop& source) {
    const auto uri = sip::parse_uri(message_.uri);
    const bool is_open = !draining_ && !is_overloaded();
    if (legs_.size() >= config_.legs || (!is_open && !is_running(dialled_number(*uri)))) return reply(turn, server, source, 503, retry_after());
    const auto contact = uri->user.empty() ? std::string() : "Contact: " + contact_for(source, *uri) + "\r\n";  // the bridge itself is no focus
    reply(turn, server, source, 200, contact + std::string(kAcceptLines) + service_lines());
}

void Core::on_cancel(Turn turn, sip::ServerId server) {
    const auto found = by_server_.find(server);
    Leg* leg = found == by_server_.end() ? nullptr : find(found->second);
    if (!leg) return;
    counters_.add(Metric::cancelled);
    reply_to(turn, *leg, 487);
    release(turn, *leg, kHungUp);
}

void Core::answer(base::Now now, std::uint64_t question, const Answer& answer, Effects& effects) {
    const Turn turn{now, effects};
    if (question == kBeatQuestion) {
        if (!answer || !answer->flag("accepted")) counters_.add(Metric::beats_failed);
        return;
    }
    const auto found = questions_.find(question);
    if (found == questions_.end()) return;
    const auto pending = found->second;
    questions_.erase(found);
    if (!answer) counters_.add(Metric::unanswered_questions);
    if (pending.dial != 0) return on_number_checked(turn, pending.dial, answer);
    Leg* leg = find(pending.leg);
    if (!leg) return;
    on_resolved(turn, *leg, answer, pending.passcode_given);
}

void Core::media(base::Now now, const MediaEvent& event, Effects& effects) {
    const Turn turn{now, effects};
    using enum MediaEvent::Kind;
    if (event.kind == opened) sockets_ += 2;
    if (event.kind == closed) sockets_ -= 2;
    Leg* leg = find(event.leg);
    if (!leg) return;
    if (leg->announcement && on_announcement(turn, *leg, event.kind)) return;
    if (leg->is_naming() && on_naming(turn, *leg, event)) return;
    switch (event.kind) {
        case opened: return on_opened(turn, *leg, event.local);
        case open_failed:
            leg->has_media = false;
            --load_[leg->thread];
            note(turn, base::Severity::warning, *leg, "no RTP ports for a leg");
            [[fallthrough]];
        case room_full: return hang_up(turn, *leg, kNoMedia);
        case closed: return on_closed(turn, *leg, event.moved);
        case talking: return set_talking(turn, *leg, true);
        case silent: return set_talking(turn, *leg, false);
        case digit: return on_digit(turn, *leg, event.digit);
        case prompt_ended: return on_prompt_ended(turn, *leg);
        case media_stopped: counters_.add(Metric::media_stopped); return hang_up(turn, *leg, kMediaStopped);
    }
}

void Core::flow_failed(base::Now now, const sip::Hop& hop, Effects& effects) {
    transactions_.flow_failed(now, hop);
    for (auto& [id, leg] : legs_) leg->dialog.flow_failed(hop);
    notifier_.flow_failed(hop);
    expire(now, effects);
}

std::optional<base::Instant> Core::next_deadline() {
    std::optional<base::Instant> next;
    for (const auto& one : {deadlines_.next(), transactions_.next_deadline(), notifier_.next_deadline()})
        if (one && (!next || *one < *next)) next = one;
    return next;
}

void Core::expire(base::Now now, Effects& effects) {
    const Turn turn{now, effects};
    while (transactions_.more_due(now)) handle(turn, transactions_.expire(now, effects.transmit), {});
    while (const auto due = deadlines_.pop_due(now.steady))
        on_alarm(turn, {static_cast<std::uint32_t>(*due >> kAlarmBits)}, static_cast<Alarm>(*due & ((1u << kAlarmBits) - 1)));
    notifier_.expire(now);
    notify_watchers(turn);
}

void Core::arm(media::LegId id, Alarm alarm, base::Instant at) {
    deadlines_.set((static_cast<std::uint64_t>(id.value) << kAlarmBits) | static_cast<std::uint64_t>(alarm), at);
}

void Core::disarm(media::LegId id, Alarm alarm) {
    deadlines_.cancel((static_cast<std::uint64_t>(id.value) << kAlarmBits) | static_cast<std::uint64_t>(alarm));
}

void Core::on_alarm(Turn turn, media::LegId id, Alarm alarm) {
    if (alarm == Alarm::beat) return beat(turn);
    if (alarm == Alarm::redial) return on_redial(turn, id.value);
    if (alarm == Alarm::beep) return on_beep(turn, id.value);
    Leg* leg = find(id);
    if (!leg) return;
    if (alarm == Alarm::ring) return on_ring_timeout(turn, *leg);
    if (alarm == Alarm::referral) return on_referral_failed(turn, *leg, 408);
    if (alarm == Alarm::digits) return leg->announcement ? finish_refusal(turn, *leg) : on_digit_timeout(turn, *leg);
    if (alarm == Alarm::move) return move(turn, *leg);
    if (alarm == Alarm::session) return on_session_due(turn, *leg);
    if (leg->announcement) return on_reliable_due(turn, *leg);
    if (!leg->unacknowledged) return;
    auto& answer = *leg->unacknowledged;
    if (alarm == Alarm::retransmit) {
        transactions_.respond(turn.now, answer.server, answer.bytes, turn.effects.transmit);
        answer.interval = std::min(2 * answer.interval, timers_.t2);
        return arm(id, Alarm::retransmit, turn.now.steady + answer.interval);
    }
    counters_.add(Metric::unacknowledged);
    note(turn, base::Severity::info, *leg, "no ACK came for a 200");
    leg->unacknowledged.reset();
    disarm(id, Alarm::retransmit);
    leg->stage = Leg::Stage::confirmed;  // §15: BYE is allowed once the wait for ACK is over
    hang_up(turn, *leg, leg->farewell.value_or(kNoAck));
}

void Core::beat(Turn turn) {
    auto running = local::Value::array();
    for (const auto& [number, conference] : conferences_) running.push(number);
    turn.effects.ask.push_back({kBeatQuestion, "beat",
                                local::Value::object({{"bridge", config_.name},
                                                      {"address", config_.address.text()},
                                                      {"legs", static_cast<std::uint64_t>(legs_.size())},
                                                      {"conferences", static_cast<std::uint64_t>(conferences_.size())},
                                                      {"capacity", is_overloaded() ? legs_.size() : config_.legs},
                                                      {"draining", draining_},
                                                      {"running", std::move(running)}})});
    arm({}, Alarm::beat, turn.now.steady + config_.beat_interval);
}

void Core::reply(Turn turn, sip::ServerId server, const sip::Hop& source, int status, std::string_view headers,
                 std::string_view reason) {
    const auto tag = random_.token(kTagLength);
    respond(turn, server, source, {.status = status, .reason = reason, .to_tag = tag, .headers = headers});
}

// §8.2.6.2: whatever answers an INVITE has the tag of its dialog.
void Core::reply_to(Turn turn, const Leg& leg, int status, std::string_view headers, std::string_view reason) {
    reread(leg);
    respond(turn, leg.server, leg.source, {.status = status, .reason = reason, .to_tag = leg.dialog.id.local_tag, .headers = headers});
}

void Core::respond(Turn turn, sip::ServerId server, const sip::Hop& source, const sip::ResponseParts& parts) {
    scratch_.clear();
    sip::append_response(scratch_, message_, source, parts);
    transactions_.respond(turn.now, server, scratch_, turn.effects.transmit);
}

void Core::reread(const Leg& leg) {
    sip::split(leg.request, message_, sip::is_stream(leg.source.transport));
    if (!holds_sdp(message_)) message_.body = {};
}

void Core::refuse_busy(Turn turn, sip::ServerId server, const sip::Hop& source) {
    counters_.add(Metric::overloaded);
    reply(turn, server, source, 503, retry_after());
}

std::string Core::retry_after() const {
    std::string line = "Retry-After: ";
    base::append_number(line, static_cast<std::uint64_t>(config_.retry_after.count()));
    return line + "\r\n";
}

Leg* Core::find(media::LegId id) {
    const auto found = legs_.find(id.value);
    return found == legs_.end() ? nullptr : found->second.get();
}

Leg* Core::find_dialog() {
    const auto found = by_tag_.find(message_.to_tag);
    Leg* leg = found == by_tag_.end() ? nullptr : find(found->second);
    if (!leg || leg->dialog.id.call_id != message_.call_id || leg->dialog.id.remote_tag != message_.from_tag) return nullptr;
    return leg;
}

bool Core::is_trusted(const sip::Hop& source) const {
    return std::ranges::any_of(config_.trusted, [&](const base::Network& network) { return network.contains(source.peer.ip); });
}

const config::Listener& Core::listener_of(const sip::Hop& hop) const {
    if (hop.listener < listeners_.size()) return listeners_[hop.listener];
    const auto fits = [&](const config::Listener& listener) {
        return listener.transport == sip::param_name(hop.transport) && listener.address.ip.family == hop.peer.ip.family;
    };
    const auto found = std::ranges::find_if(listeners_, fits);
    return found == listeners_.end() ? listeners_.front() : *found;
}

void Core::note(Turn turn, base::Severity severity, const Leg& leg, std::string text) const {
    text += " leg=" + std::to_string(leg.id.value) + " number=" + leg.number;
    turn.effects.notes.push_back({severity, std::move(text), leg.dialog.id.call_id});
}

void Core::tell(Turn turn, const Leg& leg, decltype(MediaCommand::what) what) const {
    // Whoever attaches or changes a leg: its keys go along, and where its RTCP is to go.
    const auto add_agreed = [&leg](auto& command) {
        if constexpr (requires { command.keys; }) command.keys = keys_of(leg.agreed);
        if constexpr (requires { command.remote_rtcp; }) command.remote_rtcp = leg.agreed->remote_rtcp;
    };
    std::visit(add_agreed, what);
    turn.effects.media.push_back({leg.thread, std::move(what)});
}

void Core::reload(const Config& fresh) {
    const bool masked = config_.mask_numbers;
    take_live(config_, fresh);
    if (config_.mask_numbers != masked) retell_rosters();
}

void Core::drain(base::Now now, Effects& effects) {
    draining_ = true;
    beat({now, effects});
    for (const auto& [id, leg] : legs_)
        if (leg->member != 0) plan_move({now, effects}, *leg);
}

std::uint64_t Core::lobby_size() const {
    const auto waits = [](const auto& row) { return row.second->is_confirmed() && row.second->in_lobby(); };
    return static_cast<std::uint64_t>(std::ranges::count_if(legs_, waits));
}

local::Value Core::status() const {
    return local::Value::object({{"legs", static_cast<std::uint64_t>(legs_.size())},
                                 {"lobby", lobby_size()},
                                 {"conferences", static_cast<std::uint64_t>(conferences_.size())},
                                 {"dialogs", static_cast<std::uint64_t>(by_tag_.size())},
                                 {"questions", static_cast<std::uint64_t>(questions_.size())},
                                 {"server_transactions", static_cast<std::uint64_t>(transactions_.live_servers())},
                                 {"client_transactions", static_cast<std::uint64_t>(transactions_.live_clients())},
                                 {"media_sockets", sockets_},
                                 {"subscriptions", static_cast<std::uint64_t>(notifier_.size())},
                                 {"draining", draining_}});
}

std::span<const std::uint64_t> Core::metrics(const MediaCounts& media) {
    counters_.set(Metric::legs, legs_.size());
    counters_.set(Metric::lobby, lobby_size());
    counters_.set(Metric::conferences, conferences_.size());
    counters_.set(Metric::dialogs, by_tag_.size());
    counters_.set(Metric::server_transactions, transactions_.live_servers());
    counters_.set(Metric::client_transactions, transactions_.live_clients());
    counters_.set(Metric::media_sockets, sockets_);
    counters_.set(Metric::subscriptions, notifier_.size());
    counters_.set(Metric::rooms, media.rooms);
    counters_.set(Metric::recordings, tracks_.size());
    counters_.set(Metric::lost_ticks, media.lost_ticks);
    counters_.set(Metric::rtp_received, media.received);
    counters_.set(Metric::rtp_sent, media.sent);
    counters_.set(Metric::rtp_rejected, media.rejected);
    counters_.set(Metric::rtp_unauthentic, media.unauthentic);
    counters_.set(Metric::rtcp_received, media.rtcp_received);
    counters_.set(Metric::rtcp_sent, media.rtcp_sent);
    counters_.set(Metric::rtcp_rejected, media.rtcp_rejected);
    counters_.set(Metric::dropped_digits, media.dropped_digits);
    counters_.set(Metric::media_load, media.load);
    return counters_.values();
}

}  // namespace confab::bridge
