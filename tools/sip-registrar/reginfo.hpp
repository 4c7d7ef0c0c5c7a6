// The body of a NOTIFY of the `reg` event package: application/reginfo+xml (RFC 3680 §5, RFC 5628 for GRUUs left out). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.hpp"
#include "sip/binding.hpp"

namespace confab::registrar {

// Why a contact is as it is (RFC 3680 §5.2.2): the last three end it.
enum class ContactEvent : std::uint8_t { registered, created, refreshed, unregistered, expired, deactivated };

// One document about one address; `out` is complete when it has gone.
class Reginfo {
public:
    Reginfo(std::string& out, std::uint32_t version, bool is_full, std::string_view address, bool is_active);
    ~Reginfo();
    Reginfo(const Reginfo&) = delete;
    Reginfo& operator=(const Reginfo&) = delete;

    void add(const sip::Binding& binding, ContactEvent event, base::WallTime now);

private:
    std::string& out_;
};

}  // namespace confab::registrar
