// Callers whose conference lives on another bridge: 302 before their call is answered, REFER after (S1-60…S1-66, S1-70…S1-76), and the
// ticket that spares them the prompt over there.
#include <algorithm>
#include <utility>

#include "conf-bridge/core.hpp"

namespace confab::bridge {
namespace {

constexpr std::size_t kAdhocToken = 12;  // 60 bits: nobody guesses his way in

// A URI parameter, or one of the user part (sip:1234;ticket=…@host).
std::string_view parameter(const sip::Uri& uri, std::string_view name) {
    if (const auto value = uri.params.get(name)) return *value;
    const auto semicolon = std::min(uri.user.find(';'), uri.user.size());
    return sip::Params{uri.user.substr(semicolon)}.get(name).value_or("");
}

// RFC 3261 §25.1: what a user part may hold as it is.
std::string escaped(std::string_view user) {
    constexpr std::string_view kHex = "0123456789ABCDEF", kPlain = "-_.!~*'()&=+$,";
    std::string out;
    for (const char c : user) {
        const bool is_letter = (base::lower(c) >= 'a' && base::lower(c) <= 'z') || (c >= '0' && c <= '9');
        if (is_letter || kPlain.contains(c)) {
            out += c;
        } else {
            const auto octet = static_cast<unsigned char>(c);
            out.append({'%', kHex[octet >> 4], kHex[octet & 15]});
        }
    }
    return out;
}

std::string with_parameter(const std::string& uri, std::string_view name, const std::string& value) {
    return value.empty() ? uri : uri + ';' + std::string(name) + '=' + value;
}

// The conference's address over there: the number as it was dialled, unless the directory names another.
std::string address_at(const Home& home, const Leg& leg) {
    const auto uri = sip::parse_uri(home.uri);
    if (!uri->user.empty()) return home.uri;
    return std::string(uri->scheme) + ':' + escaped(leg.number) + '@' + home.uri.substr(uri->scheme.size() + 1);
}

Ticket::Seat seat_of(Role role) {
    switch (role) {
        case Role::participant: break;
        case Role::claimed_host: return Ticket::Seat::claimed_host;
        case Role::host: return Ticket::Seat::host;
    }
    return Ticket::Seat::participant;
}

Role role_of(Ticket::Seat seat) {
    return seat == Ticket::Seat::host ? Role::host : seat == Ticket::Seat::claimed_host ? Role::claimed_host : Role::participant;
}

}  // namespace

// Empty for a conference that lives here, and for whoever is refused anyway.
std::optional<Home> Core::home_for(const Leg& leg, const Answer& answer) const {
    if (!answer || leg.entry.state() == EntryState::refused || leg.entry.missed()) return std::nullopt;
    auto home = elsewhere(leg, *answer);
    // Who still owes a code is asked for it over there.
    if (home && !leg.entry.wants_keys()) home->seat = seat_of(leg.entry.role());
    return home;
}

std::optional<Home> Core::elsewhere(const Leg& leg, const local::Value& found) const {
    if (leg.outgoing.settled) return std::nullopt;
    Home home{std::string(found.text("home")), std::string(found.text("home_bridge")), std::string(found.text("conference"))};
    const auto uri = sip::parse_uri(home.uri);
    if (!uri || uri->host.empty() || !uri->headers.empty() || home.uri.find_first_of("<>\" \r\n") != home.uri.npos) return std::nullopt;
    const base::SocketAddress there{uri->ip().value_or(base::IpAddress{}),
                                    uri->port != 0 ? uri->port : sip::default_port(sip::Transport::udp)};
    const auto is_here = [&](const config::Listener& listener) { return uri->ip() && listener.visible() == there; };
    if (home.bridge == config_.name || std::ranges::any_of(listeners_, is_here)) return std::nullopt;
    return home;
}

std::string Core::ticket_for(const Leg& leg, const Home& home, base::Now now) {
    if (!outbound_.seal) return {};
    Ticket ticket;
    ticket.seat = home.seat;
    ticket.hops = static_cast<std::uint8_t>(leg.outgoing.hops + 1);
    ticket.expires = now.wall + config_.ticket_lifetime;
    ticket.made = now.wall;
    ticket.id = random_.next();
    ticket.number = leg.number;
    ticket.conference = home.conference;
    ticket.caller = leg.identity;
    ticket.bridge = home.bridge;
    return outbound_.seal->write(ticket);
}

void Core::send_home(Turn turn, Leg& leg, Home home) {
    const bool is_too_far = leg.outgoing.hops >= config_.redirect_limit;
    counters_.add(is_too_far ? Metric::redirects_refused : Metric::redirected);
    if (leg.stage != Leg::Stage::resolving) {
        if (is_too_far) return turn_away(turn, leg, PromptName::unavailable, kNoDirectory);
        return refer_home(turn, leg, home);
    }
    if (is_too_far) {
        reply_to(turn, leg, 482, {}, "Conference Moves in Circles");
        return release(turn, leg, kNotAdmitted);
    }
    if (config_.misdirected == Misdirected::refer) {
        leg.outgoing.home = std::move(home);
        return ask_for_media(turn, leg);
    }
    const auto contact = with_parameter(address_at(home, leg), config_.ticket_parameter, ticket_for(leg, home, turn.now));
    reply_to(turn, leg, 302, "Contact: <" + contact + ">\r\n");
    release(turn, leg, kElsewhere);
}

void Core::refer_home(Turn turn, Leg& leg, const Home& home) {
    disarm(leg.id, Alarm::digits);
    play(turn, leg, {});
    note(turn, base::Severity::info, leg, "conference lives elsewhere home=" + home.uri);
    refer_there(turn, leg, home, Referral::Why::misdirected);
}

// So many a second, so that whoever takes them is not flooded.
void Core::plan_move(Turn turn, const Leg& leg) {
    if (!draining_ || config_.drain_to.empty()) return;
    next_move_ = std::max(next_move_, turn.now.steady);
    arm(leg.id, Alarm::move, next_move_);
    next_move_ += base::Duration(base::seconds(1)) / config_.drain_rate;
}

// A conference that only this bridge knows cannot move, and who waits to be admitted is not let in by moving.
void Core::move(Turn turn, Leg& leg) {
    const auto* conference = find_conference(leg.conference);
    const bool is_outside = leg.waiting && leg.entry.state() == EntryState::lobby;
    const bool may_go = leg.member != 0 && !is_outside && conference && !conference->is_adhoc;
    if (config_.drain_to.empty() || !may_go || leg.farewell || leg.outgoing.referral || std::exchange(leg.outgoing.asked_to_move, true)) return;
    play(turn, leg, {PromptName::moving});
    refer_there(turn, leg, {config_.drain_to, {}, leg.conference, leg.host ? Ticket::Seat::host : Ticket::Seat::participant}, Referral::Why::drained);
}

// Referred-By carries the ticket too: phones copy it into the call that they make (RFC 3892), whatever becomes of Refer-To's parameters.
void Core::refer_there(Turn turn, Leg& leg, const Home& home, Referral::Why why) {
    const auto ticket = ticket_for(leg, home, turn.now);
    refer(turn, leg, why, with_parameter(address_at(home, leg), config_.ticket_parameter, ticket),
          with_parameter(own_uri(leg), config_.ticket_parameter, ticket));
}

// The ticket that a caller brings, from the Request-URI or else from Referred-By; whatever is wrong with it, he is asked as if he had none.
std::optional<Ticket> Core::take_ticket(Turn turn, Leg& leg, const sip::Uri& uri) {
    auto text = parameter(uri, config_.ticket_parameter);
    std::optional<sip::NameAddr> referrer;
    if (text.empty()) referrer = sip::parse_name_addr(message_.value(sip::HeaderName::referred_by));
    if (referrer) text = parameter(referrer->uri, config_.ticket_parameter);
    if (text.empty() || !outbound_.seal) return std::nullopt;
    const auto refuse = [&](TicketFault fault) -> std::optional<Ticket> {
        counters_.add(Metric::tickets_refused);
        note(turn, base::Severity::info, leg, "a ticket was not taken: it is " + std::string(fault_text(fault)));
        return std::nullopt;
    };
    auto ticket = outbound_.seal->read(text);
    if (!ticket) return refuse(ticket.error());
    leg.outgoing.hops = ticket->hops;
    const auto fits = verify(*ticket, turn.now.wall, outbound_.started, {leg.number, leg.identity, config_.name});
    if (!fits) return refuse(fits.error());
    if (!outbound_.window.take(turn.now.wall, *ticket)) return refuse(TicketFault::used);
    if (ticket->seat == Ticket::Seat::none) return std::nullopt;
    leg.outgoing.settled = ticket->bridge.empty();
    counters_.add(Metric::tickets_taken);
    return std::move(*ticket);
}

// The passcode was right on the bridge that sealed the ticket, so the directory is not asked for it again.
bool Core::resolve_by_ticket(Turn turn, Leg& leg, const sip::Uri& uri) {
    const auto ticket = take_ticket(turn, leg, uri);
    if (!ticket) return false;
    leg.entry.vouch(role_of(ticket->seat));
    const auto id = ++last_question_;
    questions_.emplace(id, Pending{.leg = leg.id});
    turn.effects.ask.push_back(
        {id, "resolve", local::Value::object({{"number", ticket->conference}, {"passcode", ""}, {"vouched", true}})});
    return true;
}

// RFC 4579 §5.4: the Contact of the answer names the conference; who has it may join by it.
void Core::open_adhoc(Turn turn, Leg& leg, const sip::Hop& source) {
    leg.number = config_.factory + '-' + random_.token(kAdhocToken);
    sip::Uri uri;
    uri.user = leg.number;
    leg.contact = contact_for(source, uri);
    leg.host = true;
    if (!takes_rooms()) {
        leg.entry.refuse(Refusal::busy);
        return refuse_entry(turn, leg);
    }
    open_conference(turn, leg, leg.number, local::Value::object({{"name", leg.name}})).is_adhoc = true;
    join_adhoc(turn, leg);
}

void Core::join_adhoc(Turn turn, Leg& leg) {
    leg.found = local::Value::object({{"conference", leg.number}});
    leg.entry.vouch(leg.host ? Role::host : Role::participant);
    leg.entry.resolved(Verdict::right, {}, leg.given, surroundings(turn, leg), config_);
    proceed(turn, leg);
}

}  // namespace confab::bridge
