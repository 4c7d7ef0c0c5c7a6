// Plays one scenario (Unbound's replay files are the model): a subject, a clock that only the script moves, peers that say what the script
// gives them.
//
//   subject bridge|proxy|registrar            which core; `config KEY = VALUE` lines follow, those of a section after `config [SECTION NAME]`
//   include FILE                       plays that file here
//   let NAME = TEXT                    ${NAME} from here on; `let NAME = digest ALGORITHM USER REALM PASSWORD METHOD URI NONCE NC CNONCE`
//   message NAME                       a message to use again, up to a line with a single dot; ${length} is its body's
//   receive udp|tcp PEER [flow=N] [listener=N] NAME [VARIABLE=TEXT…]    or `<<` for a message that follows
//   reply PEER STATUS [tag=TEXT] [listener=N]      the peer answers the last request that it got; indented `+ Header: value` lines are
//                                      added, and `= TEXT` lines are a session description
//   expect PEER START                  the next message sent: to this peer, its start line matches the regular expression START.
//   Indented:
//       has REGEX [-> NAME]            a header line matches; its first group becomes ${NAME}
//       line TEXT                      a line is exactly this
//       lacks NAME                     no header of this name
//       body REGEX
//   expect nothing
//   ask DAEMON COMMAND [NAME=TEXT…]    the next question
//   answer JSON | failure CODE         answers the last question
//   time DURATION                      passes, timers fire on the way
//   wait DURATION                      passes until a message is sent, at most so long
//   fail udp|tcp PEER [flow=N]         a flow fails
//   do WORDS…                          what only this subject can
//   status NAME=TEXT…                  members of the subject's status
//
// Retransmissions (the same bytes to the same peer) are not shown to `expect`. A script that ends with messages or questions unseen has
// failed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "script.hpp"
#include "subject.hpp"

namespace confab::scenario {

class Runner {
public:
    // `load` answers the text of an included file. Throws Failed with the line.
    explicit Runner(std::function<std::string(const std::string& name)> load) : load_(std::move(load)) {}
    void run(std::string_view text);

private:
    using Variables = std::map<std::string, std::string, std::less<>>;

    void play_all(std::string_view text);
    void play(const Step& step);
    void start();
    void let(std::string_view rest);
    void receive(const Step& step);
    void reply(const Step& step);
    void expect(const Step& step);
    void expect_details(const Step& step, const Sent& sent);
    void expect_ask(std::string_view rest);
    void answer(std::string_view rest);
    void pass(std::string_view rest, bool until_sent);
    void check_status(std::string_view rest);
    void collect();
    Sent take_sent();

    std::string fill(std::string_view text, const Variables* local = nullptr) const;
    sip::Hop hop(std::string_view transport, std::string_view peer) const;

    std::function<std::string(const std::string& name)> load_;
    std::string subject_name_;
    std::string config_;
    std::unique_ptr<Subject> subject_;
    base::Now now_{base::Instant(base::seconds(1000)), base::WallTime(base::milliseconds(1'700'000'000'000))};
    Variables variables_;
    std::map<std::string, std::string, std::less<>> messages_;
    std::vector<Sent> unseen_;
    std::set<std::string> sent_before_;
    std::map<std::string, Sent, std::less<>> last_request_;  // by peer
    std::optional<Asked> asked_;
};

}  // namespace confab::scenario
