// What the pure layers cost, without sockets: single steps of common/sip, then whole cores with canned peers. Prints; asserts nothing about time.
// Usage: bench_cores [WORD] (only what has WORD in its name).
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "meter.hpp"
#include "sip-proxy/core.hpp"
#include "sip-registrar/core.hpp"
#include "sip/compose.hpp"
#include "sip/forward.hpp"

using namespace confab;
using bench::Meter;

namespace {

constexpr std::string_view kSecret = "0123456789abcdef0123456789abcdef";
const auto kPhone = *base::SocketAddress::parse("127.0.0.9:5000");
const auto kBridge = *base::SocketAddress::parse("127.0.0.40:5080");
const sip::Hop kFromPhone{sip::Transport::udp, kPhone, {1}, 0};
const sip::Hop kFromBridge{sip::Transport::udp, kBridge, {1}, 0};

base::Now at(base::Duration since) {
    return {base::Instant{} + base::seconds(1000) + since,
            base::WallTime{} + base::seconds(1'700'000'000) + std::chrono::duration_cast<base::milliseconds>(since)};
}

// A message whose every ######## is the number of the call.
class Template {
public:
    explicit Template(std::string text) : text_(std::move(text)) {
        for (auto at = text_.find("########"); at != text_.npos; at = text_.find("########", at + 8)) places_.push_back(at);
    }
    std::string_view number(std::uint32_t value) {
        for (auto place : places_)
            for (int i = 0; i < 8; ++i) text_[place + static_cast<std::size_t>(i)] = "0123456789abcdef"[value >> (28 - 4 * i) & 15];
        return text_;
    }

private:
    std::string text_;
    std::vector<std::size_t> places_;
};

std::string crlf(std::string_view text) {
    std::string out;
    for (char c : text) {
        if (c == '\n') out += '\r';
        out += c;
    }
    return out;
}

const std::string kBody = crlf(
    "v=0\no=alice 2890844526 2890844526 IN IP4 127.0.0.9\ns=-\nc=IN IP4 127.0.0.9\nt=0 0\nm=audio 49170 RTP/AVP 0 8 101\na=rtpmap:0 PCMU/8000\n"
    "a=rtpmap:8 PCMA/8000\na=rtpmap:101 telephone-event/8000\na=ptime:20\na=sendrecv\n");

std::string message(std::string_view start, std::string_view method, std::string_view headers, std::string_view body = {}) {
    auto text = crlf(std::string(start) +
                     "\nVia: SIP/2.0/UDP 127.0.0.9:5000;branch=z9hG4bK-" + std::string(method) + "-########;rport\nMax-Forwards: 70\n"
                     "From: \"Alice\" <sip:alice@example.test>;tag=a########\n" +
                     std::string(headers) + "Call-ID: ########-5f2c81d@127.0.0.9\nUser-Agent: Bench 1.0\nContent-Length: " + std::to_string(body.size()) +
                     "\n\n");
    return text + std::string(body);
}

const std::string kOptions =
    message("OPTIONS sip:example.test SIP/2.0", "o", "To: <sip:example.test>\nCSeq: 1 OPTIONS\nContact: <sip:alice@127.0.0.9:5000>\nAccept: application/sdp\n");
std::string register_of(std::string_view method, int cseq, std::string_view more) {
    return message("REGISTER sip:example.test SIP/2.0", method,
                   "To: <sip:alice@example.test>\nCSeq: " + std::to_string(cseq) +
                       " REGISTER\nContact: <sip:alice@127.0.0.9:5000>;+sip.instance=\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>\";reg-id=1\n"
                       "Expires: 3600\nSupported: path, outbound\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY\n" +
                       std::string(more));
}
const std::string kInvite = message("INVITE sip:1234@example.test SIP/2.0", "i",
                                    "To: <sip:1234@example.test>\nCSeq: 1 INVITE\nContact: <sip:alice@127.0.0.9:5000>\n"
                                    "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY\nSupported: replaces, timer\nContent-Type: application/sdp\n",
                                    kBody);

// A line's value in a message, for what a real peer would copy.
std::string_view value_of(std::string_view bytes, std::string_view name) {
    const auto from = bytes.find("\r\n" + std::string(name) + ": ") + name.size() + 4;
    return bytes.substr(from, bytes.find("\r\n", from) - from);
}

// ---- single steps

template <class Step>
void repeat(std::string_view what, Step&& step) {
    Meter meter;
    for (int batch = 0; batch < 200; ++batch) {
        meter.run([&] {
            for (int i = 0; i < 1000; ++i) step();
        });
        meter.count(1000);
    }
    meter.print(what);
}

void split_and_splice() {
    Template invite(kInvite), options(kOptions);
    sip::Message split;
    repeat("split OPTIONS", [&, bytes = options.number(1)] { sip::split(bytes, split); });
    repeat("split INVITE", [&, bytes = invite.number(1)] { sip::split(bytes, split); });
    std::string out;
    repeat("append_forward INVITE", [&] {
        out.clear();
        sip::Splice splice(split);
        sip::append_forward(out, split, splice,
                            {.via_sent_by = "127.0.0.20:5060",
                             .transport = sip::Transport::udp,
                             .branch = "z9hG4bKq0123456789abcdef.0123456789abcabcdef",
                             .record_route = "<sip:127.0.0.20:5060;lr;d=0123456789abcdef>",
                             .source = &kPhone});
    });
    repeat("append_response 200", [&] {
        out.clear();
        sip::append_response(out, split, kFromPhone, {.status = 200, .to_tag = "0123456789", .headers = "Supported: path\r\n"});
    });
    std::size_t sink = 0;
    repeat("loop_mark", [&] { sink += sip::loop_mark(split).size(); });
    repeat("parse_name_addr twice", [&] {
        sink += sip::parse_name_addr(split.from)->uri.host.size() + sip::parse_name_addr(split.value(sip::HeaderName::contact))->uri.host.size();
    });
    if (sink == 0) std::abort();
}

void digest() {
    constexpr std::uint32_t kRounds = 50'000;
    sip::Challenger challenger({.realm = "example.test",
                                .algorithms = {sip::DigestAlgorithm::md5, sip::DigestAlgorithm::sha256},
                                .secret = std::string(kSecret),
                                .verifier = 1,
                                .windows = 10'000});
    Meter making, checking;
    std::string challenge, line, scratch;
    const auto key = sip::ha1(sip::DigestAlgorithm::md5, "alice", "example.test", "secret");
    for (std::uint32_t i = 0; i < 2 * kRounds; ++i) {
        if (i == kRounds) making.reset(), checking.reset();
        making.count();
        checking.count();
        const auto now = at(base::milliseconds(i));
        challenge.clear();
        making.run([&] { challenger.append_challenges(challenge, "WWW-Authenticate", now.wall, false); });
        line.clear();
        const std::string first = challenge.substr(challenge.find(' ') + 1, challenge.find("\r\n") - challenge.find(' ') - 1);
        sip::append_authorization(line, "Authorization", *sip::parse_challenge(first), "alice", "secret", "REGISTER", "sip:example.test", 1, "0a4f113b");
        const std::string_view value = std::string_view(line).substr(15, line.size() - 17);
        checking.run([&] {
            const auto answer = sip::read_digest(value, scratch);
            if (!answer || challenger.judge(*answer, now.wall) != sip::NonceVerdict::good || !sip::matches(*answer, key, "REGISTER") ||
                !challenger.accept_count(*answer))
                std::abort();
        });
    }
    making.print("challenge, 2 algorithms");
    checking.print("digest answer checked (MD5)");
}

// `once(number, now, meter)` is one operation; operations come `gap` apart, and those of `life` before are remembered.
void steady(std::string_view what, base::Duration gap, base::Duration life, const std::function<void(std::uint32_t, base::Now, Meter&)>& once) {
    const auto warm = static_cast<std::uint32_t>(life / gap);
    Meter meter;
    const auto before = bench::live_octets();
    std::uint32_t number = 0;
    for (; number < warm; ++number) once(number, at(number * gap), meter);
    const auto held = static_cast<double>(bench::live_octets() - before) / warm;
    for (; number < warm + warm / 8; ++number) once(number, at(number * gap), meter);
    meter.reset();
    for (; number < 2 * warm; ++number) {
        once(number, at(number * gap), meter);
        meter.count();
    }
    meter.print(what, held);
}

void transactions() {
    sip::Transactions servers({}, base::Seed{1}, 10'000'000);
    sip::Outbox out;
    sip::Message split;
    Template request(kOptions);
    std::string response;
    steady("server transaction, OPTIONS", std::chrono::microseconds(200), base::seconds(33), [&](std::uint32_t number, base::Now now, Meter& meter) {
        out.clear();
        sip::split(request.number(number), split);
        response.clear();
        sip::append_response(response, split, kFromPhone, {.status = 200, .to_tag = "0123456789"});
        meter.run([&] {
            const auto event = servers.receive(now, kFromPhone, split, out);
            servers.respond(now, event.server, response, out);
            while (servers.more_due(now)) servers.expire(now, out);
        });
    });
}

// ---- whole cores

template <class Config>
Config config_of(Config (*read)(const config::Entries&, config::Problems&), const std::string& text) {
    config::Problems problems;
    const auto entries = config::split("bench", text, problems);
    auto config = read(entries, problems);
    if (!problems.empty()) std::fprintf(stderr, "%s\n", problems.front().text().c_str());
    return config;
}

void registrar_core() {
    auto config = config_of(registrar::read_config,
                            "listen = udp:127.0.0.30:5070\ntrusted = 127.0.0.0/8\nrealm = example.test\ndomains = example.test\n"
                            "nonce-secret-file = /dev/null\ntransactions = 10000000\ndurability = batched\nstate = /tmp/none\n");
    registrar::Core core(config, std::string(kSecret), base::Seed{7});
    registrar::User user{"alice", {}};
    for (std::size_t i = 0; i < user.ha1.size(); ++i)
        user.ha1[i] = sip::ha1(static_cast<sip::DigestAlgorithm>(i), "alice", config.realm, "secret");
    core.users().put(std::move(user));
    registrar::Effects effects;
    Template options(kOptions), first(register_of("r", 1, {}));
    const auto receive = [&](base::Now now, std::string_view bytes, Meter& meter, std::string_view expected) {
        effects.clear();
        meter.run([&] {
            core.receive(now, kFromPhone, bytes, false, effects);
            core.expire(now, effects);
        });
        const auto answer = effects.transmit.bytes(effects.transmit.entries().front());
        CHECK(answer.starts_with(expected), std::string(answer));
        return answer;
    };
    steady("registrar OPTIONS", std::chrono::microseconds(200), base::seconds(33),
           [&](std::uint32_t number, base::Now now, Meter& meter) { receive(now, options.number(number), meter, "SIP/2.0 200"); });
    steady("registrar REGISTER 401 and 200", base::milliseconds(1), base::seconds(33), [&](std::uint32_t number, base::Now now, Meter& meter) {
        const auto refused = receive(now, first.number(number), meter, "SIP/2.0 401");
        std::string line;
        sip::append_authorization(line, "Authorization", *sip::parse_challenge(value_of(refused, "WWW-Authenticate")), "alice", "secret", "REGISTER",
                                  "sip:example.test", 1, "0a4f113b");
        Template second(register_of("s", 2, line));
        auto bytes = std::string(second.number(number));
        for (auto end = bytes.find("\r\r\n"); end != bytes.npos; end = bytes.find("\r\r\n")) bytes.erase(end, 1);
        receive(now, bytes, meter, "SIP/2.0 200");
    });
}

class ProxyBench {
public:
    ProxyBench()
        : config_(config_of(proxy::read_config,
                            "listen = udp:127.0.0.20:5060\ntrusted = 127.0.0.0/8\nrealm = example.test\ndomains = example.test\n"
                            "registrar = udp:127.0.0.30:5070\nnonce-secret-file = /dev/null\nauthenticate = none\n"
                            "transactions = 10000000\ncontexts = 10000000\n")),
          core_(config_, config_.listen, std::string(kSecret), base::Seed{7}) {}

    void call(std::uint32_t number, base::Now now, Meter& meter) {
        receive(now, kFromPhone, invite_.number(number), meter);
        CHECK(effects_.ask.size() == 1, "no question");
        const auto question = effects_.ask.front().id;
        effects_.clear();
        meter.run([&] { core_.answer(now, question, located_, effects_); });
        sip::Message forwarded;
        std::string invite;
        for (const auto& entry : effects_.transmit.entries())
            if (effects_.transmit.bytes(entry).starts_with("INVITE")) invite = effects_.transmit.bytes(entry);
        sip::split(invite, forwarded);
        const auto route = std::string(value_of(invite, "Record-Route"));
        answer(now, forwarded, 100, meter);
        answer(now, forwarded, 180, meter);
        answer(now, forwarded, 200, meter);
        for (std::string_view method : {"ACK", "BYE"}) {
            const auto cseq = method == "ACK" ? "1 ACK" : "2 BYE";
            Template request(message(std::string(method) + " sip:1234@127.0.0.40:5080 SIP/2.0", method,
                                     "To: <sip:1234@example.test>;tag=b1\nCSeq: " + std::string(cseq) + "\nRoute: " + route + "\n"));
            receive(now, kFromPhone, request.number(number), meter);
            CHECK(!effects_.transmit.empty(), "in-dialog request not forwarded");
        }
        const std::string bye(effects_.transmit.bytes(effects_.transmit.entries().front()));
        sip::split(bye, forwarded);
        answer(now, forwarded, 200, meter);
    }

private:
    void receive(base::Now now, const sip::Hop& from, std::string_view bytes, Meter& meter) {
        effects_.clear();
        meter.run([&] {
            core_.receive(now, from, bytes, false, effects_);
            core_.expire(now, effects_);
        });
    }
    void answer(base::Now now, const sip::Message& request, int status, Meter& meter) {
        std::string response;
        sip::append_response(response, request, kFromBridge,
                             {.status = status, .to_tag = "b1", .headers = status == 200 ? "Contact: <sip:1234@127.0.0.40:5080>\r\n" : "",
                              .content_type = status == 200 && request.method == sip::Method::invite ? "application/sdp" : "",
                              .body = status == 200 && request.method == sip::Method::invite ? std::string_view(kBody) : ""});
        receive(now, kFromBridge, response, meter);
        CHECK(status == 100 || effects_.transmit.entries().size() == 1, "an answer that did not go back");
    }

    proxy::Config config_;
    proxy::Core core_;
    proxy::Effects effects_;
    Template invite_{kInvite};
    proxy::Answer located_ = local::Value::object(
        {{"known", true}, {"targets", std::vector<local::Value>{local::Value::object({{"address", "udp:127.0.0.40:5080"}})}}});
};

void proxy_core() {
    ProxyBench bench;
    steady("proxy INVITE 100 180 200 ACK BYE 200", base::milliseconds(1), base::seconds(33),
           [&](std::uint32_t number, base::Now now, Meter& meter) { bench.call(number, now, meter); });
}

}  // namespace

int main(int argc, char** argv) {
    const std::string wanted = argc > 1 ? argv[1] : "";
    const std::pair<std::string, void (*)()> parts[] = {
        {"split", split_and_splice}, {"digest", digest}, {"transactions", transactions}, {"registrar", registrar_core}, {"proxy", proxy_core}};
    for (const auto& [name, run] : parts)
        if (name.find(wanted) != name.npos) run();
}
