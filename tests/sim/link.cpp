#include "sim/link.hpp"

namespace confab::sim {

bool Link::happens(double probability) { return static_cast<double>(random_() >> 11) * 0x1.0p-53 < probability; }

void Link::send(base::Instant now, std::string_view datagram) {
    ++counts_.sent;
    if (happens(quality_.loss)) {
        ++counts_.lost;
        return;
    }
    launch(now, datagram);
    if (!happens(quality_.duplication)) return;
    ++counts_.duplicated;
    launch(now, datagram);
}

void Link::launch(base::Instant now, std::string_view datagram) {
    auto arrives = now + quality_.delay;
    const auto jitter = static_cast<std::uint64_t>(base::Duration(quality_.jitter).count());
    if (jitter > 0) arrives += base::Duration(static_cast<std::int64_t>(random_() % jitter));
    if (happens(quality_.reordering)) arrives += quality_.held_back;
    flying_.push({arrives, order_++, std::string(datagram)});
}

std::optional<base::Instant> Link::next() const {
    if (flying_.empty()) return std::nullopt;
    return flying_.top().arrives;
}

std::optional<std::string> Link::pop(base::Instant now) {
    if (flying_.empty() || flying_.top().arrives > now) return std::nullopt;
    auto datagram = flying_.top().datagram;
    flying_.pop();
    ++counts_.delivered;
    return datagram;
}

}  // namespace confab::sim
