// A new call until it is answered: what it must be, what the directory says of it, and its RTP sockets.
#include <algorithm>

#include "conf-bridge/capabilities.hpp"
#include "conf-bridge/core.hpp"
#include "conf-bridge/privacy.hpp"

namespace confab::bridge {
namespace {

constexpr std::size_t kLongestName = 128;
constexpr std::size_t kLongestNumber = 64;
constexpr std::uint32_t kNoLoadLimit = 100;
constexpr std::size_t kSharePlaced = 8;  // calls that take a place may go beyond the bound on legs by this share of it

std::string plain_display(std::string_view display) {
    if (display.size() < 2 || display.front() != '"') return std::string(display.substr(0, kLongestName));
    std::string out;
    for (std::size_t i = 1; i + 1 < display.size() && out.size() < kLongestName; ++i) {
        if (display[i] == '\\' && i + 2 < display.size()) ++i;
        out += display[i];
    }
    return out;
}

}  // namespace

void identify(Leg& leg, const sip::Message& request) {
    leg.withheld = is_withheld(request);
    leg.identity = identity_of(request);
    auto asserted = request.value(sip::HeaderName::p_asserted_identity);
    std::string_view display;
    if (const auto first = sip::next_value(asserted))
        if (const auto who = sip::parse_name_addr(*first)) display = who->display;
    const auto from = sip::parse_name_addr(request.from);
    if (display.empty() && from) display = from->display;
    leg.name = plain_display(display);
}

std::vector<std::string_view> Core::option_tags() const {
    std::vector<std::string_view> tags = {kReliableTag, kNoReferSubTag};
    if (config_.replaces != ReplacesUse::off) tags.push_back(kReplacesTag);
    if (config_.session_timer) tags.push_back(kTimerTag);
    return tags;
}

std::string Core::capability_lines() const {
    auto tags = option_tags();
    std::erase(tags, kReliableTag);
    return allow_line() + std::string(kAllowEvents) + supported_line(tags);
}

std::string Core::service_lines() const { return allow_line() + std::string(kAllowEvents) + supported_line(option_tags()); }

bool Core::admit_extensions(Turn turn, sip::ServerId server, const sip::Hop& source) {
    const auto unsupported = unsupported_line(message_, option_tags());
    if (unsupported.empty()) return true;
    counters_.add(Metric::refused_methods);
    reply(turn, server, source, 420, unsupported);
    return false;
}

// §8.2.3: a body that we do not read. One that may be ignored counts as none.
bool Core::admit_content(Turn turn, sip::ServerId server, const sip::Hop& source) {
    if (message_.body.empty() || holds_sdp(message_)) return true;
    if (is_body_optional(message_)) {
        message_.body = {};
        return true;
    }
    counters_.add(Metric::refused_media);
    reply(turn, server, source, 415, kAcceptLines);
    return false;
}

// RFC 4028 §9.
bool Core::admit_interval(Turn turn, sip::ServerId server, const sip::Hop& source) {
    if (!SessionTimer::is_too_short(message_, timer_policy())) return true;
    counters_.add(Metric::refused_methods);
    std::string line = "Min-SE: ";
    base::append_number(line, static_cast<std::uint64_t>(config_.min_se.count()));
    reply(turn, server, source, 422, line + "\r\n");
    return false;
}

// A conference never splits: for one that runs here another bridge must not be tried, as after 503.
void Core::refuse_full(Turn turn, sip::ServerId server, const sip::Hop& source) {
    const auto uri = sip::parse_uri(message_.uri);
    if (!is_running(dialled_number(*uri))) return refuse_busy(turn, server, source);
    counters_.add(Metric::overloaded);
    reply(turn, server, source, static_cast<int>(config_.full_code));
}

void Core::on_invite(Turn turn, sip::ServerId server, const sip::Hop& source) {
    counters_.add(Metric::invites);
    if (!is_trusted(source)) {
        counters_.add(Metric::refused_untrusted);
        return reply(turn, server, source, 403);
    }
    std::string call_key = std::string(message_.call_id) + '\n' + std::string(message_.from_tag);
    const auto known = by_call_.find(call_key);
    const Leg* last = known == by_call_.end() ? nullptr : find(known->second);
    if (last && message_.cseq <= last->invite_cseq) return reply(turn, server, source, 482);
    auto replaced = replaced_by();
    if (!replaced) return reply(turn, server, source, replaced.error());
    const auto uri = sip::parse_uri(message_.uri);
    // Whoever calls anew has no use for his last attempt, if it still lives. Where that is to take another's place, this one does instead.
    media::LegId abandoned;
    if (last && replaced->value == 0 && last->number == dialled_number(*uri) && may_replace(*last)) {
        if (last->member == 0) abandoned = last->id;
        replaced = last->member != 0 ? last->id : find(last->replaced) ? last->replaced : media::LegId{};
    }
    const auto bound = config_.legs + (replaced->value != 0 ? 1 + config_.legs / kSharePlaced : 0);
    if (legs_.size() >= bound) return refuse_full(turn, server, source);
    if (draining_ && conferences_.empty()) return refuse_busy(turn, server, source);
    if (!admit_content(turn, server, source) || !admit_interval(turn, server, source)) return;
    if (!message_.body.empty()) {
        Leg asked;
        if (config_.srtp != SrtpUse::off) asked.cryptos = make_cryptos(random_);
        if (const auto answered = answer_offer(asked, message_.body); !answered) {
            counters_.add(Metric::refused_media);
            return reply(turn, server, source, answered.error());
        }
    }
    if (uri->user.empty() || uri->user.size() > 4 * kLongestNumber) {
        counters_.add(Metric::refused_unknown);
        return reply(turn, server, source, 404);
    }
    open_leg(turn, server, source, *uri, std::move(call_key), *replaced);
    if (Leg* leg = find(abandoned)) hang_up(turn, *leg, kReplaced);
}

void Core::open_leg(Turn turn, sip::ServerId server, const sip::Hop& source, const sip::Uri& uri, std::string call_key,
                    media::LegId replaced) {
    auto dialog = sip::Dialog::accept(message_, source, random_.token(kTagLength));
    if (!dialog) return reply(turn, server, source, 400);
    auto owned = std::make_unique<Leg>();
    Leg& leg = *owned;
    leg.id = {++last_leg_};
    leg.server = server;
    leg.source = source;
    leg.request = message_.bytes;
    leg.dialog = std::move(*dialog);
    leg.contact = contact_for(source, uri);
    leg.call_key = std::move(call_key);
    leg.invite_cseq = message_.cseq;
    leg.number = dialled_number(uri);
    leg.session_id = random_.next() >> 2;  // RFC 8866 §5.2: a numeric string that others read as a signed integer
    leg.session_version = 1;
    if (config_.srtp != SrtpUse::off) leg.cryptos = make_cryptos(random_);
    identify(leg, message_);
    legs_.emplace(leg.id.value, std::move(owned));
    by_tag_.emplace(leg.dialog.id.local_tag, leg.id);
    by_call_.insert_or_assign(leg.call_key, leg.id);
    by_server_.emplace(server, leg.id);
    leg.given = parameters_of(message_, uri, config_);
    choose_language(leg, {});
    leg.replaced = replaced;
    if (sit_beside(leg)) return ask_for_media(turn, leg);
    if (uri.user == config_.factory) return open_adhoc(turn, leg, source);
    if (const auto running = conferences_.find(leg.number); running != conferences_.end() && running->second.is_adhoc) return join_adhoc(turn, leg);
    if (resolve_by_ticket(turn, leg, uri)) return;
    begin_entry(turn, leg);
}

std::string Core::contact_for(const sip::Hop& source, const sip::Uri& uri) const {
    const auto& listener = listener_of(source);
    std::string contact = "<sip:" + std::string(uri.user.substr(0, uri.user.find(';'))) + '@' + listener.visible().text();
    if (sip::is_stream(source.transport)) contact += ";transport=" + std::string(sip::param_name(source.transport));
    return contact + ">;isfocus";
}

// Legs say what will come, the load what they cost.
unsigned Core::least_loaded() const {
    unsigned best = 0;
    const auto rank = [this](unsigned thread) { return std::pair(used_[thread] >= config_.load_limit, load_[thread]); };
    for (unsigned thread = 1; thread < load_.size(); ++thread)
        if (rank(thread) < rank(best)) best = thread;
    return best;
}

bool Core::is_overloaded() const {
    return config_.load_limit < kNoLoadLimit && std::ranges::all_of(used_, [this](unsigned percent) { return percent >= config_.load_limit; });
}

// A caller who must key a passcode probably wants the conference that he dialled: its thread spares him the move.
void Core::ask_for_media(Turn turn, Leg& leg) {
    const auto* conference = find_conference(leg.in_lobby() ? leg.number : leg.conference);
    leg.thread = conference ? conference->thread : least_loaded();
    leg.stage = Leg::Stage::opening;
    leg.has_media = true;
    ++load_[leg.thread];
    tell(turn, leg, OpenLeg{leg.id});
}

void Core::on_opened(Turn turn, Leg& leg, const base::SocketAddress& local) {
    leg.local = local;
    if (leg.outgoing.dial != 0) return call(turn, leg);
    if (leg.moving) {
        leg.moving = false;
        return join(turn, leg);
    }
    if (leg.announcement) return announce(turn, leg);
    reread(leg);
    const auto proposal = describe(leg);
    if (!proposal) {
        reply_to(turn, leg, proposal.error());
        return release(turn, leg, kNotAdmitted);
    }
    counters_.add(Metric::answered);
    leg.stage = Leg::Stage::answered;
    if (!config_.call_log.empty()) records_.answered(turn.now, leg, turn.effects.records);
    accept(turn, leg, leg.server, leg.source, *proposal);
    by_server_.erase(leg.server);
    leg.request = {};
}

// Half of a move: the ports are free for the conference's thread.
void Core::on_closed(Turn turn, Leg& leg, std::shared_ptr<MovedLeg> moved) {
    if (!leg.moving) return;
    const auto* conference = find_conference(leg.conference);
    if (!conference) return;
    leg.thread = conference->thread;
    leg.has_media = true;
    ++load_[leg.thread];
    tell(turn, leg, OpenLeg{leg.id, leg.local.port, std::move(moved)});
}

}  // namespace confab::bridge
