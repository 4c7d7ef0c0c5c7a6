#include "sip/binding.hpp"

#include <array>
#include <cstring>

#include "base/check.hpp"

namespace confab::sip {
namespace {

constexpr std::string_view Binding::*kTexts[] = {&Binding::address,  &Binding::contact, &Binding::call_id, &Binding::path,      &Binding::instance,
                                                 &Binding::received, &Binding::user,    &Binding::scheme,  &Binding::user_agent};
constexpr std::size_t kLongest = 0xffff;

}  // namespace

// The texts follow in their order.
struct StoredBinding::Numbers {
    base::WallTime expires;
    std::uint32_t cseq, reg_id;
    std::uint16_t q;
    std::array<std::uint16_t, std::size(kTexts)> lengths;
};

StoredBinding::StoredBinding(const Binding& binding) {
    Numbers numbers{binding.expires, binding.cseq, binding.reg_id, binding.q, {}};
    std::size_t size = sizeof numbers;
    for (std::size_t i = 0; i < std::size(kTexts); ++i) {
        const auto length = (binding.*kTexts[i]).size();
        CHECK(length <= kLongest, "a text of a binding beyond 65535 octets");
        numbers.lengths[i] = static_cast<std::uint16_t>(length);
        size += length;
    }
    block_ = std::make_unique_for_overwrite<std::byte[]>(size);
    new (block_.get()) Numbers(numbers);
    auto* to = block_.get() + sizeof numbers;
    for (auto text : kTexts) {
        const auto& from = binding.*text;
        if (!from.empty()) std::memcpy(to, from.data(), from.size());
        to += from.size();
    }
}

const StoredBinding::Numbers& StoredBinding::numbers() const { return *reinterpret_cast<const Numbers*>(block_.get()); }

Binding StoredBinding::view() const {
    const auto& all = numbers();
    Binding binding;
    binding.cseq = all.cseq;
    binding.reg_id = all.reg_id;
    binding.q = all.q;
    binding.expires = all.expires;
    const auto* text = reinterpret_cast<const char*>(block_.get() + sizeof all);
    for (std::size_t i = 0; i < std::size(kTexts); ++i) {
        binding.*kTexts[i] = {text, all.lengths[i]};
        text += all.lengths[i];
    }
    return binding;
}

std::string_view StoredBinding::address() const {
    const auto& all = numbers();
    return {reinterpret_cast<const char*>(block_.get() + sizeof all), all.lengths[0]};
}

base::WallTime StoredBinding::expires() const { return numbers().expires; }

bool StoredBinding::refresh(const Binding& binding) {
    const auto mine = view();
    for (auto text : kTexts)
        if (mine.*text != binding.*text) return false;
    auto& all = *reinterpret_cast<Numbers*>(block_.get());
    all.expires = binding.expires;
    all.cseq = binding.cseq;
    all.reg_id = binding.reg_id;
    all.q = binding.q;
    return true;
}

}  // namespace confab::sip
