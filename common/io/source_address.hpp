// The address from which this machine would reach a peer: what a program says of itself where it has no listener of its own.
#pragma once

#include "base/socket_address.hpp"

namespace confab::io {

base::IpAddress source_towards(const base::SocketAddress& peer);  // unspecified when there is no route

}  // namespace confab::io
