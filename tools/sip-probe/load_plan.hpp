// What a load shall do, and what it wants sent. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "sip/transport.hpp"

namespace confab::probe {

enum class Operation : std::uint8_t { options, register_, call, flood };

struct LoadPlan {
    Operation operation = Operation::options;
    std::string uri{};      // Request-URI
    std::string domain{};   // of the users' addresses
    std::string contact{};  // host:port that a REGISTER binds
    sip::Hop server{};      // where it goes
    std::vector<std::string> lines{};  // host:port of each client socket
    double rate = 0;                 // operations a second (open loop); 0: closed loop
    std::uint64_t outstanding = 1;   // closed loop: operations under way
    std::uint64_t count = 0;         // operations in all; 0: until the window ends
    base::Duration warm_up{}, duration{};
    base::Duration timeout = base::seconds(10);  // of one transaction
    base::Duration hold{};                       // of an answered call
    base::Duration t1 = base::milliseconds(500);
    std::uint32_t expires = 3600;
    std::size_t first_user = 0;
    bool retransmit = false;   // over UDP, as RFC 3261 §17.1 says; without, a lost message is a failed operation
    bool keep_nonce = false;   // a user's later requests carry credentials at once, with a higher nc
};

// Messages to be sent, each on one of the client sockets.
class Sendings {
public:
    struct Entry {
        std::size_t line, offset, length;
    };
    template <class Write>
    std::string_view compose(std::size_t line, Write&& write) {
        const auto offset = bytes_.size();
        write(bytes_);
        entries_.push_back({line, offset, bytes_.size() - offset});
        return bytes(entries_.back());
    }
    const std::vector<Entry>& entries() const { return entries_; }
    std::string_view bytes(const Entry& entry) const { return std::string_view(bytes_).substr(entry.offset, entry.length); }
    void clear() {
        entries_.clear();
        bytes_.clear();
    }

private:
    std::vector<Entry> entries_;
    std::string bytes_;
};

}  // namespace confab::probe
