#include "sip-registrar/journal.hpp"

#include <cstring>

#include "base/check.hpp"

namespace confab::registrar {
namespace {

enum Kind : char { kSet = 1, kRemoved = 2 };

constexpr std::string_view sip::Binding::*kKey[] = {&sip::Binding::address, &sip::Binding::contact, &sip::Binding::instance};
constexpr std::string_view sip::Binding::*kRest[] = {&sip::Binding::call_id, &sip::Binding::path,   &sip::Binding::received,
                                                     &sip::Binding::user,    &sip::Binding::scheme, &sip::Binding::user_agent};
constexpr std::size_t kLongest = 0xffff;
constexpr std::size_t kKeptCapacity = 4 << 20;

template <class Number>
void append(std::string& out, Number number) {
    char octets[sizeof number];
    for (std::size_t i = 0; i < sizeof number; ++i) octets[i] = static_cast<char>(static_cast<std::uint64_t>(number) >> (8 * i));
    out.append(octets, sizeof octets);
}

void append(std::string& out, std::string_view text) {
    CHECK(text.size() <= kLongest, "a text of a binding beyond 65535 octets");
    append(out, static_cast<std::uint16_t>(text.size()));
    out += text;
}

template <class Number>
bool take(std::string_view& octets, Number& number) {
    if (octets.size() < sizeof number) return false;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof number; ++i) value |= std::uint64_t{static_cast<unsigned char>(octets[i])} << (8 * i);
    number = static_cast<Number>(value);
    octets.remove_prefix(sizeof number);
    return true;
}

bool take(std::string_view& octets, std::string_view& text) {
    std::uint16_t size = 0;
    if (!take(octets, size) || octets.size() < size) return false;
    text = octets.substr(0, size);
    octets.remove_prefix(size);
    return true;
}

}  // namespace

void Journal::add(bool removed, const sip::Binding& binding) {
    ++changes_;
    octets_ += removed ? kRemoved : kSet;
    append(octets_, binding.reg_id);
    for (auto text : kKey) append(octets_, binding.*text);
    if (removed) return;
    append(octets_, binding.cseq);
    append(octets_, binding.q);
    append(octets_, binding.expires.time_since_epoch().count());
    for (auto text : kRest) append(octets_, binding.*text);
}

void Journal::add(std::string_view octets, std::size_t changes) {
    octets_ += octets;
    changes_ += changes;
}

void Journal::clear() {
    if (octets_.capacity() > kKeptCapacity) octets_ = {};
    octets_.clear();
    changes_ = 0;
}

bool read_change(std::string_view& octets, JournalEntry& entry) {
    entry = {};
    char kind = 0;
    if (!take(octets, kind) || (kind != kSet && kind != kRemoved)) return false;
    entry.removed = kind == kRemoved;
    auto& binding = entry.binding;
    bool whole = take(octets, binding.reg_id);
    for (auto text : kKey) whole = whole && take(octets, binding.*text);
    if (entry.removed) return whole;
    std::int64_t expires = 0;
    whole = whole && take(octets, binding.cseq) && take(octets, binding.q) && take(octets, expires);
    for (auto text : kRest) whole = whole && take(octets, binding.*text);
    binding.expires = base::WallTime(base::milliseconds(expires));
    return whole;
}

}  // namespace confab::registrar
