#include "io/signals.hpp"

#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "io/descriptor.hpp"
#include "io/error.hpp"

namespace confab::io {

struct Signals::Impl {
    Impl(Loop& loop, const sigset_t& set, std::function<void(int)> on_signal)
        : descriptor(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)), callback(std::move(on_signal)) {
        if (!descriptor) throw StartupError(kOsError, "signalfd: " + os_error_text(errno));
        watch = std::make_unique<Watch>(loop, descriptor.get());
        watch->on_readable([this] { take(); });
    }

    // One signal a call: the callback may destroy us, and the descriptor stays readable while more wait.
    void take() {
        signalfd_siginfo signal{};
        if (read(descriptor.get(), &signal, sizeof signal) == sizeof signal) callback(static_cast<int>(signal.ssi_signo));
    }

    Descriptor descriptor;
    std::function<void(int)> callback;
    std::unique_ptr<Watch> watch;
    sigset_t before{};
};

Signals::Signals(Loop& loop, const std::vector<int>& numbers, std::function<void(int)> on_signal) {
    sigset_t set;
    sigemptyset(&set);
    for (int number : numbers) sigaddset(&set, number);
    impl_ = std::make_unique<Impl>(loop, set, std::move(on_signal));
    pthread_sigmask(SIG_BLOCK, &set, &impl_->before);
}

Signals::~Signals() { pthread_sigmask(SIG_SETMASK, &impl_->before, nullptr); }

void ignore_broken_pipes() { std::signal(SIGPIPE, SIG_IGN); }

std::size_t raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    return static_cast<std::size_t>(limit.rlim_cur);
}

}  // namespace confab::io
