// One transaction layer with a clock that jumps from deadline to deadline.
#pragma once

#include <utility>

#include "sip/compose.hpp"
#include "sip/transactions.hpp"
#include "sip/wire.hpp"

namespace confab::sip::test {

struct Layer {
    Transactions transactions;
    Outbox out;
    milliseconds time{};
    std::vector<Event> events;                                // from timers and failures, other than none
    std::vector<std::pair<milliseconds, std::string>> sent;   // by timers: when, what

    explicit Layer(const Timers& timers = {}, std::size_t limit = 100) : transactions(timers, seed_of(7), limit) {}

    base::Now now() const { return at(time); }

    Event receive(const std::string& text, const Hop& source) {
        Parsed parsed(text);
        return transactions.receive(now(), source, parsed.message, out);
    }
    std::string branch() {
        std::string text;
        transactions.append_branch(text);
        return text;
    }
    ClientId request(const std::string& text, const Hop& to, std::uint64_t user = 42) { return transactions.request(now(), to, text, user, out); }
    void respond(ServerId id, const std::string& request, int status, const Hop& source) {
        Parsed parsed(request);
        std::string response;
        append_response(response, parsed.message, source, {.status = status, .to_tag = "us"});
        transactions.respond(now(), id, response, out);
    }
    void run_due() {
        while (transactions.more_due(now())) {
            Outbox due;
            const auto event = transactions.expire(now(), due);
            for (const auto& kind : kinds(due)) sent.emplace_back(time, kind);
            if (event.kind != Event::Kind::none) events.push_back(event);
        }
    }
    // Lets the time pass, stopping at each deadline.
    void advance(milliseconds by) {
        const auto end = time + by;
        while (const auto next = transactions.next_deadline()) {
            if (*next > at(end).steady) break;
            time = std::max(time, std::chrono::duration_cast<milliseconds>(*next - at(milliseconds(0)).steady));
            run_due();
        }
        time = end;
    }
    // What was sent since the last call.
    std::vector<std::string> take_kinds() {
        auto all = kinds(out);
        out.clear();
        return all;
    }
};

using Kinds = std::vector<std::string>;
using Times = std::vector<int>;

inline Times times(const Layer& layer, const std::string& kind) {
    Times all;
    for (const auto& [when, what] : layer.sent)
        if (what == kind) all.push_back(static_cast<int>(when.count()));
    return all;
}

inline const Hop kUdp = hop_of(Transport::udp, "192.0.2.1:5060");
inline const Hop kTcp = hop_of(Transport::tcp, "192.0.2.1:5060", 9);

}  // namespace confab::sip::test
