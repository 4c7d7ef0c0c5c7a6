// The core's REGISTER (RFC 3261 §10.3 with RFC 3327, RFC 3608, RFC 5626, RFC 5627), from the proof to the answer, and what waits for the disk.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "sip-registrar/core.hpp"
#include "sip/compose.hpp"
#include "sip/grammar.hpp"

namespace confab::registrar {
namespace {

using sip::HeaderName;

constexpr std::size_t kUserAgentLength = 128;
constexpr std::size_t kCallIdLength = 256;

std::string retry_after(const Config& config) { return fmt::format("Retry-After: {}\r\n", config.retry_after.count()); }

std::string_view user_of(std::string_view key) { return key.substr(4, key.rfind('@') - 4); }

std::string_view first_line(std::string_view text, std::size_t length) { return text.substr(0, std::min(length, text.find_first_of("\r\n"))); }

bool offers(const sip::Message& request, std::string_view option) {
    return has_option(request, HeaderName::supported, option) || has_option(request, HeaderName::require, option);
}

// A 500 for the request that this 200 of ours answers.
std::string failure_of(std::string_view accepted) {
    sip::Message message;
    std::string failure = "SIP/2.0 500 Binding Not Stored\r\n";
    if (sip::split(accepted, message, true) != sip::ParseError::none) return failure;
    for (const auto& header : message.headers()) {
        failure += header.line;
        if (header.id == HeaderName::cseq) break;  // the last of those that come from the request
    }
    return failure + "Content-Length: 0\r\n\r\n";
}

}  // namespace

void Core::handle_register(const Request& request, Effects& effects) {
    auto proof = read_credentials(request);
    // A refusal costs what a refresh costs, so refusing those only adds their repetition.
    const bool may_renew = proof.kind == Proof::Kind::given || overload_.admits(sip::Overload::Work::fresh);
    if (draining_ || store_queue_ >= config_.store_queue || !may_renew) {
        counters_.add(Metric::overloaded);
        return respond(request, 503, retry_after(config_), effects);
    }
    const auto uri = sip::parse_uri(request.message.uri);
    if (!uri || (!is_served(*uri) && !is_own_address(*uri))) {
        counters_.add(Metric::refused_domain);
        return respond(request, 404, {}, effects);
    }
    // Before credentials: no password makes an address of `isbn:…` (RFC 4475 §3.3.4). Only SIP URIs are read as far as their host.
    if (const auto to = sip::parse_name_addr(request.message.to); !to || to->uri.host.empty()) return refuse(request, {400, "Bad To"}, effects);
    if (!is_challenged("REGISTER")) {
        if (sip::is_stream(request.source.transport)) effects.vouched.push_back(request.source.flow);
        return handle_proven(request, {.kind = Proof::Kind::right, .answer = {}}, effects);
    }
    prove(request, proof, effects);
    if (proof.kind != Proof::Kind::repeated && !let_in(request, proof, effects)) return;
    handle_proven(request, proof, effects);
}

// Over UDP a request may come again; then its count has been used. One that was accepted is known by its branch (RFC 3261 §17.2.3) and changes nothing;
// one that was refused is judged again, and so must be the same to the octet.
void Core::handle_proven(Request request, const Proof& proof, Effects& effects) {
    const auto& message = request.message;
    auto before = Repeats::Answer::none;
    if (!sip::is_stream(request.source.transport)) {
        request.repeat = repeat_key(request, tag_hash(message));
        if (proof.kind == Proof::Kind::repeated || !proof.answer) before = repeats_.find(request.now.steady, request.repeat);
        if (before == Repeats::Answer::none && proof.kind == Proof::Kind::repeated) before = repeats_.find(request.now.steady, whole_key(request));
    }
    if (before == Repeats::Answer::held) return;
    if (before == Repeats::Answer::none && proof.kind == Proof::Kind::repeated) {
        request.repeat = 0;
        return challenge(request, true, effects);
    }
    const auto to = sip::parse_name_addr(message.to);
    const auto address = to ? address_of(to->uri) : std::nullopt;
    if (!address || message.call_id.size() > kCallIdLength) return refuse(request, {400, address ? "Call-ID Too Long" : "Bad To"}, effects);
    if (!is_served(to->uri)) {
        counters_.add(Metric::refused_domain);
        return respond(request, 404, {}, effects);
    }
    if (proof.answer ? user_of(*address) != proof.user() : !is_known(*address)) {
        counters_.add(Metric::refused_owner);
        note(base::Severity::warning, request, "address of somebody else refused", proof.user(), effects);
        return respond(request, 403, {}, effects);
    }
    auto registration = read_registration(message, policy());
    if (!registration) return refuse(request, registration.error(), effects);
    auto path = is_trusted(request.source) ? read_path(message, policy()) : std::string{};
    if (!path) return refuse(request, path.error(), effects);
    if (!settle_outbound(request, *registration, *path, effects)) return;
    append_authentication_info(proof, request.now.wall);
    received_.assign(sip::param_name(request.source.transport)).append(":").append(request.source.peer.text());
    sip::Binding common;
    common.call_id = message.call_id;
    common.cseq = message.cseq;
    common.path = *path;
    common.received = received_;
    common.user = user_of(*address);
    common.scheme = proof.scheme();
    common.user_agent = first_line(message.value(HeaderName::user_agent), kUserAgentLength);
    if (before == Repeats::Answer::registered) {
        append_registered(request, *address, common, registration->has_flow);
        return respond(request, 200, headers_, effects);
    }
    spread(*registration);
    apply(request, *address, *registration, common, effects);
}

// RFC 5626 §6: a flow is kept for a client that asks for it and whose first hop helps. False when the answer has been given.
bool Core::settle_outbound(const Request& request, Registration& registration, std::string_view path, Effects& effects) {
    if (!registration.has_flow) return true;
    const bool wanted = config_.outbound != OutboundPolicy::off && offers(request.message, "outbound");
    if (wanted && keeps_flow(request.message, path)) return true;
    if (wanted && config_.outbound == OutboundPolicy::strict) {
        counters_.add(Metric::refused_outbound);
        respond(request, 439, {}, effects);
        return false;
    }
    registration.has_flow = false;
    for (auto& contact : registration.contacts) contact.reg_id = 0;
    return true;
}

void Core::spread(Registration& registration) {
    for (auto& contact : registration.contacts) {
        if (contact.expires <= config_.min_expires || config_.expires_spread == 0) continue;
        const auto most = std::min(contact.expires * config_.expires_spread / 100, contact.expires - config_.min_expires);
        contact.expires -= base::seconds(random_.below(static_cast<std::uint64_t>(most.count()) + 1));
    }
}

void Core::apply(const Request& request, const std::string& address, const Registration& registration, const sip::Binding& common, Effects& effects) {
    const bool strict = config_.durability == Durability::strict;
    std::vector<sip::StoredBinding> before;
    if (strict)
        for (const auto binding : bindings_.find(request.now, address)) before.emplace_back(binding);
    Changes changes;
    std::expected<void, sip::BindingError> applied;
    switch (registration.kind) {
        case Registration::Kind::query: break;
        case Registration::Kind::update: applied = bindings_.apply(request.now, address, registration.contacts, common, changes); break;
        case Registration::Kind::remove_all: applied = bindings_.remove_all(request.now, address, common.call_id, common.cseq, changes); break;
    }
    if (!applied) return refuse_binding(request, applied.error(), effects);
    append_registered(request, address, common, registration.has_flow);
    if (!changes.empty() && strict) return hold(request, std::move(before), std::move(changes), effects);
    counters_.add(Metric::registered);
    respond(request, 200, headers_, effects);
    record(request.now, std::move(changes), ContactEvent::unregistered, effects);
}

// All current contacts (RFC 3261 §10.3 step 8), and the Path for a client that can read it (RFC 3327 §5.3).
void Core::append_registered(const Request& request, std::string_view address, const sip::Binding& common, bool has_flow) {
    headers_.clear();
    const bool wants_gruu = config_.gruu && offers(request.message, "gruu");
    for (const auto binding : bindings_.find(request.now, address)) {
        append_contact(headers_, binding, request.now.wall);
        if (wants_gruu && !binding.instance.empty()) gruus_.append(headers_, binding, random_);
        headers_ += "\r\n";
    }
    append_date(request.now.wall);
    headers_ += info_;
    headers_ += service_route_;
    if (!common.path.empty() && has_option(request.message, HeaderName::supported, "path"))
        headers_.append("Path: ").append(common.path).append("\r\n");
    if (has_flow) {
        headers_ += "Require: outbound\r\n";
        if (config_.flow_timer.count() > 0) {
            base::append_number(headers_.append("Flow-Timer: "), static_cast<std::uint64_t>(config_.flow_timer.count()));
            headers_ += "\r\n";
        }
    }
    headers_ += "Supported: path, outbound, gruu\r\n";
}

// Written anew once a second.
void Core::append_date(base::WallTime now) {
    const auto second = std::chrono::floor<base::seconds>(now);
    if (second != date_second_ || date_.empty()) {
        date_second_ = second;
        date_.clear();
        registrar::append_date(date_, now);
    }
    headers_ += date_;
}

void Core::hold(const Request& request, std::vector<sip::StoredBinding> before, Changes changes, Effects& effects) {
    const auto id = ++last_write_;
    Held held{.reply_to = sip::response_hop(request.message, request.source), .repeat = request.repeat, .response = {}, .before = std::move(before), .changes = {}};
    append_answer(held.response, request, 200, headers_);
    held.changes.reserve(changes.size());
    for (const auto& change : changes) held.changes.push_back({change.removed, change.binding.copy(), change.is_new});
    held_.emplace(id, std::move(held));
    if (request.repeat != 0) repeats_.remember(request.now.steady, request.repeat, Repeats::Answer::held);
    effects.writes.push_back({id, std::move(changes)});
}

void Core::persisted(base::Now now, std::span<const std::uint64_t> ids, bool written, Effects& effects) {
    // The youngest change is taken back first, so that each meets the state that it left.
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const auto node = held_.extract(ids[written ? i : ids.size() - 1 - i]);
        if (node.empty()) continue;
        const auto& held = node.mapped();
        if (held.repeat != 0) repeats_.remember(now.steady, held.repeat, written ? Repeats::Answer::registered : Repeats::Answer::refused);
        if (written) {
            counters_.add(Metric::registered);
            effects.transmit.send(held.reply_to, held.response);
            subscriptions_.changed(sending(now, effects), held.changes, ContactEvent::unregistered);
            continue;
        }
        take_back(now, held);
        effects.transmit.send(held.reply_to, failure_of(held.response));
    }
}

