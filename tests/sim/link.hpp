// One direction of a bad network, as a value: datagrams go in with the time and come out later, changed in order, twice or never.
//
// Pure and repeatable: everything follows from the seed. The owner asks `next` when something arrives and takes it with `pop`.
#pragma once

#include <cstdint>
#include <optional>
#include <queue>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"

namespace confab::sim {

struct LinkQuality {
    base::milliseconds delay{20};
    base::milliseconds jitter{0};        // up to this much more, evenly: enough of it reorders
    double loss = 0;                     // probabilities
    double duplication = 0;
    double reordering = 0;               // a datagram held back by `held_back`
    base::milliseconds held_back{300};
};

class Link {
public:
    struct Counts {
        std::size_t sent = 0, lost = 0, duplicated = 0, delivered = 0;
    };

    Link(const LinkQuality& quality, std::uint64_t seed) : quality_(quality), random_(seed) {}

    void send(base::Instant now, std::string_view datagram);
    std::optional<base::Instant> next() const;
    std::optional<std::string> pop(base::Instant now);
    const Counts& counts() const { return counts_; }

private:
    struct Flying {
        base::Instant arrives;
        std::uint64_t order;
        std::string datagram;
        bool operator<(const Flying& other) const {  // the earliest is the greatest, for the queue
            return arrives != other.arrives ? arrives > other.arrives : order > other.order;
        }
    };
    void launch(base::Instant now, std::string_view datagram);
    bool happens(double probability);

    LinkQuality quality_;
    std::mt19937_64 random_;
    std::priority_queue<Flying> flying_;
    std::uint64_t order_ = 0;
    Counts counts_;
};

}  // namespace confab::sim
