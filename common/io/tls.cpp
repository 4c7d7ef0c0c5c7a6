#include "io/tls.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "base/socket_address.hpp"
#include "base/text.hpp"
#include "io/file.hpp"

namespace confab::io {

namespace {

constexpr std::size_t kScratch = 16384;  // one TLS record

template <auto Free>
struct Freed {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};
using SslPointer = std::unique_ptr<SSL, Freed<SSL_free>>;
using ContextPointer = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using BioPointer = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using KeyPointer = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

std::string newest_reason() {
    const auto code = ERR_peek_last_error();
    const char* reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
    std::string text = reason != nullptr ? reason : "unknown error";
    ERR_clear_error();
    return text;
}

std::string_view text_of(const ASN1_STRING* text) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)), static_cast<std::size_t>(ASN1_STRING_length(text))};
}

// The domain of `sip:domain`; a URI with a user part is nobody's identity (RFC 5922 §7.1).
std::optional<std::string_view> sip_domain(std::string_view uri) {
    if (uri.size() < 4 || !base::iequals(uri.substr(0, 4), "sip:")) return std::nullopt;
    const auto domain = uri.substr(4, uri.find_first_of(";?", 4) - 4);
    return domain.contains('@') ? std::nullopt : std::optional(domain);
}

std::vector<std::string> common_names(X509* certificate) {
    std::vector<std::string> names;
    const auto* subject = X509_get_subject_name(certificate);
    for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;)
        names.emplace_back(text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
    return names;
}

// Who a certificate is for (RFC 5922 §7.1): domains of sip URIs; without one, DNS names; without any alternative name, the common name.
std::vector<std::string> identities_of(X509* certificate) {
    const std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>> alternatives(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    if (!alternatives) return common_names(certificate);
    std::vector<std::string> domains, hosts;
    for (int i = 0; i < sk_GENERAL_NAME_num(alternatives.get()); ++i) {
        const auto* name = sk_GENERAL_NAME_value(alternatives.get(), i);
        if (name->type == GEN_DNS) hosts.emplace_back(text_of(name->d.dNSName));
        if (name->type != GEN_URI) continue;
        if (const auto domain = sip_domain(text_of(name->d.uniformResourceIdentifier))) domains.emplace_back(*domain);
    }
    return domains.empty() ? hosts : domains;
}

// Whole and without wildcards (RFC 5922 §7.2).
bool is_for_one_of(X509* certificate, std::span<const std::string> names) {
    const auto identities = identities_of(certificate);
    return std::ranges::any_of(names, [&](const std::string& name) {
        return std::ranges::any_of(identities, [&](const std::string& identity) { return base::iequals(identity, name); });
    });
}

// OpenSSL would ask the terminal; a daemon has none.
int no_passphrase(char*, int, int, void*) { return 0; }

std::expected<void, std::string> readable(const std::string& path) {
    const auto text = read_file(path);
    if (!text) return std::unexpected(text.error());
    return {};
}

std::expected<void, std::string> load_own(SSL_CTX* context, const std::string& certificate, const std::string& key) {
    if (auto there = readable(certificate); !there) return there;
    if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1)
        return std::unexpected(certificate + ": no certificate in PEM form (" + newest_reason() + ")");
    const auto text = read_file(key);
    if (!text) return std::unexpected(text.error());
    const BioPointer source(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
    const KeyPointer private_key(PEM_read_bio_PrivateKey(source.get(), nullptr, no_passphrase, nullptr));
    if (!private_key) return std::unexpected(key + ": no private key in PEM form without a passphrase (" + newest_reason() + ")");
    if (X509_check_private_key(SSL_CTX_get0_certificate(context), private_key.get()) != 1) {
        ERR_clear_error();
        return std::unexpected(key + ": this private key does not belong to the certificate in " + certificate);
    }
    if (SSL_CTX_use_PrivateKey(context, private_key.get()) != 1) return std::unexpected(key + ": " + newest_reason());
    return {};
}

std::expected<void, std::string> load_roots(SSL_CTX* context, const std::string& ca) {
    if (auto there = readable(ca); !there) return there;
    if (SSL_CTX_load_verify_file(context, ca.c_str()) != 1)
        return std::unexpected(ca + ": no certificates in PEM form (" + newest_reason() + ")");
    return {};
}

ContextPointer new_context(const SSL_METHOD* method) {
    ContextPointer context(SSL_CTX_new(method));
    CHECK(context, "SSL_CTX_new: " + newest_reason());
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    // Idle connections keep no record buffers; resumption is by tickets, so the library keeps no table of sessions either.
    SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    CHECK(SSL_CTX_set_cipher_list(context.get(), "HIGH:!aNULL:!kRSA:!PSK:!SRP") == 1, newest_reason());
    return context;
}

}  // namespace

