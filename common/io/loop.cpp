#include "io/loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "io/descriptor.hpp"
#include "io/error.hpp"

namespace confab::io {

namespace {

constexpr int kEventsPerWake = 512;  // so many that a descriptor among thousands is not kept waiting for several rounds
constexpr int kHeavyTurns = 4;
constexpr std::uint64_t kWake = ~std::uint64_t{0};  // the mailbox's mark among the watches' places

timespec timespec_of(base::Duration span) {
    const auto whole = std::chrono::floor<base::seconds>(span);
    return {.tv_sec = static_cast<time_t>(whole.count()), .tv_nsec = static_cast<long>((span - whole).count())};
}

// Never early: a timer that fires too soon would find nothing due.
int milliseconds_of(base::Duration span) { return static_cast<int>(std::min<std::int64_t>(std::chrono::ceil<base::milliseconds>(span).count(), 3'600'000)); }

}  // namespace

base::Seed kernel_seed() {
    base::Seed seed{};
    const auto got = getrandom(seed.data(), seed.size(), 0);
    CHECK(got == static_cast<ssize_t>(seed.size()), "getrandom answered " + std::to_string(got));
    return seed;
}

// A callback is held by a shared pointer while it runs, so that it may replace itself or destroy its Watch.
struct Watch::Impl : std::enable_shared_from_this<Watch::Impl> {
    using Callback = std::shared_ptr<std::function<void()>>;

    Impl(Loop::Impl& loop_used, int watched) : loop(loop_used), descriptor(watched) {}
    void set(Callback Impl::*side, std::function<void()> callback);
    void fire(std::uint32_t events);
    void end();

    Loop::Impl& loop;
    int descriptor;
    std::uint32_t asked = 0;  // of epoll; 0: not known to it, since it would report a hang-up again and again
    std::uint32_t place = 0;
    Callback reading, writing;
};

struct Timer::Impl : std::enable_shared_from_this<Timer::Impl> {
    Impl(Loop::Impl& loop_used, std::function<void()> work) : loop(loop_used), callback(std::move(work)) {}

    Loop::Impl& loop;
    std::function<void()> callback;
    base::Instant when{};
    std::uint64_t sequence = 0;  // equal instants fire in the order in which they were set
    std::size_t place = 0;       // in the heap, counted from 1; 0: not armed
};

struct Loop::Impl {
    struct Place {
        Watch::Impl* watch = nullptr;
        std::uint32_t generation = 0;  // an event of a watch that is gone must not meet its successor
    };

    Impl() : epoll(epoll_create1(EPOLL_CLOEXEC)), mailbox(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        CHECK(epoll && mailbox, "no event loop: " + os_error_text(errno));
        epoll_event event{.events = EPOLLIN, .data = {.u64 = kWake}};
        CHECK(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, mailbox.get(), &event) == 0, "epoll_ctl: " + os_error_text(errno));
    }
    ~Impl() {
        // What was posted may hold watches and timers of this loop, and post in its destructors.
        while (!take_posted().empty()) {}
    }

    // --- the mailbox

    void post(std::function<void()> work) {
        const std::lock_guard lock(mutex);
        posted.push_back(std::move(work));
        wake();
    }
    void stop() {
        const std::lock_guard lock(mutex);
        stopping = true;
        wake();
    }
    // Only a sleeping loop needs a system call; the first who sees it asleep makes it. Under the mutex, since what was posted may end the loop.
    void wake() {
        if (std::exchange(asleep, false)) CHECK(eventfd_write(mailbox.get(), 1) == 0, "eventfd_write: " + os_error_text(errno));
    }
    std::vector<std::function<void()>> take_posted() {
        const std::lock_guard lock(mutex);
        return std::exchange(posted, {});
    }
    bool may_sleep() {
        const std::lock_guard lock(mutex);
        asleep = posted.empty() && !stopping;
        return asleep;
    }
    void awake() {
        const std::lock_guard lock(mutex);
        asleep = false;
        std::swap(posted, running);
    }
    void run_posted() {
        std::size_t done = 0;
        while (done < running.size() && !stopping) std::exchange(running[done++], nullptr)();
        if (done < running.size()) {
            const std::lock_guard lock(mutex);
            const auto left = running.begin() + static_cast<std::ptrdiff_t>(done);
            posted.insert(posted.begin(), std::make_move_iterator(left), std::make_move_iterator(running.end()));
        }
        running.clear();
    }

