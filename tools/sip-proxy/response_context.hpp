// A request in flight and everything known about its answers (RFC 3261 §16.6, §16.7): targets, branches, the best final response so far.
// Pure, no timers.
//
// Owner: `ContextTable`, which takes it back with the final answer and gives it to another request; `Core` does what `next_step` says after
// every change. What an answered request leaves behind is `Remains`: enough for a late or repeated 2xx to find its way back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/timer_wheel.hpp"
#include "base/time.hpp"
#include "sip-proxy/routes.hpp"
#include "sip-proxy/target.hpp"
#include "sip/message.hpp"
#include "sip/method.hpp"
#include "sip/transactions.hpp"
#include "sip/transport.hpp"

namespace confab::proxy {

struct Branch {
    static constexpr auto kNoTimer = base::TimerWheel<std::uint64_t>::kNoTimer;
    enum class State : std::uint8_t {
        trying,      // nothing heard yet
        proceeding,  // a provisional has come
        abandoned,   // given up or cancelled by us; only a 2xx still matters
        finished,
    };
    State state = State::trying;
    std::uint8_t breadth = 0;  // its share of Max-Breadth (RFC 5393 §5.3)
    std::uint16_t target = 0;
    base::TimerWheel<std::uint64_t>::Handle timer = kNoTimer;
    sip::ClientId client{};

    bool pending() const { return state == State::trying || state == State::proceeding; }
};

// An answered request while one of its branches, or a repetition, may still bring a 2xx.
struct Remains {
    sip::ServerId server{};
    sip::Hop upstream;  // where a response outside its transaction goes
    std::uint32_t member = 0;
    std::uint32_t open = 0;  // branches that may still answer, a bit each
    sip::Method method = sip::Method::other;
    bool accepted = false;  // the INVITE server transaction holds a 2xx until it is gone

    bool is_over() const { return open == 0 && !accepted; }
};

class ResponseContext {
public:
    enum class Stage : std::uint8_t { verifying, locating, interpreting, relocating, looking_up, forwarding };
    enum class Step : std::uint8_t { wait, try_next_group, conclude };

    // The request, as received.
    sip::ServerId server{};
    sip::Hop source, upstream;  // where it came from; where a response outside its transaction goes
    sip::Method method = sip::Method::other;
    std::string request;
    bool trusted = false;    // its peer may assert identities
    bool in_dialog = false;  // it carried our dialog token
    std::string user;        // who proved himself, "" when nobody was asked

    RouteTable::Rule rule;                 // the route that it takes, nullptr before it has one
    base::WallTime arrived{}, ringing{};   // zero: not yet

    Stage stage = Stage::forwarding;
    std::uint64_t question = 0;  // 0: none is waiting
    Targets targets;
    std::vector<Branch> branches;
    unsigned resolving = 0;  // targets whose names are being resolved
    unsigned breadth = 0;    // the request's Max-Breadth
    bool cancelled = false;  // the caller gave up: no more targets
    bool by_flow = false;    // its Route named a client's connection of ours: a dead one is 430 (RFC 5626 §5.3)

    // The targets of the next group, at most `most` of them, as a range of indexes; empty when all were tried.
    struct Group {
        std::size_t first, last;
    };
    Group take_group(std::size_t most = Target::kMost);
    // Targets that are tried next, before those that wait; their groups are numbered anew. False when there would be too many.
    bool insert(Targets&& more);

    // A final response came on a branch, or one was made up for it (408): empty `bytes` stand for a response of our own. `challenges` are
    // the WWW-Authenticate and Proxy-Authenticate lines of a 401 or 407: all of them go back with the best (§16.7 step 7).
    void offer(int status, std::string_view bytes, std::string_view challenges = {});
    Step next_step() const;
    // What goes back when nothing better came: `bytes` of the best response, or only a status for one of our own.
    struct Conclusion {
        int status;
        std::string_view bytes;
    };
    Conclusion conclusion() const;

    bool has_pending() const;  // a branch may still ring or answer
    std::size_t breadth_left() const;
    Remains remains() const;
    void reset();  // for the next request: empty, but with its memory

private:
    static constexpr std::size_t kMostChallenges = 16'384;  // octets

    std::size_t next_target_ = 0;
    bool barred_ = false;  // a 6xx: no more targets
    int best_status_ = 0;
    std::string best_, challenges_;
};

// The lines that challenge in a 401 or 407, as received.
void append_challenges_of(std::string& out, const sip::Message& response);

}  // namespace confab::proxy
