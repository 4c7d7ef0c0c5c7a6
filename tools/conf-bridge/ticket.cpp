#include "conf-bridge/ticket.hpp"

#include <optional>

#include "base/text.hpp"

namespace confab::bridge {
namespace {

constexpr char kVersion = 2;
constexpr std::size_t kKeyId = 4, kSeal = 16, kLongestText = 255;
constexpr std::string_view kPurpose = "confab ticket 2";  // so that a secret that serves something else too seals nothing for us

void append_fixed(std::string& out, std::uint64_t value, int octets) {
    for (int shift = 8 * (octets - 1); shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
}

class Reader {
public:
    explicit Reader(std::string_view text) : rest_(text) {}
    std::string_view take(std::size_t count) {
        if (count > rest_.size()) {
            good_ = false;
            return {};
        }
        const auto taken = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return taken;
    }
    std::uint64_t fixed(std::size_t octets) {
        std::uint64_t value = 0;
        for (const char c : take(octets)) value = value << 8 | static_cast<std::uint8_t>(c);
        return value;
    }
    std::string text() { return std::string(take(fixed(1))); }
    bool good() const { return good_ && rest_.empty(); }

private:
    std::string_view rest_;
    bool good_ = true;
};

std::string sealed(const base::HmacSha256& seal, std::string_view body) {
    const auto octets = seal({kPurpose, body});
    return {octets.begin(), octets.begin() + kSeal};
}

std::optional<Ticket> parse(std::string_view body) {
    Reader reader(body);
    Ticket ticket;
    const auto seat = reader.fixed(1);
    if (seat > static_cast<std::uint64_t>(Ticket::Seat::claimed_host)) return std::nullopt;
    ticket.seat = static_cast<Ticket::Seat>(seat);
    ticket.hops = static_cast<std::uint8_t>(reader.fixed(1));
    ticket.expires = base::WallTime(base::seconds(reader.fixed(5)));
    ticket.id = reader.fixed(8);
    ticket.made = base::WallTime(base::milliseconds(reader.fixed(6)));
    for (auto* text : {&ticket.number, &ticket.conference, &ticket.caller, &ticket.bridge}) *text = reader.text();
    if (!reader.good()) return std::nullopt;
    return ticket;
}

}  // namespace

std::string_view fault_text(TicketFault fault) {
    switch (fault) {
        case TicketFault::unreadable:
            return "unreadable";
        case TicketFault::forged:
            return "forged";
        case TicketFault::expired:
            return "expired";
        case TicketFault::older:
            return "from before the start of this bridge";
        case TicketFault::other_caller:
            return "of another caller";
        case TicketFault::other_number:
            return "for another number";
        case TicketFault::other_bridge:
            return "for another bridge";
        case TicketFault::used:
            return "used before";
    }
    return {};
}

TicketSeal::TicketSeal(std::string_view secrets) {
    for (const auto line : base::split(secrets, '\n'))
        if (const auto secret = base::trim(line); !secret.empty())
            keys_.push_back({base::sha256(secret).substr(0, kKeyId), base::HmacSha256(secret)});
}

std::string TicketSeal::write(const Ticket& ticket) const {
    std::string body(1, static_cast<char>(ticket.seat));
    body += static_cast<char>(ticket.hops);
    append_fixed(body, static_cast<std::uint64_t>(std::chrono::floor<base::seconds>(ticket.expires).time_since_epoch().count()), 5);
    append_fixed(body, ticket.id, 8);
    append_fixed(body, static_cast<std::uint64_t>(std::chrono::floor<base::milliseconds>(ticket.made).time_since_epoch().count()), 6);
    for (const auto* text : {&ticket.number, &ticket.conference, &ticket.caller, &ticket.bridge}) {
        if (text->size() > kLongestText) return {};
        body += static_cast<char>(text->size());
        body += *text;
    }
    if (keys_.empty()) return {};
    const auto& key = keys_.front();
    return base::base64url(std::string(1, kVersion) + key.id + body + sealed(key.seal, body));
}

std::expected<Ticket, TicketFault> TicketSeal::read(std::string_view text) const {
    const auto octets = text.size() <= kLongestTicket ? base::unbase64url(text) : std::nullopt;
    if (!octets || octets->size() < 1 + kKeyId + kSeal || octets->front() != kVersion) return std::unexpected(TicketFault::unreadable);
    const auto whole = std::string_view(*octets);
    const auto body = whole.substr(1 + kKeyId, whole.size() - 1 - kKeyId - kSeal);
    for (const auto& key : keys_) {
        if (key.id != whole.substr(1, kKeyId) || !base::equal_in_constant_time(sealed(key.seal, body), whole.substr(whole.size() - kSeal)))
            continue;
        const auto ticket = parse(body);
        if (!ticket) return std::unexpected(TicketFault::unreadable);
        return *ticket;
    }
    return std::unexpected(TicketFault::forged);
}

std::expected<void, TicketFault> verify(const Ticket& ticket, base::WallTime now, base::WallTime started, const Bearer& bearer) {
    if (ticket.expires <= now || ticket.expires > now + kLongestLife + kClockSkew) return std::unexpected(TicketFault::expired);
    if (ticket.made < started) return std::unexpected(TicketFault::older);
    if (ticket.caller != bearer.caller) return std::unexpected(TicketFault::other_caller);
    if (ticket.number != bearer.number) return std::unexpected(TicketFault::other_number);
    if (!ticket.bridge.empty() && ticket.bridge != bearer.bridge) return std::unexpected(TicketFault::other_bridge);
    return {};
}

bool TicketWindow::take(base::WallTime now, const Ticket& ticket) {
    while (!by_expiry_.empty() && by_expiry_.begin()->first <= now) {
        taken_.erase(by_expiry_.begin()->second);
        by_expiry_.erase(by_expiry_.begin());
    }
    if (taken_.size() >= limit_ || !taken_.insert(ticket.id).second) return false;
    by_expiry_.emplace(ticket.expires, ticket.id);
    return true;
}

}  // namespace confab::bridge
