// What this proxy writes into messages and must know again when it comes back, after a restart too: branches, dialog tokens, flow tokens
// and the loop mark. All are MACs (SipHash-2-4-128) under keys derived from the site's secret, so nothing has to be remembered. Pure.
//
// A branch is "z9hG4bK" + where it goes (7) + MAC (16) + "." + loop mark (13) + salt (6). The MAC covers what a response brings back: the
// Via below ours with the address that the request came from, Call-ID, CSeq and From tag. So a request that is retransmitted to a proxy that
// has forgotten it goes on with the same branch (RFC 3261 §16.11), and a response without a transaction is known to be an answer to a
// request that really passed here, on its way to the one who sent it.
//
// A flow token (RFC 5626 §5.1) is the user part of a Path or Record-Route URI of ours and names one flow of one of our listeners.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sip/message.hpp"
#include "sip/transaction_key.hpp"
#include "sip/transport.hpp"

namespace confab::proxy {

// A short text without memory of its own.
template <std::size_t N>
class Letters {
public:
    void append(std::string_view text) {
        for (const char c : text)
            if (size_ < N) at_[size_++] = c;
    }
    std::string_view text() const { return {at_.data(), size_}; }

private:
    std::array<char, N> at_{};
    std::size_t size_ = 0;
};

class Seals {
public:
    static constexpr std::size_t kTokenLength = 26;  // 128 bits, 5 a character
    using Token = Letters<kTokenLength>;
    using Mark = Letters<24>;

    // `salt` tells apart elements that share the secret and may hash one request to one mark (RFC 5393 §4.2): our listeners as text.
    Seals(std::string_view secret, std::string_view salt);

    Token dialog(std::string_view call_id);
    bool is_dialog(std::string_view token, std::string_view call_id);

    // RFC 5393 §4.2: what ends our branch, so that a request which returns unchanged is recognised.
    Mark mark(const sip::Message& request) const;

    // `destination` tells the branches of one request apart: the same for the same target.
    void append_branch(std::string& out, const sip::Message& request, const base::SocketAddress& source, std::uint64_t destination,
                       const Mark& mark);
    // A number for a target, for `append_branch`; `attempt` counts earlier branches to the very same.
    std::uint64_t destination(const sip::Hop& hop, std::string_view request_uri, std::string_view route, std::size_t attempt);
    // The response answers a request that we have sent, and its next Via is where that request came from.
    bool is_ours(const sip::Message& response);

    void append_flow(std::string& out, const sip::Hop& hop);
    std::optional<sip::Hop> open_flow(std::string_view token);

private:
    sip::TransactionKey seal(std::string_view text) const { return sip::sip_hash(key_, text); }
    void describe_return(const sip::Message& message, std::string_view via_branch, const base::SocketAddress& back);

    sip::SipHashSecret key_;
    std::string salt_;
    std::string scratch_;
};

}  // namespace confab::proxy
