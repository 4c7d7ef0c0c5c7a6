#include "sip-registrar/core.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "sip/compose.hpp"
#include "sip/grammar.hpp"

namespace confab::registrar {
namespace {

using sip::HeaderName;
using sip::Method;

constexpr std::string_view kAllow = "Allow: REGISTER, OPTIONS, SUBSCRIBE\r\n";
constexpr std::string_view kAlive =
    "Allow: REGISTER, OPTIONS, SUBSCRIBE\r\nAccept: application/sdp\r\nAllow-Events: reg\r\nSupported: path, outbound, gruu\r\n";
constexpr std::string_view kBody = "application/reginfo+xml";
constexpr std::size_t kCallIdLength = 256;
constexpr std::size_t kNoteLength = 64;
constexpr int kNoAnswer = 408;
constexpr std::size_t kRepeats = 10;  // remembered for each transaction that is allowed, of which they have a tenth of the size

base::Seed fresh_seed(base::Random& random) {
    base::Seed seed;
    random.fill(seed);
    return seed;
}

sip::DigestPolicy digest_policy(const Config& config, std::string secret, base::Random& random) {
    return {.realm = config.realm,
            .algorithms = sip::algorithms_of(config.digest_algorithms),
            .secret = std::move(secret),
            .verifier = config.verifier < sip::kConfiguredVerifiers ? config.verifier : sip::random_verifier(random),
            .nonce_lifetime = config.nonce_lifetime,
            .windows = config.nonce_windows};
}

sip::Bindings::Limits binding_limits(const Config& config) {
    return {.contacts_per_address = config.contacts_per_address,
            .total = config.bindings,
            .when_full = config.contact_policy,
            .failures = static_cast<std::uint8_t>(config.liveness_interval.count() > 0 ? config.liveness_failures : 0)};
}

// The user part of an address's key.
std::string_view user_of(std::string_view key) {
    const auto at = key.rfind('@');
    return at == std::string_view::npos || !key.starts_with("sip:") ? std::string_view{} : key.substr(4, at - 4);
}

// Text of a peer's for a log line: cut, and never more than one line.
std::string_view one_line(std::string_view text, std::size_t length) { return text.substr(0, std::min(length, text.find_first_of("\r\n"))); }

std::string received_text(const sip::Hop& source) { return fmt::format("{}:{}", sip::param_name(source.transport), source.peer.text()); }

bool accepts(const sip::Message& request, std::string_view body) {
    const auto* header = request.find(HeaderName::accept);
    if (!header) return true;
    for (auto rest = header->value; const auto value = sip::next_value(rest);) {
        const auto type = base::trim(value->substr(0, value->find(';')));
        if (base::iequals(type, body) || type == "*/*" || base::iequals(type, "application/*")) return true;
    }
    return false;
}

}  // namespace

void Effects::clear() {
    transmit.clear();
    notes.clear();
    writes.clear();
    questions.clear();
    vouched.clear();
}

Core::Core(const Config& config, std::string nonce_secret, const base::Seed& seed)
    : config_(config),
      random_(seed),
      secret_{random_.next(), random_.next()},
      transactions_({.t1 = config.t1, .t2 = config.t2, .t4 = config.t4}, fresh_seed(random_), config.transactions),
      challenger_(digest_policy(config, nonce_secret, random_)),
      repeats_(64 * config.t1, kRepeats * config.transactions),
      gruus_(nonce_secret),
      users_(random_),
      bindings_(binding_limits(config)),
      subscriptions_({.total = config.subscriptions, .longest = config.subscription_expires}, bindings_),
      liveness_(config.realm) {
    set_listeners(config.listen);
    reconfigure(config);
}

void Core::set_listeners(const std::vector<config::Listener>& listeners) {
    own_.clear();
    for (const auto& listener : listeners) own_.insert(own_.end(), {listener.address.ip, listener.visible().ip});
    subscriptions_.set_listeners(listeners);
    liveness_.set_listeners(listeners);
}

void Core::reconfigure(const Config& config) {
    take_live(config_, config);
    bindings_.set_limits(binding_limits(config_));
    overload_.set_limits({.delay = config_.overload_delay});
    liveness_.set_interval(config_.liveness_interval);
    service_route_.clear();
    for (const auto& route : config_.service_route) service_route_.append("Service-Route: <").append(route).append(">\r\n");
}

void Core::receive(base::Now now, const sip::Hop& source, std::string_view bytes, bool is_stream, Effects& effects) {
    sip::Message message;
    if (sip::split(bytes, message, is_stream) != sip::ParseError::none) return reject_malformed(source, message, effects);
    // Without transactions (§8.2.7): what is answered at once and may be answered again. A flood of INVITEs would be remembered otherwise.
    if (message.is_request && message.method != Method::subscribe) {
        if (message.method == Method::ack) return counters_.add(Metric::dropped);
        counters_.add(Metric::requests);
        return handle({now, {}, source, message}, effects);
    }
    const auto event = transactions_.receive(now, source, message, effects.transmit);
    switch (event.kind) {
        case sip::Event::Kind::request:
            counters_.add(Metric::requests);
            return handle({now, event.server, source, message}, effects);
        case sip::Event::Kind::response: return finish(now, event.user, message.status, effects);
        case sip::Event::Kind::stray: return counters_.add(Metric::dropped);
        default: return;
    }
}

// Outside any transaction: a malformed request has no key to find one by (RFC 3261 §8.2.7 allows stateless answers).
void Core::reject_malformed(const sip::Hop& source, const sip::Message& message, Effects& effects) {
    counters_.add(Metric::malformed);
    if (!message.is_request || message.method == Method::ack || !message.answerable()) return counters_.add(Metric::dropped);
    if (!overload_.admits(sip::Overload::Work::fresh)) return counters_.add(Metric::dropped);
    const auto reason = message.error == sip::ParseError::version ? std::string_view{} : sip::parse_error_text(message.error);
    respond({{}, {}, source, message}, sip::status_for(message.error), {}, effects, reason);
}

void Core::handle(const Request& request, Effects& effects) {
    const auto method = request.message.method;
    if (method == Method::cancel) return respond(request, 481, {}, effects);
    if (method != Method::register_ && method != Method::options && method != Method::subscribe) {
        counters_.add(Metric::refused_methods);
        if (!overload_.admits(sip::Overload::Work::fresh)) return counters_.add(Metric::dropped);
        return respond(request, method == Method::other ? 501 : 405, kAllow, effects);
    }
    const auto uri = sip::parse_uri(request.message.uri);
    if (uri && !base::iequals(uri->scheme, "sip") && !base::iequals(uri->scheme, "sips")) return respond(request, 416, {}, effects);
    if (request.message.find(HeaderName::require) != nullptr) {
        if (auto unknown = unknown_requirements(request.message); !unknown.empty()) {
            counters_.add(Metric::refused_methods);
            return respond(request, 420, fmt::format("Unsupported: {}\r\n", unknown), effects);
        }
    }
    if (method == Method::register_) return handle_register(request, effects);
    if (method == Method::options) return handle_options(request, effects);
    handle_subscribe(request, effects);
}

void Core::handle_options(const Request& request, Effects& effects) {
    if (is_challenged("OPTIONS")) {
        auto proof = read_credentials(request);
        prove(request, proof, effects);
        if (!let_in(request, proof, effects)) return;
    }
    respond(request, 200, kAlive, effects);
}

// RFC 6665 §4.2 and RFC 3680.
void Core::handle_subscribe(const Request& request, Effects& effects) {
    const auto& message = request.message;
    const auto event = message.value(HeaderName::event);
    if (!base::iequals(base::trim(event.substr(0, event.find(';'))), "reg")) return respond(request, 489, "Allow-Events: reg\r\n", effects);
    if (!accepts(message, kBody)) return respond(request, 406, fmt::format("Accept: {}\r\n", kBody), effects);
    if (!message.to_tag.empty()) {
        if (!subscriptions_.knows(message)) return respond(request, 481, {}, effects);
        return subscriptions_.subscribe(sending(request.now, effects), request.server, request.source, message, {});
    }
    const auto uri = sip::parse_uri(message.uri);
    const auto address = uri ? address_of(*uri) : std::nullopt;
    if (!address || !is_served(*uri)) return respond(request, 404, {}, effects);
    if (!may_watch(request, *address, effects)) return;
    if (!is_known(*address)) return respond(request, 404, {}, effects);
    if (draining_ || subscriptions_.is_full()) {
        counters_.add(Metric::refused_bounds);
        return respond(request, 503, fmt::format("Retry-After: {}\r\n", config_.retry_after.count()), effects);
    }
    subscriptions_.subscribe(sending(request.now, effects), request.server, request.source, message, *address);
}

// A trusted peer may watch everybody when it asks for itself, and for whom it asserts otherwise (RFC 3325); a user, his own addresses.
bool Core::may_watch(const Request& request, std::string_view address, Effects& effects) {
    if (is_trusted(request.source)) {
        if (keeps_flow(request.message, {})) return true;  // no other element before it
        const auto asserted = sip::parse_name_addr(request.message.value(HeaderName::p_asserted_identity));
        if (asserted && address_of(asserted->uri) == address) return true;
    }
    if (!is_challenged("SUBSCRIBE")) return true;
    auto proof = read_credentials(request);
    prove(request, proof, effects);
    if (!let_in(request, proof, effects)) return false;
    if (proof.user() == user_of(address)) return true;
    counters_.add(Metric::refused_owner);
    note(base::Severity::warning, request, "subscription to somebody else refused", proof.user(), effects);
    respond(request, 403, {}, effects);
    return false;
}

// A request of ours has its answer.
void Core::finish(base::Now now, std::uint64_t user, int status, Effects& effects) {
    if (!Liveness::is_user(user)) return subscriptions_.answered(sending(now, effects), user, status);
    const auto verdict = liveness_.answered(user, status);
    if (!verdict || !bindings_.heard(verdict->cursor, verdict->address, verdict->is_alive) || verdict->is_alive) return;
    counters_.add(Metric::unreachable);
    if (config_.unreachable != UnreachablePolicy::remove) return;
    Changes changes;
    bindings_.drop(verdict->cursor, verdict->address, changes);
    record(now, std::move(changes), ContactEvent::deactivated, effects);
}

// For the store, and for those who watch.
void Core::record(base::Now now, Changes changes, ContactEvent why, Effects& effects) {
    if (changes.empty()) return;
    subscriptions_.changed(sending(now, effects), changes, why);
    if (config_.durability != Durability::memory) effects.writes.push_back({0, std::move(changes)});
}

void Core::flow_failed(base::Now now, const sip::Hop& hop, Effects& effects) {
    transactions_.flow_failed(now, hop);
    if (!sip::is_stream(hop.transport)) return;
    Changes changes;
    bindings_.connection_closed(received_text(hop), hop.peer, changes);
    counters_.add(Metric::flows_gone, changes.size());
    record(now, std::move(changes), ContactEvent::deactivated, effects);
}

std::optional<base::Instant> Core::next_deadline() {
    std::optional<base::Instant> first;
    for (const auto& one : {transactions_.next_deadline(), bindings_.next_deadline(), subscriptions_.next_deadline(), liveness_.next_deadline(bindings_)})
        if (one && (!first || *one < *first)) first = one;
    if (!asked_.empty() && (!first || asked_.begin()->second.until < *first)) first = asked_.begin()->second.until;
    return first;
}

void Core::expire(base::Now now, Effects& effects) {
    while (transactions_.more_due(now)) {
        const auto event = transactions_.expire(now, effects.transmit);
        if (event.kind == sip::Event::Kind::timeout || event.kind == sip::Event::Kind::unreachable) finish(now, event.user, kNoAnswer, effects);
    }
    give_up_asking(now, effects);
    Changes changes;
    bindings_.expire(now, changes);
    counters_.add(Metric::expired, changes.size());
    record(now, std::move(changes), ContactEvent::expired, effects);
    subscriptions_.expire(sending(now, effects));
    liveness_.expire(sending(now, effects), bindings_);
}

std::vector<std::string> Core::addresses_of(std::string_view user) const {
    std::vector<std::string> addresses;
    for (const auto& domain : config_.domains) addresses.push_back(fmt::format("sip:{}@{}", user, domain));
    return addresses;
}

bool Core::is_known(std::string_view address) const {
    const auto uri = sip::parse_uri(address);
    return uri && is_served(*uri) && (config_.user_database.is_external() || users_.contains(user_of(address)));
}

std::optional<Wanted> Core::wanted(std::string_view text) const {
    const auto uri = sip::parse_uri(text);
    return uri ? gruus_.read(*uri) : std::nullopt;
}

void Core::forget_user(base::Now now, std::string_view user, Effects& effects) {
    Changes changes;
    for (const auto& address : addresses_of(user)) (void)bindings_.remove_all(now, address, {}, 0, changes);
    record(now, std::move(changes), ContactEvent::deactivated, effects);
}

std::size_t Core::flow_gone(base::Now now, std::string_view flow, Effects& effects) {
    Changes changes;
    bindings_.remove_flow(flow, changes);
    const auto removed = changes.size();
    counters_.add(Metric::flows_gone, removed);
    record(now, std::move(changes), ContactEvent::deactivated, effects);
    return removed;
}

// RFC 3261 §10.3 step 1: a domain of ours, or the address that a client without DNS knows.
bool Core::is_served(const sip::Uri& uri) const {
    if (!base::iequals(uri.scheme, "sip") && !base::iequals(uri.scheme, "sips")) return false;
    const auto same = [&](std::string_view domain) { return base::iequals(domain, uri.host); };
    return std::ranges::any_of(config_.domains, same);
}

bool Core::is_own_address(const sip::Uri& uri) const {
    const auto ip = uri.ip();
    return ip && std::ranges::find(own_, *ip) != own_.end();
}

bool Core::is_trusted(const sip::Hop& source) const {
    return std::ranges::any_of(config_.trusted, [&](const base::Network& network) { return network.contains(source.peer.ip); });
}

bool Core::is_challenged(std::string_view method) const { return std::ranges::find(config_.authenticate, method) != config_.authenticate.end(); }

std::uint64_t Core::tag_hash(const sip::Message& message) const {
    return sip::sip_hash(secret_, message.via.branch.empty() ? message.bytes : message.via.branch).low;
}

std::uint64_t Core::repeat_key(const Request& request, std::uint64_t hash) { return hash ^ std::hash<base::SocketAddress>{}(request.source.peer); }

std::uint64_t Core::whole_key(const Request& request) const { return repeat_key(request, sip::sip_hash(secret_, request.message.bytes).high); }

// The tag is the same for the same request, because there may be no transaction that would remember one (§8.2.7).
void Core::append_answer(std::string& out, const Request& request, int status, std::string_view headers, std::string_view reason) {
    const auto& message = request.message;
    const auto hash = tag_hash(message);
    tag_.clear();
    for (unsigned shift = 0; shift < 60; shift += 5) tag_.push_back("0123456789abcdefghijklmnopqrstuv"[hash >> shift & 31]);
    sip::append_response(out, message, request.source,
                         {.status = status, .reason = reason, .to_tag = tag_, .headers = headers, .content_type = {}, .body = {}});
}

void Core::respond(const Request& request, int status, std::string_view headers, Effects& effects, std::string_view reason) {
    if (request.repeat != 0) {
        if (status == 200)
            repeats_.remember(request.now.steady, request.repeat, Repeats::Answer::registered);
        else
            repeats_.remember(request.now.steady, whole_key(request), Repeats::Answer::refused);
    }
    if (request.server.value == 0) {
        effects.transmit.compose(sip::response_hop(request.message, request.source),
                                 [&](std::string& out) { append_answer(out, request, status, headers, reason); });
        return;
    }
    std::string answer;
    append_answer(answer, request, status, headers, reason);
    transactions_.respond(request.now, request.server, answer, effects.transmit);
}

void Core::note(base::Severity severity, const Request& request, std::string_view what, std::string_view who, Effects& effects) const {
    effects.notes.push_back({severity, fmt::format("{} user={} source={}", what, one_line(who, kNoteLength), received_text(request.source)),
                             std::string(one_line(request.message.call_id, kCallIdLength))});
}

}  // namespace confab::registrar
