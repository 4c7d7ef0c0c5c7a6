// A thread's event loop: the only clock, descriptor readiness, timers and a mailbox from other threads. epoll, and nothing between: a wake-up with its
// batch costs one system call; timers and posts of the owner's thread cost none.
//
// Owner: the thread that calls `run`. Only `post` and `stop` may be called from elsewhere. Callbacks run on the owner thread and must not throw.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/random.hpp"
#include "base/time.hpp"

namespace confab::io {

base::Seed kernel_seed();  // 32 octets of the kernel's randomness

class Loop {
public:
    Loop();
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    void run();                             // until `stop`
    void stop();
    void post(std::function<void()> work);  // any thread
    base::Now now() const;                  // reads both clocks
    // For work of a millisecond that many descriptors may want at once (TLS handshakes): true a few times a round. Where it is false, leave the
    // descriptor unread: it is readable again in the next round, after others have had their turn.
    bool take_heavy_turn();

private:
    friend class Watch;
    friend class Timer;
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// Readiness of one descriptor, level-triggered. Does not own it. Destroying it, even from its own callback, is safe and final.
class Watch {
public:
    Watch(Loop& loop, int descriptor);
    ~Watch();
    Watch(Watch&&) noexcept;
    Watch& operator=(Watch&&) noexcept;

    void on_readable(std::function<void()> callback);  // stays armed until replaced; nullptr disarms
    void on_writable(std::function<void()> callback);

private:
    friend class Loop;
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

// One deadline. Setting it again moves it. Destroying it, even from its own callback, is safe and final.
class Timer {
public:
    Timer(Loop& loop, std::function<void()> callback);
    ~Timer();
    Timer(Timer&&) noexcept;
    Timer& operator=(Timer&&) noexcept;

    void at(base::Instant when);
    void after(base::Duration delay);
    void cancel();

private:
    friend class Loop;
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace confab::io
