// One leg after another towards the endpoints of a name (RFC 3263 §4.3): an endpoint that cannot be reached, is silent or answers 503 before anything else
// was heard from it is left for the next one. The last one's failure is the operation's.
//
// Owner: the probe's one thread. The callback may call back into the leg but must not destroy the Failover.
#pragma once

#include <functional>
#include <memory>

#include "sip-probe/settings.hpp"

namespace confab::probe {

class Failover {
public:
    using Begin = std::function<void(Leg&)>;

    // `options`: those of the leg, whose target is put in. `begin` starts the operation, again for each endpoint.
    Failover(io::Loop& loop, const Settings& settings, LegOptions options, Begin begin, Leg::OnHappening on_happening);  // throws StartupError

    void begin();  // also for a further operation, towards the endpoint that is in use
    Leg& leg() { return *leg_; }
    const Target& target() const { return settings_.targets[current_]; }

private:
    void happened(Leg& leg, const Happening& happening);
    void use(std::size_t number);
    bool is_last() const { return current_ + 1 == settings_.targets.size(); }
    void tell_next(std::string_view why) const;

    io::Loop& loop_;
    const Settings& settings_;
    LegOptions options_;
    Begin begin_;
    Leg::OnHappening on_happening_;
    std::size_t current_ = 0;
    bool heard_ = false;  // from the endpoint in use, since `begin`
    std::unique_ptr<Leg> leg_;
};

}  // namespace confab::probe
