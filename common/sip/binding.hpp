// One binding of an address to a contact (RFC 3261 §10, RFC 5626 §6), as slices and as one block of memory.
//
// `Binding` owns nothing: its texts are somebody's, and it lives no longer than they do. `StoredBinding` is one allocation that holds numbers and
// texts together. Bound: 65,535 octets a text, which no SIP message of ours exceeds; longer ones are a CHECK.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/time.hpp"

namespace confab::sip {

struct Binding {
    std::string_view address;     // its key, sip:user@host
    std::string_view contact;     // URI as registered
    std::string_view call_id;
    std::string_view path;        // the Path header values joined by ", ", or ""
    std::string_view instance;    // +sip.instance, or ""
    std::string_view received;    // "udp:192.0.2.1:4321": where the REGISTER came from
    std::string_view user;        // who proved himself
    std::string_view scheme;      // "Digest/MD5": how
    std::string_view user_agent;
    std::uint32_t cseq = 0;
    std::uint32_t reg_id = 0;     // RFC 5626 §4.2: which flow of the instance; 0 for a client without outbound
    std::uint16_t q = 1000;       // thousandths
    base::WallTime expires{};
    bool is_reachable = true;     // what probing says; never stored
};

// Whether two bindings of one address are the same row of a store.
constexpr bool has_same_key(const Binding& a, const Binding& b) { return a.contact == b.contact && a.instance == b.instance && a.reg_id == b.reg_id; }

class StoredBinding {
public:
    StoredBinding() = default;
    explicit StoredBinding(const Binding& binding);

    explicit operator bool() const { return block_ != nullptr; }
    Binding view() const;
    StoredBinding copy() const { return StoredBinding(view()); }

    std::string_view address() const;
    base::WallTime expires() const;
    // Takes over what a refresh brings without a new block. False when a text differs, and nothing has changed then.
    bool refresh(const Binding& binding);

private:
    struct Numbers;
    const Numbers& numbers() const;

    std::unique_ptr<std::byte[]> block_;
};

// One change for the store: the binding set, or removed under its key.
struct BindingChange {
    bool removed = false;
    StoredBinding binding;
    bool is_new = false;  // set, and its address had none under that key
};

}  // namespace confab::sip
