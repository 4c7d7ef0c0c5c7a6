// The user part of this edge's own URIs: which client connection they mean, sealed so that nobody else can write one.
//
// A token is base64url of flow number, use and an HMAC over both and what binds it: nothing for a registration's Path, the Call-ID for a dialog's Record-Route.
// It has no authority outside that use.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sip/transport.hpp"

namespace confab::edge {

class FlowTokens {
public:
    explicit FlowTokens(std::string secret) : secret_(std::move(secret)) {}

    std::string for_path(sip::FlowId flow) const { return seal(flow, 'p', {}); }
    std::string for_dialog(sip::FlowId flow, std::string_view call_id) const { return seal(flow, 'd', call_id); }
    // The flow of a token that we made for this use; empty for any other text.
    std::optional<sip::FlowId> open(std::string_view token, std::string_view call_id) const;

private:
    std::string seal(sip::FlowId flow, char use, std::string_view binding) const;
    std::string secret_;
};

}  // namespace confab::edge