    // --- descriptors

    void enter(Watch::Impl& watch) {
        if (free_places.empty()) {
            free_places.push_back(static_cast<std::uint32_t>(places.size()));
            places.emplace_back();
        }
        watch.place = free_places.back();
        free_places.pop_back();
        places[watch.place].watch = &watch;
    }
    void leave(Watch::Impl& watch) {
        ask(watch, 0);
        places[watch.place].watch = nullptr;
        ++places[watch.place].generation;
        free_places.push_back(watch.place);
    }
    void ask(Watch::Impl& watch, std::uint32_t events) {
        if (events == watch.asked) return;
        const int operation = events == 0 ? EPOLL_CTL_DEL : watch.asked == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
        epoll_event event{.events = events, .data = {.u64 = std::uint64_t{places[watch.place].generation} << 32 | watch.place}};
        const bool done = epoll_ctl(epoll.get(), operation, watch.descriptor, &event) == 0;
        CHECK(done || events == 0, "descriptor " + std::to_string(watch.descriptor) + " cannot be watched: " + os_error_text(errno));
        watch.asked = events;
    }

    int wait(epoll_event* events, std::optional<base::Duration> span) {
        if (!span) return epoll_wait(epoll.get(), events, kEventsPerWake, -1);
        if (*span <= base::Duration::zero()) return epoll_wait(epoll.get(), events, kEventsPerWake, 0);
        if (fine) {
            const auto limit = timespec_of(*span);
            const int got = epoll_pwait2(epoll.get(), events, kEventsPerWake, &limit, nullptr);
            if (got >= 0 || errno != ENOSYS) return got;
            fine = false;
        }
        return epoll_wait(epoll.get(), events, kEventsPerWake, milliseconds_of(*span));
    }

    void dispatch(const epoll_event& event) {
        if (event.data.u64 == kWake) {
            eventfd_t count = 0;
            eventfd_read(mailbox.get(), &count);
            return;
        }
        const auto& place = places[event.data.u64 & 0xffffffff];
        if (place.watch && place.generation == event.data.u64 >> 32) place.watch->shared_from_this()->fire(event.events);
    }

    // --- timers: a binary heap that knows where each timer stands

    static bool earlier(const Timer::Impl* a, const Timer::Impl* b) { return a->when != b->when ? a->when < b->when : a->sequence < b->sequence; }
    void put(Timer::Impl* timer, std::size_t place) {
        heap[place - 1] = timer;
        timer->place = place;
    }
    void settle(Timer::Impl* timer, std::size_t place) {
        for (; place > 1 && earlier(timer, heap[place / 2 - 1]); place /= 2) put(heap[place / 2 - 1], place);
        for (std::size_t child; (child = place * 2) <= heap.size(); place = child) {
            if (child < heap.size() && earlier(heap[child], heap[child - 1])) ++child;
            if (!earlier(heap[child - 1], timer)) break;
            put(heap[child - 1], place);
        }
        put(timer, place);
    }
    void arm(Timer::Impl& timer, base::Instant when) {
        timer.when = when;
        timer.sequence = ++sequence;
        if (timer.place == 0) {
            heap.push_back(&timer);
            timer.place = heap.size();
        }
        settle(&timer, timer.place);
    }
    void disarm(Timer::Impl& timer) {
        if (timer.place == 0) return;
        const auto place = std::exchange(timer.place, 0);
        auto* last = heap.back();
        heap.pop_back();
        if (last != &timer) settle(last, place);
    }
    // A timer that is set again while these run waits for the next round.
    void fire_due() {
        if (heap.empty()) return;
        const auto now = std::chrono::steady_clock::now();
        const auto last = sequence;
        while (!heap.empty() && !stopping && heap.front()->when <= now && heap.front()->sequence <= last) {
            const auto timer = heap.front()->shared_from_this();
            disarm(*timer);
            timer->callback();
        }
    }

