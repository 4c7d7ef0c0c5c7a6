#include "conf-bridge/privacy.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "sip/grammar.hpp"

namespace confab::bridge {
namespace {

constexpr std::size_t kLongestIdentity = 256;
constexpr std::ptrdiff_t kShortestNumber = 7;

std::string_view without(std::string_view text, std::string_view prefix) {
    return base::istarts_with(text, prefix) ? text.substr(prefix.size()) : text;
}

}  // namespace

bool is_withheld(const sip::Message& request) {
    for (const auto wish : base::split(request.value(sip::HeaderName::privacy), ';')) {
        const auto word = base::trim(wish);
        if (base::iequals(word, "id") || base::iequals(word, "header") || base::iequals(word, "user")) return true;
    }
    const auto from = sip::parse_name_addr(request.from);
    return !from || base::iequals(from->uri.user, "anonymous") || base::iequals(from->uri.host, "anonymous.invalid");
}

std::string identity_of(const sip::Message& request) {
    auto asserted = request.value(sip::HeaderName::p_asserted_identity);
    const auto first = sip::next_value(asserted);
    auto who = first ? sip::parse_name_addr(*first) : std::nullopt;
    if (!who) who = sip::parse_name_addr(request.from);
    return who ? sip::address_key(who->uri).value_or(std::string(who->uri.text)).substr(0, kLongestIdentity) : std::string();
}

bool is_phone_number(std::string_view text) {
    if (base::istarts_with(text, "tel:")) return true;
    text = without(without(text, "sips:"), "sip:");
    text = text.substr(0, text.find_first_of("@;"));
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    const auto is_either = [&](char c) { return is_digit(c) || std::string_view("+-.() ").contains(c); };
    return std::ranges::all_of(text, is_either) && std::ranges::count_if(text, is_digit) >= kShortestNumber;
}

}  // namespace confab::bridge
