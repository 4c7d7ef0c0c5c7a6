// What makes two messages belong to one transaction (RFC 3261 §17.1.3, §17.2.3), as 128 bits.
//
// The matching fields are hashed with SipHash-2-4-128 under a secret of this run, so a key is small, costs no memory of its own, and nobody
// outside can aim two requests at one key or one bucket. The method is kept apart: an ACK matches its INVITE and a CANCEL any other request.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "sip/message.hpp"

namespace confab::sip {

struct TransactionKey {
    std::uint64_t low = 0, high = 0;
    bool operator==(const TransactionKey&) const = default;
};

using SipHashSecret = std::array<std::uint64_t, 2>;
TransactionKey sip_hash(const SipHashSecret& secret, std::string_view text);

class KeyMaker {
public:
    explicit KeyMaker(const SipHashSecret& secret) : secret_(secret) {}

    // Branch and sent-by where the branch carries the magic cookie; otherwise, for RFC 2543 peers, Request-URI, From tag, Call-ID, CSeq number
    // and top Via. The To tag is left out, because an ACK brings the one of our response.
    TransactionKey server_key(const Message& request);
    TransactionKey client_key(std::string_view branch);
    // A number for a method token; ACK has INVITE's.
    std::uint64_t method_id(Method method, std::string_view token);
    // A To tag for answers given without a transaction, so that the ACK for one is recognised.
    void append_stateless_tag(std::string& out, const Message& request);
    bool is_stateless_tag(const Message& ack);

private:
    void describe_server(const Message& request);
    void add(std::string_view field);

    SipHashSecret secret_;
    std::string scratch_;
};

}  // namespace confab::sip