void Core::take_back(base::Now now, const Held& held) {
    Changes ignored;  // the store never saw the change
    for (const auto& change : held.changes) {
        const auto changed = change.binding.view();
        const auto is_same = [&](const sip::Binding& binding) { return has_same_key(binding, changed); };
        std::optional<sip::Binding> current;
        for (const auto binding : bindings_.find(now, changed.address))
            if (is_same(binding)) current = binding;
        const bool unchanged = change.removed ? !current : current && current->call_id == changed.call_id && current->cseq == changed.cseq;
        if (!unchanged) continue;
        if (!change.removed) bindings_.unload(changed);
        const auto earlier = std::ranges::find_if(held.before, is_same, &sip::StoredBinding::view);
        if (earlier != held.before.end()) bindings_.load(now, earlier->view());
    }
}

void Core::refuse(const Request& request, const Refusal& refusal, Effects& effects) {
    if (refusal.status == 423) {
        counters_.add(Metric::refused_brief);
        return respond(request, 423, fmt::format("Min-Expires: {}\r\n", config_.min_expires.count()), effects);
    }
    counters_.add(refusal.status == 403 ? Metric::refused_bounds : Metric::malformed);
    respond(request, refusal.status, {}, effects, refusal.reason);
}

void Core::refuse_binding(const Request& request, sip::BindingError error, Effects& effects) {
    switch (error) {
        case sip::BindingError::out_of_order:
            counters_.add(Metric::refused_order);
            return respond(request, 500, {}, effects, "CSeq Out of Order");
        case sip::BindingError::too_many_contacts:
            counters_.add(Metric::refused_bounds);
            return respond(request, 403, {}, effects, "Too Many Contacts");
        case sip::BindingError::too_many_bindings:
            counters_.add(Metric::refused_bounds);
            return respond(request, 503, retry_after(config_), effects);
    }
}

ContactPolicy Core::policy() const {
    return {.least = config_.min_expires,
            .most = config_.max_expires,
            .usual = config_.default_expires,
            .contacts = config_.contacts_per_address,
            .contact_length = config_.contact_length,
            .path_length = config_.path_length};
}

}  // namespace confab::registrar
