// Many operations at once, as cheaply as SIP allows: OPTIONS, REGISTER with digest, and calls, each a row of requests and the answers that they ask for.
//
// Pure: bytes and time in, messages out. Owner: the load's one thread, or a test. There is no transaction layer: an operation lives in one slot of a table,
// its slot is named in every branch, and one request of it is open at a time. In an open loop (`rate`) the n-th operation is due at begin + n/rate, whatever
// came before, and its latency counts from then: a server that stalls is not excused by a client that waits for it (coordinated omission).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sip-probe/alarms.hpp"
#include "sip-probe/load_credentials.hpp"
#include "sip-probe/load_plan.hpp"
#include "sip-probe/load_tally.hpp"
#include "sip-probe/message_template.hpp"
#include "sip/message.hpp"

namespace confab::probe {

class LoadCore {
public:
    LoadCore(LoadPlan plan, LoadUsers users, std::string_view run);  // `run`: a word that no other run uses

    void begin(base::Instant now);
    void receive(base::Instant now, std::size_t line, std::string_view bytes, Sendings& out);
    // Begins what is due, retransmits, gives up. Call it after each batch and when `next` has come.
    void advance(base::Instant now, Sendings& out);
    std::optional<base::Instant> next() const;

    // A line without a connection sends nothing. With `retransmit`, what waits for an answer on it is sent again when it is back; otherwise it has failed.
    void line_down(std::size_t line);
    void line_up(base::Instant now, std::size_t line, Sendings& out);

    bool is_over() const { return begun_ && !wants_more_ && live_ == 0; }
    void finish();  // fails what is still open
    std::size_t live() const { return live_; }
    // The measured window. Its end is known when `duration` is set.
    base::Instant window_begin() const { return window_begin_; }
    std::optional<base::Instant> window_end() const;
    LoadTally& tally() { return tally_; }
    const LoadTally& tally() const { return tally_; }

private:
    // The requests of an operation, in order; the letter ends the branch. `renewed` answers a stale nonce (RFC 7616 §3.3), `talking` stands for the
    // ACK and the time until BYE.
    enum class Step : char { none = '-', first = 'a', authorized = 'b', renewed = 'c', talking = 't', ending = 'z' };
    // The last of these and what follows it: T1, 2·T1, 4·T1, …
    enum AlarmKind : std::size_t { give_up, hang_up, resend };
    struct Slot {
        base::Instant intended{};
        std::optional<base::Instant> resumed{};  // asked again when the connection was back
        std::uint32_t generation = 0;
        std::uint32_t mark = 0;  // moves with each step, so that older alarms are seen to be old
        std::uint32_t user = 0;
        std::uint32_t cseq = 0;
        std::uint16_t line = 0;
        std::uint8_t tries = 0;
        Step step = Step::none;
        Step invited = Step::none;      // which INVITE was accepted
        bool is_quiet = false;          // a provisional has come: INVITE is not sent again
        std::string to, route, target;  // of the dialog
        std::string request;            // as sent, where it may have to be sent again
    };

    // load_core.cpp: beginning, ending, time
    bool may_begin(base::Instant now);
    void begin_one(base::Instant now, Sendings& out);
    std::size_t take_slot();
    void free_slot(std::size_t at);
    void succeed(base::Instant now, std::size_t at);
    void fail(std::size_t at, const std::string& reason);
    void record_latency(base::Instant now, const Slot& slot);
    bool in_window(base::Instant at) const;
    base::Instant intended(std::uint64_t number) const;
    void expire(base::Instant now, Sendings& out);
    void retransmit(base::Instant now, std::size_t at, Sendings& out);
    void send_again(std::size_t at, Sendings& out);

    // load_exchange.cpp: requests and what answers them
    void request(base::Instant now, std::size_t at, Step step, Sendings& out);
    void compose(std::size_t at, Step step, std::string_view to, std::string_view method, std::uint32_t cseq, std::string& out);
    void acknowledge(std::size_t at, Step step, const std::string& to, Sendings& out);
    void end_call(base::Instant now, std::size_t at, Sendings& out);
    std::optional<std::size_t> slot_of(std::string_view branch, Step& step) const;
    void on_final(base::Instant now, std::size_t at, Sendings& out);
    void on_accepted(base::Instant now, std::size_t at, Sendings& out);
    void on_repeated(std::size_t at, Step step, Sendings& out);
    void keep_dialog(Slot& slot);
    void answer_request(std::size_t line, Sendings& out);

    bool is_call() const { return plan_.operation == Operation::call; }
    static bool is_asking(Step step) { return step == Step::first || step == Step::authorized || step == Step::renewed || step == Step::ending; }

    LoadPlan plan_;
    std::string run_;
    LoadCredentials credentials_;
    MessageTemplate template_;
    LoadTally tally_;
    Alarms alarms_;
    std::vector<Slot> slots_;
    std::vector<std::size_t> free_;
    std::vector<bool> up_;
    std::size_t lines_up_, live_ = 0;
    base::Instant begin_{}, window_begin_{};
    bool begun_ = false, wants_more_ = true;
    sip::Message message_;
    // Scratch of one message.
    std::string branch_, call_, tag_, to_, cseq_, extra_, tail_;
};

// The text of all requests, with gaps.
std::string request_template(const LoadPlan& plan);
std::string_view first_method(Operation operation);

}  // namespace confab::probe
