// Wrong codes of each caller within a window, over all his calls. Bounded: beyond kMost callers the ones whose window is over go first,
// then any. Pure. Owner: the signalling thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/text.hpp"
#include "base/time.hpp"

namespace confab::bridge {

class Attempts {
public:
    static constexpr std::size_t kMost = 10'000;

    void miss(base::Instant now, std::string_view caller, base::Duration window);
    bool is_barred(base::Instant now, std::string_view caller, std::uint32_t misses) const;
    std::size_t size() const { return callers_.size(); }

private:
    struct Count {
        std::uint32_t misses = 0;
        base::Instant until{};
    };
    void make_room(base::Instant now);

    std::unordered_map<std::string, Count, base::TextHash, std::equal_to<>> callers_;
};

}  // namespace confab::bridge