    void run() {
        epoll_event events[kEventsPerWake];
        while (!stopping) {
            std::optional<base::Duration> span;
            if (!heap.empty()) span = heap.front()->when - std::chrono::steady_clock::now();
            const int got = wait(events, may_sleep() ? span : base::Duration::zero());
            awake();
            heavy_turns = kHeavyTurns;
            run_posted();
            for (int i = 0; i < got && !stopping; ++i) dispatch(events[i]);
            fire_due();
        }
        // Not before `run`: a `stop` that another thread made before we began must not be lost. And not before that thread is done with us.
        const std::lock_guard lock(mutex);
        stopping = false;
    }

    Descriptor epoll, mailbox;
    std::mutex mutex;
    bool asleep = false;                        // under the mutex
    std::vector<std::function<void()>> posted;  // under the mutex
    std::vector<std::function<void()>> running;
    std::atomic<bool> stopping = false;
    bool fine = true;  // the kernel has epoll_pwait2
    int heavy_turns = kHeavyTurns;
    std::vector<Place> places;
    std::vector<std::uint32_t> free_places;
    std::vector<Timer::Impl*> heap;
    std::uint64_t sequence = 0;
};

Loop::Loop() : impl_(std::make_unique<Impl>()) {}
Loop::~Loop() = default;
void Loop::run() { impl_->run(); }
void Loop::stop() { impl_->stop(); }
void Loop::post(std::function<void()> work) { impl_->post(std::move(work)); }

bool Loop::take_heavy_turn() {
    if (impl_->heavy_turns == 0) return false;
    --impl_->heavy_turns;
    return true;
}

base::Now Loop::now() const {
    return {std::chrono::steady_clock::now(), std::chrono::floor<base::milliseconds>(std::chrono::system_clock::now())};
}

void Watch::Impl::set(Callback Impl::*side, std::function<void()> callback) {
    this->*side = callback ? std::make_shared<std::function<void()>>(std::move(callback)) : nullptr;
    loop.ask(*this, (reading ? EPOLLIN : 0U) | (writing ? EPOLLOUT : 0U));
}

// A failure is told to one side; the callback finds it in its next system call.
void Watch::Impl::fire(std::uint32_t events) {
    const bool failed = (events & (EPOLLERR | EPOLLHUP)) != 0;
    if (const auto callback = reading; callback && ((events & EPOLLIN) != 0 || failed)) (*callback)();
    if (const auto callback = writing; callback && ((events & EPOLLOUT) != 0 || failed)) (*callback)();
}

void Watch::Impl::end() {
    reading.reset();
    writing.reset();
    loop.leave(*this);
}

Watch::Watch(Loop& loop, int descriptor) : impl_(std::make_shared<Impl>(*loop.impl_, descriptor)) { loop.impl_->enter(*impl_); }
Watch::~Watch() {
    if (impl_) impl_->end();
}
Watch::Watch(Watch&&) noexcept = default;
Watch& Watch::operator=(Watch&& other) noexcept {
    if (this != &other) {
        if (impl_) impl_->end();
        impl_ = std::move(other.impl_);
    }
    return *this;
}
void Watch::on_readable(std::function<void()> callback) { impl_->set(&Impl::reading, std::move(callback)); }
void Watch::on_writable(std::function<void()> callback) { impl_->set(&Impl::writing, std::move(callback)); }

Timer::Timer(Loop& loop, std::function<void()> callback) : impl_(std::make_shared<Impl>(*loop.impl_, std::move(callback))) {}
Timer::~Timer() {
    if (impl_) impl_->loop.disarm(*impl_);
}
Timer::Timer(Timer&&) noexcept = default;
Timer& Timer::operator=(Timer&& other) noexcept {
    if (this != &other) {
        if (impl_) impl_->loop.disarm(*impl_);
        impl_ = std::move(other.impl_);
    }
    return *this;
}
void Timer::at(base::Instant when) { impl_->loop.arm(*impl_, when); }
void Timer::after(base::Duration delay) { impl_->loop.arm(*impl_, std::chrono::steady_clock::now() + delay); }
void Timer::cancel() { impl_->loop.disarm(*impl_); }

}  // namespace confab::io