struct TlsContext::Impl {
    ContextPointer context;
    bool verify_peer = false;
    std::vector<std::string> client_names{};
};

std::expected<TlsContext, std::string> TlsContext::server(const std::string& certificate, const std::string& key,
                                                          const Clients& clients) {
    auto context = new_context(TLS_server_method());
    if (auto loaded = load_own(context.get(), certificate, key); !loaded) return std::unexpected(loaded.error());
    static constexpr unsigned char kSessionContext[] = "confab";
    SSL_CTX_set_session_id_context(context.get(), kSessionContext, sizeof kSessionContext - 1);
    SSL_CTX_set_num_tickets(context.get(), 1);
    if (!clients.ca.empty()) {
        if (auto loaded = load_roots(context.get(), clients.ca); !loaded) return std::unexpected(loaded.error());
        SSL_CTX_set_client_CA_list(context.get(), SSL_load_client_CA_file(clients.ca.c_str()));
        SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | (clients.required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), TlsSession::check_name);
    }
    return TlsContext{std::make_shared<Impl>(std::move(context), !clients.ca.empty(), clients.names)};
}

std::expected<TlsContext, std::string> TlsContext::client(const std::string& ca, bool verify, const std::string& certificate,
                                                          const std::string& key) {
    auto context = new_context(TLS_client_method());
    if (!certificate.empty())
        if (auto loaded = load_own(context.get(), certificate, key); !loaded) return std::unexpected(loaded.error());
    if (!ca.empty()) {
        if (auto loaded = load_roots(context.get(), ca); !loaded) return std::unexpected(loaded.error());
    } else if (verify) {
        SSL_CTX_set_default_verify_paths(context.get());
    }
    SSL_CTX_set_verify(context.get(), verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, verify ? TlsSession::check_name : nullptr);
    return TlsContext{std::make_shared<Impl>(std::move(context), verify)};
}

struct TlsSession::Impl {
    std::shared_ptr<TlsContext::Impl> context;
    SslPointer ssl;
    State state = State::handshaking;
    std::string error, name;
    std::string_view incoming;  // wire bytes of the call that runs
    std::string outgoing;       // wire bytes until `take_output`

    // Whom the peer's certificate must be for; empty: anybody.
    std::span<const std::string> allowed_names() const {
        if (!name.empty()) return {&name, 1};
        return context->client_names;
    }

    void expect_name(const std::string& expected) {
        if (const auto ip = base::IpAddress::parse(expected)) {
            CHECK(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), ip->text().c_str()) == 1, newest_reason());
            return;
        }
        name = expected;
        SSL_set_tlsext_host_name(ssl.get(), name.c_str());
    }

    void fail(std::string sentence) {
        state = State::failed;
        if (error.empty()) error = std::move(sentence);
    }

    void fail_from_library() {
        std::string sentence = "TLS: " + newest_reason();
        const auto verdict = SSL_get_verify_result(ssl.get());
        if (context->verify_peer && verdict != X509_V_OK) sentence += std::string(": ") + X509_verify_cert_error_string(verdict);
        fail(std::move(sentence));
    }

    // What a call that did not succeed means. True: nothing is wrong, the session waits for the peer.
    bool only_waits(int result) {
        switch (SSL_get_error(ssl.get(), result)) {
            case SSL_ERROR_WANT_READ:
            case SSL_ERROR_WANT_WRITE:
                return true;
            case SSL_ERROR_ZERO_RETURN:
                state = State::closed;
                return false;
            default:
                fail_from_library();
                return false;
        }
    }

    void shake_hands() {
        ERR_clear_error();
        const int result = SSL_do_handshake(ssl.get());
        if (result == 1)
            state = State::open;
        else
            only_waits(result);
    }

    void read_clear(std::string& clear) {
        thread_local char scratch[kScratch];
        while (state == State::open) {
            ERR_clear_error();
            const int got = SSL_read(ssl.get(), scratch, sizeof scratch);
            if (got > 0)
                clear.append(scratch, static_cast<std::size_t>(got));
            else if (only_waits(got))
                return;
        }
    }
};

