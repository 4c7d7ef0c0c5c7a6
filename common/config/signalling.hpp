// What every SIP daemon lets its operator set about signalling: listeners, TLS, bounds, timers. A tool's Config inherits Signalling and appends these
// rows to its own table, so that a key has the same name, default and help in all programs. Pure: the files that keys name are io's.
#pragma once

#include <string>
#include <vector>

#include "base/socket_address.hpp"
#include "base/time.hpp"
#include "config/table.hpp"

namespace confab::config {

// Whether a client that brings no certificate may come in where `tls-client-ca` is set.
enum class ClientCertificate : std::uint8_t { required, optional };
template <> struct Value<ClientCertificate> {
    static std::string_view expected() { return "required or optional"; }
    static std::optional<ClientCertificate> parse(std::string_view text);
};

struct Signalling {
    std::vector<Listener> listen;        // its row is the tool's, which says what comes in there
    std::vector<base::Network> trusted;  // likewise
    std::string tls_certificate, tls_key, tls_client_ca, tls_ca;
    ClientCertificate tls_client_certificate = ClientCertificate::required;
    std::vector<std::string> tls_client_names;
    std::uint32_t connections = 0, message_limit = 0, write_queue = 0, transactions = 0, receive_buffer = 0;
    base::milliseconds open_timeout{10'000}, idle_timeout{600'000}, authentication_timeout{0};
    base::milliseconds t1{500}, t2{4000}, t4{5000};
    base::seconds retry_after{5};
};

const Table& signalling_keys();  // bounds and timers, of every SIP daemon
const Table& tls_keys();         // certificates and the authentication deadline, of those that take SIP over TLS from anybody

// TLS listeners need a certificate, a certificate its key, names of clients an authority.
void check_tls(const Signalling& settings, const Entries& entries, Problems& problems);

void take_live(Signalling& running, const Signalling& fresh);

}  // namespace confab::config
