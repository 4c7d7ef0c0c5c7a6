#include "sip-registrar/registration.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include <fmt/format.h>

#include "base/text.hpp"

namespace confab::registrar {
namespace {

constexpr std::size_t kInstanceLength = 256;

// Calls `take(value)` for each comma-separated value of each such header until it answers false.
template <class Take>
void for_each_value(const sip::Message& request, sip::HeaderName name, Take&& take) {
    for (const auto& header : request.headers()) {
        if (header.id != name) continue;
        auto rest = header.value;
        while (auto value = sip::next_value(rest))
            if (!take(base::trim(*value))) return;
    }
}

// RFC 3261 §20.10 and §20.19: an unreadable lifetime counts as the usual one; a huge one is cut before it is compared.
base::seconds lifetime_of(std::string_view text, base::seconds usual) {
    const bool digits = !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
    if (!digits) return usual;
    return base::seconds(base::parse_number<std::uint32_t>(text).value_or(0xffffffffU));
}

// qvalue = "0" ["." 0*3DIGIT] / "1" ["." 0*3("0")]
std::optional<std::uint16_t> thousandths(std::string_view text) {
    if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1') || (text.size() > 1 && text[1] != '.')) return std::nullopt;
    unsigned value = text[0] == '1' ? 1000 : 0;
    unsigned weight = 100;
    for (char c : text.substr(std::min<std::size_t>(2, text.size()))) {
        if (c < '0' || c > '9') return std::nullopt;
        value += static_cast<unsigned>(c - '0') * weight;
        weight /= 10;
    }
    if (value > 1000) return std::nullopt;
    return static_cast<std::uint16_t>(value);
}

std::expected<sip::BindingRequest, Refusal> read_contact(std::string_view value, base::seconds usual, const ContactPolicy& policy) {
    const auto contact = sip::parse_name_addr(value);
    if (!contact) return std::unexpected(Refusal{400, "Bad Contact"});
    const auto& uri = contact->uri;
    if ((!base::iequals(uri.scheme, "sip") && !base::iequals(uri.scheme, "sips")) || uri.host.empty())
        return std::unexpected(Refusal{400, "Contact Is Not a SIP URI"});
    if (uri.text.size() > policy.contact_length) return std::unexpected(Refusal{400, "Contact Too Long"});
    sip::BindingRequest request{.contact = uri.text, .expires = usual, .instance = {}};
    if (auto expires = contact->params.get("expires")) request.expires = lifetime_of(*expires, policy.usual);
    if (auto q = contact->params.get("q")) {
        const auto read = thousandths(*q);
        if (!read) return std::unexpected(Refusal{400, "Bad q Value"});
        request.q = *read;
    }
    if (auto instance = contact->params.get("+sip.instance")) {
        if (instance->size() > kInstanceLength || instance->find_first_of("\"\\\r\n") != std::string_view::npos)
            return std::unexpected(Refusal{400, "Bad Instance"});
        request.instance = *instance;
    }
    if (auto reg_id = contact->params.get("reg-id"); reg_id && !request.instance.empty()) {  // RFC 5626 §4.2: nothing without an instance
        request.reg_id = base::parse_number<std::uint32_t>(*reg_id).value_or(0);
        if (request.reg_id == 0) return std::unexpected(Refusal{400, "Bad reg-id"});
    }
    if (request.expires.count() > 0 && request.expires < policy.least) return std::unexpected(Refusal{423});
    request.expires = std::min(request.expires, policy.most);
    return request;
}

std::expected<Registration, Refusal> read_star(const sip::Message& request, std::size_t contacts) {
    if (contacts != 1) return std::unexpected(Refusal{400, "Contact * Stands Alone"});
    if (base::parse_number<std::uint32_t>(request.value(sip::HeaderName::expires)) != 0U)
        return std::unexpected(Refusal{400, "Contact * Needs Expires: 0"});
    return Registration{.kind = Registration::Kind::remove_all, .contacts = {}};
}

}  // namespace

std::expected<Registration, Refusal> read_registration(const sip::Message& request, const ContactPolicy& policy) {
    auto usual = policy.usual;
    if (const auto* expires = request.find(sip::HeaderName::expires)) usual = lifetime_of(expires->value, policy.usual);
    Registration registration;
    Refusal refusal{0};
    std::size_t count = 0, flows = 0;
    bool star = false;
    for_each_value(request, sip::HeaderName::contact, [&](std::string_view value) {
        star = star || value == "*";
        if (++count > policy.contacts) refusal = {403, "Too Many Contacts"};
        if (refusal.status != 0 || value == "*") return refusal.status == 0;
        auto contact = read_contact(value, usual, policy);
        if (!contact) {
            refusal = contact.error();
            return false;
        }
        registration.has_flow = registration.has_flow || contact->reg_id != 0;
        flows += contact->reg_id != 0 && contact->expires.count() > 0 ? 1 : 0;
        if (flows > 1) refusal = {400, "One Flow at a Time"};  // RFC 5626 §4.2
        registration.contacts.push_back(*contact);
        return refusal.status == 0;
    });
    if (refusal.status != 0) return std::unexpected(refusal);
    if (star) return read_star(request, count);
    // A Contact header in which no value could be found asks for something that we cannot read: it is not a query.
    if (count == 0 && request.count(sip::HeaderName::contact) > 0) return std::unexpected(Refusal{400, "Bad Contact"});
    registration.kind = count == 0 ? Registration::Kind::query : Registration::Kind::update;
    return registration;
}

std::expected<std::string, Refusal> read_path(const sip::Message& request, const ContactPolicy& policy) {
    std::string path;
    bool readable = true;
    for_each_value(request, sip::HeaderName::path, [&](std::string_view value) {
        const auto hop = sip::parse_name_addr(value);
        readable = hop && !hop->uri.host.empty() && value.find_first_of("\r\n") == std::string_view::npos;
        if (!readable) return false;
        path.append(path.empty() ? "" : ", ").append(value);
        return path.size() <= policy.path_length;
    });
    if (!readable) return std::unexpected(Refusal{400, "Bad Path"});
    if (path.size() > policy.path_length) return std::unexpected(Refusal{400, "Path Too Long"});
    return path;
}

bool keeps_flow(const sip::Message& request, std::string_view path) {
    std::size_t vias = 0;
    for_each_value(request, sip::HeaderName::via, [&](std::string_view) { return ++vias < 2; });
    if (vias < 2) return true;
    std::string_view last;
    for (auto rest = path; const auto value = sip::next_value(rest);) last = *value;
    const auto first_hop = sip::parse_name_addr(last);
    return first_hop && first_hop->uri.params.has("ob");
}

bool has_option(const sip::Message& request, sip::HeaderName header, std::string_view option) {
    bool found = false;
    for_each_value(request, header, [&](std::string_view value) {
        found = base::iequals(value, option);
        return !found;
    });
    return found;
}

std::string unknown_requirements(const sip::Message& request) {
    std::string unknown;
    for_each_value(request, sip::HeaderName::require, [&](std::string_view value) {
        const bool known = base::iequals(value, "path") || base::iequals(value, "outbound") || base::iequals(value, "gruu");
        if (!value.empty() && !known) unknown.append(unknown.empty() ? "" : ", ").append(value);
        return true;
    });
    return unknown;
}

std::optional<std::string> address_of(const sip::Uri& uri) {
    auto key = sip::address_key(uri);
    if (!key || uri.user.empty()) return std::nullopt;
    const auto host = key->rfind('@') + 1;
    const auto bracket = key->find(']', host);
    const auto port = key->find(':', bracket == std::string::npos ? host : bracket);
    if (port != std::string::npos) key->erase(port);
    return key;
}

std::int64_t seconds_left(const sip::Binding& binding, base::WallTime now) {
    return std::max<std::int64_t>(0, std::chrono::ceil<base::seconds>(binding.expires - now).count());
}

void append_contact(std::string& out, const sip::Binding& binding, base::WallTime now) {
    out.append("Contact: <").append(binding.contact).append(">;expires=");
    base::append_number(out, static_cast<std::uint64_t>(seconds_left(binding, now)));
    if (binding.q < 1000) fmt::format_to(std::back_inserter(out), ";q=0.{:03}", binding.q);
    if (!binding.instance.empty()) out.append(";+sip.instance=\"").append(binding.instance).append("\"");
    if (binding.reg_id != 0) base::append_number(out.append(";reg-id="), binding.reg_id);
}

void append_date(std::string& out, base::WallTime now) {
    static constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto day = std::chrono::floor<std::chrono::days>(now);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss time(std::chrono::floor<base::seconds>(now - day));
    fmt::format_to(std::back_inserter(out), "Date: {}, {:02} {} {:04} {:02}:{:02}:{:02} GMT\r\n", kDays[std::chrono::weekday(day).c_encoding()],
                   static_cast<unsigned>(date.day()), kMonths[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                   time.hours().count(), time.minutes().count(), time.seconds().count());
}

}  // namespace confab::registrar
