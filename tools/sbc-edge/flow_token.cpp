#include "sbc-edge/flow_token.hpp"

#include "base/hash.hpp"
#include "base/text.hpp"

namespace confab::edge {
namespace {

constexpr std::size_t kFlow = 8, kUse = 1, kMac = 12;

}  // namespace

std::string FlowTokens::seal(sip::FlowId flow, char use, std::string_view binding) const {
    std::string token;
    for (unsigned shift = 64; shift > 0; shift -= 8) token += static_cast<char>(flow.value >> (shift - 8) & 0xff);
    token += use;
    const auto sealed = token + std::string(binding);
    token += base::hmac_sha256(secret_, sealed).substr(0, kMac);
    return base::base64url(token);
}

std::optional<sip::FlowId> FlowTokens::open(std::string_view token, std::string_view call_id) const {
    const auto bytes = base::unbase64url(token);
    if (!bytes || bytes->size() != kFlow + kUse + kMac) return std::nullopt;
    sip::FlowId flow;
    for (std::size_t i = 0; i < kFlow; ++i) flow.value = flow.value << 8 | static_cast<std::uint8_t>((*bytes)[i]);
    const char use = (*bytes)[kFlow];
    if (use != 'p' && use != 'd') return std::nullopt;
    const auto expected = seal(flow, use, use == 'd' ? call_id : std::string_view{});
    return base::equal_in_constant_time(expected, token) ? std::optional(flow) : std::nullopt;
}

}  // namespace confab::edge
