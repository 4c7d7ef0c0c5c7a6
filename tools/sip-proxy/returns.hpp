// Ways back to clients whose connections ended with the run before. Pure.
//
// A client that connects again shows by its Via who it is: the same sent-by from the same address. Final answers that arrive meanwhile are kept
// until it speaks: over a connection nobody repeats them (RFC 3261 §17.2.4 knows only transport failure here). Nothing goes to another address than
// the one that the request came from. Bounds: kMostClients, kMostHeld; beyond them the oldest answer makes room.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "sip/message.hpp"
#include "sip/transport.hpp"

namespace confab::proxy {

class Returns {
public:
    // The name of the client that wrote `via`, as seen from `address`.
    static std::string name_of(const sip::TopVia& via, const base::IpAddress& address);

    // A request of this client came over `hop`. Answers that wait for it go out.
    void came(const std::string& client, const sip::Hop& hop, sip::Outbox& out);
    const sip::Hop* find(const std::string& client) const;
    void hold(std::string client, std::string answer);
    void clear();

    std::size_t held() const { return held_.size(); }

private:
    static constexpr std::size_t kMostClients = 20'000, kMostHeld = 10'000;
    struct Held {
        std::string client, answer;
    };
    std::unordered_map<std::string, sip::Hop> clients_;
    std::deque<Held> held_;
};

}  // namespace confab::proxy
