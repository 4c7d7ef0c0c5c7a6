// What this proxy would do with a message, and why: the message goes through a core that was made like the live one, with a trace of its
// decisions; what it would send is shown and goes nowhere. Pure: the shell asks the questions of the rehearsal and brings it the answers.
//
// Owner: the shell. Passcodes and what credentials prove are masked in everything that is shown. Only the first targets are played: a rehearsal
// has no peers that could fail.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sip-proxy/core.hpp"

namespace confab::proxy {

class Rehearsal {
public:
    struct Scene {
        std::string message;                 // bare LF stands for CRLF where there is no CRLF at all
        std::optional<config::Peer> source;  // where it would come from; by default what its Via says
        std::string user;                    // who is taken for proven, "" asks for credentials as ever
    };
    // `listeners` and `secret` as the live core has them.
    Rehearsal(const Core& live, std::vector<config::Listener> listeners, const std::string& secret, const base::Seed& seed, Scene scene);

    void begin(base::Now now);  // from now on it stays where it is
    void answer(base::Now now, std::uint64_t question, const Answer& answer);
    void resolved(base::Now now, std::uint64_t number, const Located& located);

    // What to ask now; when nothing is out and nothing comes, it is over.
    std::vector<Question> take_questions() { return std::exchange(effects_.ask, {}); }
    std::vector<Resolve> take_names() { return std::exchange(effects_.resolve, {}); }
    const std::vector<Decision>& decisions() const { return decisions_; }

private:
    void collect();
    void show_sent(const sip::Hop& to, std::string_view bytes);
    sip::Hop source() const;

    Core core_;
    std::vector<config::Listener> listeners_;
    Scene scene_;
    Effects effects_;
    std::vector<Decision> decisions_;
};

// The INVITE that `route URI` explains.
std::string invite_to(std::string_view uri);

}  // namespace confab::proxy
