// What the service manager is told (sd_notify(3)): one datagram to the socket that NOTIFY_SOCKET names; nothing without one.
#pragma once

#include <optional>
#include <string_view>

#include "base/time.hpp"

namespace confab::io {

// "READY=1", "STOPPING=1", "RELOADING=1", "WATCHDOG=1", "STATUS=…". False: nobody was told.
// `descriptor`: one that goes with it, -1 for none.
bool notify_service_manager(std::string_view state, int descriptor = -1);

// How often the service manager wants to hear "WATCHDOG=1", at the least; nothing where it has no watchdog for this process.
std::optional<base::milliseconds> watchdog_period();

}  // namespace confab::io
