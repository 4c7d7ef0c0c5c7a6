// What the focus understands of SIP: methods and option tags, for Allow, Supported, Require and OPTIONS. Each is told in one place. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sip/message.hpp"

namespace confab::bridge {

inline constexpr sip::Method kMethods[] = {sip::Method::invite,  sip::Method::ack,  sip::Method::cancel, sip::Method::bye,
                                           sip::Method::options, sip::Method::info, sip::Method::update, sip::Method::prack,
                                           sip::Method::subscribe, sip::Method::refer, sip::Method::notify, sip::Method::message};
inline constexpr std::string_view kAllowEvents = "Allow-Events: conference\r\n";  // RFC 4575
inline constexpr std::string_view kReliableTag = "100rel";    // RFC 3262
inline constexpr std::string_view kReplacesTag = "replaces";  // RFC 3891
inline constexpr std::string_view kTimerTag = "timer";        // RFC 4028
inline constexpr std::string_view kNoReferSubTag = "norefersub";  // RFC 4488

inline constexpr std::string_view kAcceptLines = "Accept: application/sdp\r\nAccept-Encoding: identity\r\n";

bool is_served(sip::Method method);
const std::string& allow_line();                                      // "Allow: …\r\n"
std::string supported_line(std::span<const std::string_view> tags);  // "Supported: …\r\n"

// Whether a header that lists tokens (Supported, Require, Allow), in however many lines, has this one.
bool lists(const sip::Message& message, sip::HeaderName header, std::string_view token);
// The body is one that we read as a session description.
bool holds_sdp(const sip::Message& message);
// Whoever does not understand the body may ignore it (RFC 3261 §20.11).
bool is_body_optional(const sip::Message& message);
// What 420 answers: `Unsupported` with every tag of Require that is not ours; empty when all are.
std::string unsupported_line(const sip::Message& request, std::span<const std::string_view> tags);

}  // namespace confab::bridge
