#include "sbc-edge/config.hpp"

#include "base/text.hpp"
#include "media/srtp.hpp"

namespace confab::edge {
namespace {

using config::key;

config::Table make_keys() {
    config::Table keys = {
        key("outside", &Config::outside, "", "Where clients arrive: tls:ADDRESS:PORT. Nothing else is served outside.").is_required().such_as("tls:127.0.0.1:5061"),
        key("inside", &Config::inside, "", "Where the inside sends to clients: udp or tcp.").is_required().such_as("udp:127.0.0.10:5060"),
        key("next-hop", &Config::next_hop, "", "Where requests from outside go: sip-proxy.").is_required().such_as("udp:127.0.0.20:5060"),
        key("inside-peers", &Config::inside_peers, "", "Networks that may send from inside; default: the next hop's address alone."),
        key<Config>("certificate", &Config::tls_certificate, "", "This edge's certificate chain (PEM), read again by a reload.").is_required().such_as("/etc/confab/edge.pem").is_live(),
        key<Config>("private-key", &Config::tls_key, "", "Its private key (PEM).").is_required().such_as("/etc/confab/edge.key").is_live(),
        key<Config>("client-ca", &Config::tls_client_ca, "", "Authorities (PEM) of client certificates; empty asks for none.").is_live(),
        key("media-outside", &Config::media_outside, "127.0.0.1", "Address of SRTP towards clients."),
        key("media-inside", &Config::media_inside, "127.0.0.1", "Address of RTP towards the inside."),
        key("outside-ports", &Config::outside_ports, "20000-24999", "Ports of SRTP, in pairs."),
        key("inside-ports", &Config::inside_ports, "25000-29999", "Ports of RTP, in pairs."),
        key("srtp-suites", &Config::srtp_suites, "AES_CM_128_HMAC_SHA1_80 AES_CM_128_HMAC_SHA1_32", "SRTP suites that are accepted, and offered in this order."),
        key("token-secret-file", &Config::token_secret_file, "", "File with the secret of the tokens in this edge's own URIs, at least 16 octets.").is_required().such_as("/etc/confab/token.secret"),
        key("registrar-control", &Config::registrar_control, "", "Control socket of sip-registrar, told when a client's connection is gone; empty: nobody."),
        key("media-timeout", &Config::media_timeout, "5m", "A relay without a packet from either side for so long is closed.").between(1'000, 86'400'000).is_live(),
        key("calls", &Config::calls, "4000", "Bound on calls with media; one more is answered 503.").between(1, 1'000'000),
        key("dscp", &Config::dscp, "46", "DSCP of relayed media (46: expedited forwarding).").between(0, 63),
    };
    config::append<Config, config::Signalling>(keys, config::signalling_keys());
    return keys;
}

void check_listeners(const Config& config, const config::Entries& entries, config::Problems& problems) {
    for (const auto& listener : config.outside)
        if (listener.transport != "tls") complain(entries, problems, "outside", "tls:ADDRESS:PORT (plain SIP is not served outside)", listener.text());
    for (const auto& listener : config.inside)
        if (listener.transport == "tls") complain(entries, problems, "inside", "udp or tcp", listener.text());
    for (const auto* side : {&config.outside, &config.inside})
        for (const auto& listener : *side)
            if (listener.visible().ip.is_unspecified())
                complain(entries, problems, side == &config.outside ? "outside" : "inside", "an address that peers can reach, or advertise=address:port", listener.text());
    if (config.registrar_control.kind != config::ControlAddress::Kind::unix_path)
        complain(entries, problems, "registrar-control", "unix:PATH", config.registrar_control.text());
    if (config.next_hop.transport == "tls") complain(entries, problems, "next-hop", "udp or tcp", config.next_hop.text());
}

}  // namespace

const config::Table& keys() {
    static const config::Table kKeys = make_keys();
    return kKeys;
}

Config read_config(const config::Entries& entries, config::Problems& problems) {
    auto config = config::read<Config>(keys(), entries, problems);
    config.listen = config.outside;
    config.listen.insert(config.listen.end(), config.inside.begin(), config.inside.end());
    check_listeners(config, entries, problems);
    for (const auto& suite : config.srtp_suites)
        if (media::srtp_key_size(suite) == 0) complain(entries, problems, "srtp-suites", "suites that SRTP has (AES_CM_128_HMAC_SHA1_80, …)", suite);
    if (config.inside_peers.empty()) {
        const std::uint8_t all = config.next_hop.address.ip.family == base::Family::ipv6 ? 128 : 32;
        config.inside_peers.push_back({config.next_hop.address.ip, all});
    }
    return config;
}

void take_live(Config& running, const Config& fresh) {
    running.media_timeout = fresh.media_timeout;
    config::take_live(running, fresh);
}

}  // namespace confab::edge
