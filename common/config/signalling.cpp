#include "config/signalling.hpp"

#include <algorithm>

namespace confab::config {

std::optional<ClientCertificate> Value<ClientCertificate>::parse(std::string_view text) {
    static constexpr Word<ClientCertificate> kWords[] = {{"required", ClientCertificate::required}, {"optional", ClientCertificate::optional}};
    return parse_word(text, kWords);
}

const Table& signalling_keys() {
    static const Table kKeys = {
        key("t1", &Signalling::t1, "500ms", "RFC 3261 T1, the estimate of a round trip.").between(10, 5'000),
        key("t2", &Signalling::t2, "4s", "RFC 3261 T2, the longest retransmission interval of a 2xx and of requests other than INVITE.").between(10, 60'000),
        key("t4", &Signalling::t4, "5s", "RFC 3261 T4, how long a message stays in the network.").between(10, 60'000),
        key("retry-after", &Signalling::retry_after, "5s", "What a 503 tells the client to wait.").between(1'000, 3'600'000).is_live(),
        key("transactions", &Signalling::transactions, "200000", "Bound on SIP transactions; one more request is answered 503.").between(1, 10'000'000),
        key("connections", &Signalling::connections, "10000", "Bound on open connections.").between(1, 1'000'000),
        key("message-limit", &Signalling::message_limit, "65535", "Largest SIP message in octets.").between(1'000, 1'000'000),
        key("receive-buffer", &Signalling::receive_buffer, "4194304", "Octets that may wait in each UDP socket; the kernel may allow less (rmem_max).")
            .between(65'536, 1 << 30),
        key("write-queue", &Signalling::write_queue, "1048576", "Bound on octets waiting for one connection; one that reads too slowly is closed.")
            .between(4'096, 1 << 30),
        key("open-timeout", &Signalling::open_timeout, "10s", "Longest time for connecting and the TLS handshake.").between(100, 600'000),
        key("idle-timeout", &Signalling::idle_timeout, "2h",
            "A connection without traffic for so long is closed. Peers that vanished are found earlier by TCP keepalive.")
            .between(1'000, 86'400'000),
    };
    return kKeys;
}

const Table& tls_keys() {
    static const Table kKeys = {
        key("tls-certificate", &Signalling::tls_certificate, "",
            "Certificate chain (PEM) of tls listeners, also shown to servers that ask for one. Certificates and keys are read again by a reload.")
            .such_as("/etc/confab/tls.pem").is_live(),
        key("tls-key", &Signalling::tls_key, "", "Private key (PEM) of tls-certificate.").such_as("/etc/confab/tls.key").is_live(),
        key("tls-client-ca", &Signalling::tls_client_ca, "", "Authorities (PEM) of client certificates; empty asks for none.")
            .such_as("/etc/confab/clients.pem").is_live(),
        key("tls-client-certificate", &Signalling::tls_client_certificate, "required",
            "optional: where tls-client-ca is set, a client may come without a certificate; one that it does show must be good.").is_live(),
        key("tls-client-names", &Signalling::tls_client_names, "",
            "Names (RFC 5922) that a client certificate may be for: a sip URI's domain, else a DNS name, else the common name. Empty: any.")
            .such_as("edge.example.org").is_live(),
        key("tls-ca", &Signalling::tls_ca, "", "Authorities (PEM) of the servers to which connections are opened; empty: the system's.")
            .such_as("/etc/confab/ca.pem").is_live(),
        key("authentication-timeout", &Signalling::authentication_timeout, "30s",
            "A connection that others opened is closed when by then nothing on it has been accepted: no right credentials, no call. Peers in "
            "trusted networks, at trusted listeners and with a client certificate are exempt. 0s: no limit.")
            .between(0, 3'600'000).is_live(),
    };
    return kKeys;
}

void check_tls(const Signalling& settings, const Entries& entries, Problems& problems) {
    const auto tls = std::ranges::find(settings.listen, "tls", &Listener::transport);
    if (tls != settings.listen.end() && settings.tls_certificate.empty())
        complain(entries, problems, "listen", "tls-certificate and tls-key with a tls listener", tls->text());
    if (settings.tls_certificate.empty() != settings.tls_key.empty())
        complain(entries, problems, settings.tls_key.empty() ? "tls-key" : "tls-certificate", "tls-certificate and tls-key together", "");
    if (!settings.tls_client_names.empty() && settings.tls_client_ca.empty())
        complain(entries, problems, "tls-client-names", "tls-client-ca, which vouches for names", "");
}

void take_live(Signalling& running, const Signalling& fresh) {
    running.trusted = fresh.trusted;
    running.retry_after = fresh.retry_after;
    running.authentication_timeout = fresh.authentication_timeout;
    running.tls_certificate = fresh.tls_certificate;
    running.tls_key = fresh.tls_key;
    running.tls_client_ca = fresh.tls_client_ca;
    running.tls_client_certificate = fresh.tls_client_certificate;
    running.tls_client_names = fresh.tls_client_names;
    running.tls_ca = fresh.tls_ca;
}

}  // namespace confab::config
