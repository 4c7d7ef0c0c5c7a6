#include "io/worker.hpp"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>

namespace confab::io {

namespace {

// Signals belong to the main thread, which turns them into events.
void block_signals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

void ask_for_real_time() {
    sched_param priority{};
    priority.sched_priority = 10;
    // Threads and children that the worker may start stay ordinary.
    pthread_setschedparam(pthread_self(), SCHED_RR | SCHED_RESET_ON_FORK, &priority);
}

}  // namespace

Worker::Worker(std::string name, bool real_time)
    : thread_([this, name = std::move(name), real_time] {
          block_signals();
          if (real_time) ask_for_real_time();
          pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());  // the kernel's limit
          loop_.run();
      }) {}

void Worker::finish(std::function<void()> last) {
    loop_.post([this, last = std::move(last)] {
        last();
        loop_.stop();
    });
    thread_.join();
}

base::Duration Worker::cpu_time() {
    timespec used{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return base::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

Worker::~Worker() {
    if (!thread_.joinable()) return;
    loop_.stop();
    thread_.join();
}

}  // namespace confab::io
