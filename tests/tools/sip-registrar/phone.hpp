// A canned phone and a registrar's core under a fake clock: what the tests of this folder share.
#pragma once

#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "sip-registrar/core.hpp"
#include "sip/digest.hpp"
#include "sip/message.hpp"

namespace confab::registrar {

inline Config test_config() {
    Config config;
    config.listen.push_back({.transport = "udp", .address = *base::SocketAddress::parse("192.0.2.30:5070"), .advertised = {}});
    config.trusted.push_back(*base::Network::parse("192.0.2.20"));
    config.realm = "example.org";
    config.domains = {"example.org", "example.net"};
    config.digest_algorithms = "MD5 SHA-256";
    config.nonce_windows = 1000;
    config.contacts_per_address = 3;
    config.bindings = 100;
    config.contact_length = 100;
    config.path_length = 200;
    config.users = 10;
    config.store_queue = 50;
    config.transactions = 1000;
    config.authenticate = {"REGISTER", "SUBSCRIBE"};
    config.subscriptions = 3;
    config.liveness_failures = 2;
    return config;
}

inline User user_with_password(const std::string& name, const std::string& password) {
    User user{.name = name, .ha1 = {}};
    for (auto algorithm : {sip::DigestAlgorithm::md5, sip::DigestAlgorithm::sha256, sip::DigestAlgorithm::sha512_256})
        user.ha1[static_cast<std::size_t>(algorithm)] = sip::ha1(algorithm, name, "example.org", password);
    return user;
}

struct Call {
    std::string method = "REGISTER";
    std::string uri = "sip:example.org";
    std::string to = "<sip:alice@example.org>";
    std::string call_id = "one@phone";
    unsigned cseq = 0;       // 0: the phone's next
    std::string headers{};   // whole lines
    std::string user = "alice", password = "secret";
    bool authorize = true;   // answer a challenge
    std::size_t challenge = 0;  // which of the challenges offered
};

class Bench {
public:
    explicit Bench(Config config = test_config()) : core(config, "0123456789abcdef", base::Seed{7}) {
        core.users().put(user_with_password("alice", "secret"));
        core.users().put(user_with_password("bob", "hunter2"));
    }

    // The answer's bytes, or "" when there is none.
    std::string deliver(const std::string& bytes) {
        effects.clear();
        core.receive(now, source, bytes, false, effects);
        return answer();
    }

    std::string answer() const {
        const auto& entries = effects.transmit.entries();
        return entries.empty() ? std::string() : std::string(effects.transmit.bytes(entries.front()));
    }

    std::string request(const Call& call, unsigned cseq, const std::string& authorization = {}) {
        return call.method + " " + call.uri + " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;rport;branch=z9hG4bK" + std::to_string(++branch_) +
               "\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.org>;tag=f1\r\nTo: " + call.to + "\r\nCall-ID: " + call.call_id +
               "\r\nCSeq: " + std::to_string(cseq) + " " + call.method + "\r\n" + authorization + call.headers + "Content-Length: 0\r\n\r\n";
    }

    // A whole registration: the request, and once more with credentials where it was challenged.
    std::string send(const Call& call) {
        const unsigned cseq = call.cseq != 0 ? call.cseq : ++cseq_;
        const auto first = deliver(request(call, cseq));
        if (!call.authorize || status(first) != 401) return first;
        last_authorization = authorization(first, call);
        return deliver(request(call, call.cseq != 0 ? call.cseq : ++cseq_, last_authorization));
    }

    std::string authorization(const std::string& challenged, const Call& call, unsigned nc = 1) const {
        sip::Message message;
        REQUIRE(sip::split(challenged, message) == sip::ParseError::none);
        std::size_t at = 0;
        std::string line;
        for (const auto& header : message.headers()) {
            if (header.id != sip::HeaderName::www_authenticate || at++ != call.challenge) continue;
            const auto challenge = sip::parse_challenge(header.value);
            REQUIRE(challenge);
            sip::append_authorization(line, "Authorization", *challenge, call.user, call.password, call.method, call.uri, nc, "c0ffee");
        }
        return line;
    }

    void advance(base::milliseconds by) {
        now.steady += by;
        now.wall += by;
        effects.clear();
        core.expire(now, effects);
    }

    static int status(const std::string& response) {
        sip::Message message;
        if (sip::split(response, message) != sip::ParseError::none) return 0;
        return message.status;
    }
    static std::string value(const std::string& response, std::string_view header) {
        sip::Message message;
        sip::split(response, message);
        const auto* found = message.find(header);
        return found ? std::string(found->value) : std::string();
    }
    static std::vector<std::string> contacts(const std::string& response) {
        std::vector<std::string> all;
        sip::Message message;
        sip::split(response, message);
        for (const auto& header : message.headers())
            if (header.id == sip::HeaderName::contact) all.emplace_back(header.value);
        return all;
    }

    base::Now now{base::Instant(base::seconds(1000)), base::WallTime(base::seconds(1'700'000'000))};
    sip::Hop source{.peer = *base::SocketAddress::parse("192.0.2.9:5060"), .flow = {1}, .listener = 0};
    Core core;
    Effects effects;
    std::string last_authorization;

private:
    unsigned cseq_ = 0;
    unsigned branch_ = 0;
};

}  // namespace confab::registrar
