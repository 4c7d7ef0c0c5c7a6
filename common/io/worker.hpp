// A thread with a loop of its own: stores and media. Posting to its loop is the only way in. Joined on destruction.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "base/time.hpp"
#include "io/loop.hpp"

namespace confab::io {

class Worker {
public:
    // `real_time`: the media clock must not wait for other programs' turns; where the system does not allow it, it does without.
    explicit Worker(std::string name, bool real_time = false);
    ~Worker();
    // Runs `last` on the thread, then ends it: what was made there is destroyed there.
    void finish(std::function<void()> last);
    Loop& loop() { return loop_; }
    static base::Duration cpu_time();  // that the calling thread has used

private:
    Loop loop_;
    std::thread thread_;
};

}  // namespace confab::io
