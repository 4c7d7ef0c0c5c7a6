// Endpoints that failed lately, so that the next request tries them last (RFC 3263 §4.3). A mark belongs to one transport, address and port, never to a
// name: a name's other endpoints, and other ports of the host, are not suspected. Owner: the thread of the core that holds it.
#pragma once

#include <cstddef>
#include <unordered_map>
#include <vector>

#include "base/time.hpp"
#include "dns/endpoint.hpp"

namespace confab::dns {

class FailureMarks {
public:
    explicit FailureMarks(std::size_t limit = 1024) : limit_(limit) {}

    // The later of two marks counts. At the limit the mark that ends first makes room.
    void mark(const Endpoint& endpoint, base::Instant until);
    bool is_marked(const Endpoint& endpoint, base::Instant now) const;
    void clear(const Endpoint& endpoint) { marks_.erase(endpoint); }

    // Marked endpoints go behind the others; each kind keeps its order, and none is dropped: when all are marked, all are still tried.
    void order(std::vector<Endpoint>& endpoints, base::Instant now) const;

    std::size_t size() const { return marks_.size(); }

private:
    std::size_t limit_;
    std::unordered_map<Endpoint, base::Instant> marks_;
};

}  // namespace confab::dns
