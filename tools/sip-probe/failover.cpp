#include "sip-probe/failover.hpp"

#include <fmt/core.h>

#include <utility>

#include "io/error.hpp"

namespace confab::probe {

Failover::Failover(io::Loop& loop, const Settings& settings, LegOptions options, Begin begin, Leg::OnHappening on_happening)
    : loop_(loop), settings_(settings), options_(std::move(options)), begin_(std::move(begin)), on_happening_(std::move(on_happening)) {
    use(0);
}

void Failover::use(std::size_t number) {
    current_ = number;
    options_.target = target();
    try {
        leg_ = std::make_unique<Leg>(loop_, options_, [this](Leg& leg, const Happening& happening) { happened(leg, happening); });
    } catch (const io::StartupError& error) {
        // A family that this machine lacks: there is no socket to send from.
        if (is_last()) throw;
        tell_next(error.what());
        use(number + 1);
    }
}

void Failover::tell_next(std::string_view why) const {
    fmt::print(stderr, "sip-probe: {}: {}; trying {} next\n", target().text(), why, settings_.targets[current_ + 1].text());
}

void Failover::begin() {
    heard_ = false;
    begin_(*leg_);
}

void Failover::happened(Leg& leg, const Happening& happening) {
    const bool failed = happening.kind == Happening::Kind::silent || happening.kind == Happening::Kind::unreachable || happening.status == 503;
    if (!failed || heard_ || is_last()) {
        heard_ = true;
        return on_happening_(leg, happening);
    }
    tell_next(happening.status != 0 ? "503" : happening.kind == Happening::Kind::silent ? "no answer in time" : leg.failure());
    // Not here: we are in a callback of the leg that goes.
    loop_.post([this] {
        use(current_ + 1);
        begin();
    });
}

}  // namespace confab::probe
