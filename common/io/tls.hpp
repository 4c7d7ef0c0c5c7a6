// TLS sessions over memory: bytes from the wire in, bytes for the wire out, clear text on the other side (OpenSSL 3, TLS 1.2 and up).
// No descriptor here; `stream.cpp` moves the bytes. Contexts are shared by all connections of a listener.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct x509_store_ctx_st;
struct bio_method_st;

namespace confab::io {

class TlsContext {
public:
    // What is asked of clients. `ca`: PEM file of their authorities, "" asks for no certificate. `names`: what a certificate must be for, empty: anything.
    struct Clients {
        std::string ca{};
        std::vector<std::string> names{};
        bool required = true;  // a client without a certificate is refused
    };
    // Server with its own certificate chain and key (PEM). Errors are sentences naming the file.
    static std::expected<TlsContext, std::string> server(const std::string& certificate, const std::string& key, const Clients& clients);
    // Client. `ca`: PEM file of trusted roots, "" for the system's. `verify` off accepts anything (testing only). Certificate optional.
    static std::expected<TlsContext, std::string> client(const std::string& ca, bool verify, const std::string& certificate, const std::string& key);

    struct Impl;
    std::shared_ptr<Impl> impl;
};

class TlsSession {
public:
    // `name`: for clients, what the certificate must be for: a host name or an IP address; "" for servers. Names are compared as RFC 5922 §7 says.
    TlsSession(const TlsContext& context, bool is_server, const std::string& name);
    ~TlsSession();
    TlsSession(TlsSession&&) noexcept;

    enum class State : unsigned char { handshaking, open, closed, failed };
    // After each of these, `take_output` appends what the wire should get (a failed session may have an alert to say).
    State start();                                              // clients speak first
    State receive(std::string_view wire, std::string& clear);   // appends
    State send(std::string_view clear);                         // only once open
    void take_output(std::string& wire);
    void close();                                               // says goodbye (close_notify)
    State state() const;
    const std::string& error() const;         // a sentence once failed: "certificate verify failed: self-signed certificate"
    bool has_verified_peer() const;           // the peer showed a certificate that an authority of ours vouches for
    std::string description() const;          // "TLSv1.3 TLS_AES_256_GCM_SHA384"

private:
    friend class TlsContext;
    struct Impl;
    static int check_name(int chain_is_good, x509_store_ctx_st* verification);
    static const bio_method_st* wire_method();
    std::unique_ptr<Impl> impl_;
};

}  // namespace confab::io
