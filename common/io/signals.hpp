// Signals as values on a loop: SIGTERM, SIGINT and SIGHUP arrive like any other input. Owner: the main loop's thread.
// Construct it before other threads start: they inherit the mask that keeps these signals for the descriptor.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "io/loop.hpp"

namespace confab::io {

class Signals {
public:
    Signals(Loop& loop, const std::vector<int>& numbers, std::function<void(int)> on_signal);
    ~Signals();  // restores the mask of the thread that constructed it

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// A peer that closes its end is an error of `write`, not the end of the program.
void ignore_broken_pipes();

// Raises the soft limit of descriptors to the hard one; the limit that holds then.
std::size_t raise_descriptor_limit();

}  // namespace confab::io