// A BIO without buffers of its own: it reads what `receive` was given and appends to `outgoing`, so that an idle session holds neither.
const BIO_METHOD* TlsSession::wire_method() {
    static const BIO_METHOD* const kMethod = [] {
        BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "confab wire");
        CHECK(method, newest_reason());
        BIO_meth_set_read(method, [](BIO* bio, char* to, int room) -> int {
            auto& incoming = static_cast<Impl*>(BIO_get_data(bio))->incoming;
            BIO_clear_retry_flags(bio);
            if (incoming.empty()) {
                BIO_set_retry_read(bio);
                return -1;
            }
            const auto taken = incoming.copy(to, static_cast<std::size_t>(room));
            incoming.remove_prefix(taken);
            return static_cast<int>(taken);
        });
        BIO_meth_set_write(method, [](BIO* bio, const char* from, int size) -> int {
            static_cast<Impl*>(BIO_get_data(bio))->outgoing.append(from, static_cast<std::size_t>(size));
            return size;
        });
        BIO_meth_set_ctrl(method, [](BIO*, int command, long, void*) -> long { return command == BIO_CTRL_FLUSH ? 1 : 0; });
        return method;
    }();
    return kMethod;
}

// OpenSSL has judged the chain; the name is ours to judge.
int TlsSession::check_name(int chain_is_good, X509_STORE_CTX* verification) {
    if (chain_is_good != 1 || X509_STORE_CTX_get_error_depth(verification) != 0) return chain_is_good;
    const auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()));
    const auto allowed = static_cast<const Impl*>(SSL_get_app_data(ssl))->allowed_names();
    if (allowed.empty() || is_for_one_of(X509_STORE_CTX_get_current_cert(verification), allowed)) return 1;
    X509_STORE_CTX_set_error(verification, X509_V_ERR_HOSTNAME_MISMATCH);
    return 0;
}

TlsSession::TlsSession(const TlsContext& context, bool is_server, const std::string& name) : impl_(std::make_unique<Impl>()) {
    impl_->context = context.impl;
    impl_->ssl.reset(SSL_new(context.impl->context.get()));
    CHECK(impl_->ssl, "SSL_new: " + newest_reason());
    SSL_set_app_data(impl_->ssl.get(), impl_.get());
    BIO* wire = BIO_new(wire_method());
    CHECK(wire, "BIO_new: " + newest_reason());
    BIO_set_data(wire, impl_.get());
    BIO_set_init(wire, 1);
    SSL_set_bio(impl_->ssl.get(), wire, wire);
    if (is_server)
        SSL_set_accept_state(impl_->ssl.get());
    else
        SSL_set_connect_state(impl_->ssl.get());
    if (!is_server && context.impl->verify_peer && !name.empty()) impl_->expect_name(name);
}
TlsSession::~TlsSession() = default;
TlsSession::TlsSession(TlsSession&&) noexcept = default;

TlsSession::State TlsSession::start() {
    if (impl_->state == State::handshaking) impl_->shake_hands();
    return impl_->state;
}

TlsSession::State TlsSession::receive(std::string_view wire, std::string& clear) {
    if (impl_->state == State::closed || impl_->state == State::failed) return impl_->state;
    impl_->incoming = wire;
    if (impl_->state == State::handshaking) impl_->shake_hands();
    impl_->read_clear(clear);
    const bool waits = impl_->state == State::handshaking || impl_->state == State::open;
    CHECK(impl_->incoming.empty() || !waits, "TLS left " + std::to_string(impl_->incoming.size()) + " octets unread");
    impl_->incoming = {};
    return impl_->state;
}

TlsSession::State TlsSession::send(std::string_view clear) {
    if (impl_->state != State::open || clear.empty()) return impl_->state;
    ERR_clear_error();
    // Our BIO takes everything, so a write is never partial.
    if (SSL_write(impl_->ssl.get(), clear.data(), static_cast<int>(clear.size())) <= 0) impl_->fail_from_library();
    return impl_->state;
}

void TlsSession::take_output(std::string& wire) {
    auto output = std::exchange(impl_->outgoing, {});
    if (wire.empty())
        wire = std::move(output);
    else
        wire.append(output);
}

void TlsSession::close() {
    ERR_clear_error();
    if (impl_->state == State::open) SSL_shutdown(impl_->ssl.get());
    ERR_clear_error();
    if (impl_->state != State::failed) impl_->state = State::closed;
}

TlsSession::State TlsSession::state() const { return impl_->state; }
const std::string& TlsSession::error() const { return impl_->error; }
bool TlsSession::has_verified_peer() const {
    return impl_->context->verify_peer && SSL_get0_peer_certificate(impl_->ssl.get()) != nullptr && SSL_get_verify_result(impl_->ssl.get()) == X509_V_OK;
}
std::string TlsSession::description() const {
    if (SSL_is_init_finished(impl_->ssl.get()) != 1) return {};
    return std::string(SSL_get_version(impl_->ssl.get())) + " " + SSL_get_cipher_name(impl_->ssl.get());
}

}  // namespace confab::io
