// A caller and a callee, each a transaction layer with the simplest user on top, and two links between them.
//
// The callee answers what the plan says; it repeats a 2xx to INVITE until the ACK comes (RFC 3261 §13.3.1.4), and the caller acknowledges each 2xx it sees.
#pragma once

#include <map>

#include "sim/link.hpp"
#include "sip/transactions.hpp"

namespace confab::sim {

struct Plan {
    bool invite = true;
    int status = 200;
    base::milliseconds ringing{0};      // 0: no 180
    base::milliseconds answering{50};   // after the request came
    base::milliseconds cancelling{0};   // after the request left; 0: never
    LinkQuality link;
};

// What the two users saw.
struct Outcome {
    int first_finals = 0;     // finals with a tag not seen before, at the caller
    int repeated_finals = 0;  // 2xx again
    int last_status = 0;
    int timeouts = 0;
    int requests = 0;         // at the callee: new ones
    int cancels = 0;
    int acks = 0;             // for a 2xx
    int no_acks = 0;
    int gone = 0;
    int strays = 0;
    std::size_t live_at_end = 0;
    base::milliseconds lasted{};
};

class Pair {
public:
    Pair(const Plan& plan, std::uint64_t seed);
    Outcome run();

private:
    struct Action {
        base::Instant at;
        enum class Kind { ring, answer, repeat_2xx, cancel } kind;
    };

    base::Now now() const;
    std::optional<base::Instant> next();
    void start();
    void deliver();
    void expire();
    void act();
    void do_action(Action::Kind kind);
    void caller_heard(const sip::Event& event, const sip::Message& message);
    void callee_heard(const sip::Event& event, const sip::Message& message);
    void note(const sip::Event& event);
    void send_ack(const sip::Message& response);
    void answer(int status);
    void schedule(base::milliseconds after, Action::Kind kind);
    void flush();

    Plan plan_;
    Outcome outcome_;
    base::Instant time_{};
    sip::Transactions caller_, callee_;
    sip::Outbox from_caller_, from_callee_;
    Link there_, back_;
    std::vector<Action> actions_;
    std::string request_, received_;  // the caller's, and as it came
    sip::ClientId client_{};
    sip::ServerId server_{};
    bool answered_ = false;
    bool acknowledged_ = false;
    base::milliseconds repeat_interval_{};
};

}  // namespace confab::sim
