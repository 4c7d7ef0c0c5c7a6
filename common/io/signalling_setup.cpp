#include "io/signalling_setup.hpp"

#include "io/error.hpp"

namespace confab::io {

namespace {

using Contexts = std::expected<std::optional<TlsContext>, std::string>;

sip::Transport transport_of(const config::Listener& listener) {
    if (listener.transport == "tls") return sip::Transport::tls;
    return listener.transport == "tcp" ? sip::Transport::tcp : sip::Transport::udp;
}

Contexts server_context(const config::Signalling& settings) {
    if (settings.tls_certificate.empty() || settings.tls_key.empty()) return std::nullopt;
    TlsContext::Clients clients{.ca = settings.tls_client_ca,
                                .names = settings.tls_client_names,
                                .required = settings.tls_client_certificate == config::ClientCertificate::required};
    auto context = TlsContext::server(settings.tls_certificate, settings.tls_key, clients);
    if (!context) return std::unexpected(context.error());
    return *context;
}

Contexts client_context(const config::Signalling& settings) {
    if (settings.tls_ca.empty()) return std::nullopt;
    auto context = TlsContext::client(settings.tls_ca, true, settings.tls_certificate, settings.tls_key);
    if (!context) return std::unexpected(context.error());
    return *context;
}

std::optional<TlsContext> taken(Contexts context) {
    if (!context) throw StartupError(kConfig, context.error());
    return std::move(*context);
}

}  // namespace

SignallingSetup setup_of(const config::Signalling& settings) {
    SignallingSetup setup;
    const auto tls = taken(server_context(settings));
    for (const auto& listener : settings.listen) {
        const auto transport = transport_of(listener);
        setup.listeners.push_back({transport, listener.address, transport == sip::Transport::tls ? tls : std::nullopt, listener.trusted});
    }
    setup.options.message_limit = settings.message_limit;
    setup.options.connections = settings.connections;
    setup.options.write_queue = settings.write_queue;
    setup.options.receive_buffer = static_cast<int>(settings.receive_buffer);
    setup.options.open_timeout = settings.open_timeout;
    setup.options.idle_timeout = settings.idle_timeout;
    setup.options.authentication_timeout = settings.authentication_timeout;
    setup.options.trusted = settings.trusted;
    setup.options.tls_client = taken(client_context(settings));
    return setup;
}

std::vector<config::Listener> bound_listeners(const config::Signalling& settings, const Signalling& signalling) {
    auto listeners = settings.listen;
    for (std::size_t i = 0; i < listeners.size(); ++i) listeners[i].address = signalling.local(static_cast<std::uint16_t>(i));
    return listeners;
}

void check_certificates(const config::Signalling& settings, std::string_view certificate_key, const config::Entries& entries, config::Problems& problems) {
    if (const auto server = server_context(settings); !server)
        config::complain(entries, problems, certificate_key, "a certificate with its private key, and authorities of clients", server.error());
    else if (const auto client = client_context(settings); !client)
        config::complain(entries, problems, "tls-ca", "authorities of servers", client.error());
}

}  // namespace confab::io
