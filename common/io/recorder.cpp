#include "io/recorder.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <optional>
#include <vector>

#include "io/worker.hpp"
#include "media/resample.hpp"

namespace confab::io {
namespace {

constexpr std::size_t kTicks = 100;         // 2 s
constexpr std::size_t kMostSamples = 960;   // 20 ms at 48000
constexpr base::milliseconds kTurn{100};    // how often what waits is written

struct Tick {
    std::uint32_t rate = 0;
    std::uint32_t count = 0;
    std::array<std::int16_t, kMostSamples> samples;
};

// One writer, one reader, neither waits.
class Tape : public media::SoundSink {
public:
    bool push(std::uint32_t rate, std::span<const std::int16_t> samples) override {
        const auto at = written_.load(std::memory_order_relaxed);
        if (samples.size() > kMostSamples || at - read_.load(std::memory_order_acquire) == kTicks) {
            missing_.fetch_add(1, std::memory_order_relaxed);
            return false;
        }
        auto& tick = ticks_[at % kTicks];
        tick.rate = rate;
        tick.count = static_cast<std::uint32_t>(samples.size());
        std::ranges::copy(samples, tick.samples.begin());
        written_.store(at + 1, std::memory_order_release);
        return true;
    }
    const Tick* front() const {
        const auto at = read_.load(std::memory_order_relaxed);
        return at == written_.load(std::memory_order_acquire) ? nullptr : &ticks_[at % kTicks];
    }
    void pop() { read_.store(read_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }
    std::uint64_t missing() const { return missing_.load(std::memory_order_relaxed); }

private:
    std::vector<Tick> ticks_ = std::vector<Tick>(kTicks);
    std::atomic<std::size_t> written_{0}, read_{0};
    std::atomic<std::uint64_t> missing_{0};
};

class Recording {
public:
    Recording(std::uint64_t id, const Recorder::File& file, std::shared_ptr<Tape> tape) : tape_(std::move(tape)), rate_(file.rate) {
        ended_.recording = id;
        auto writer = SoundWriter::create_new(file.path, static_cast<int>(rate_), file.format);
        if (writer) {
            writer_.emplace(std::move(*writer));
        } else {
            ended_.error = writer.error();
        }
    }

    const std::string* path() const { return writer_ ? &writer_->path() : nullptr; }

    // False: it is over.
    bool write() {
        while (const auto* tick = writer_ ? tape_->front() : nullptr) {
            ended_.error = writer_->write(at_our_rate(*tick));
            tape_->pop();
            if (!ended_.error.empty()) writer_.reset();
        }
        return writer_.has_value();
    }

    const Recorder::Ended& finish() {
        writer_.reset();
        ended_.missing = tape_->missing();
        ended_.length = base::milliseconds(samples_ * 1000 / rate_);
        return ended_;
    }

private:
    std::span<const std::int16_t> at_our_rate(const Tick& tick) {
        const std::span in = std::span(tick.samples).first(tick.count);
        const std::span out = std::span(converted_).first(std::size_t{tick.count} * rate_ / tick.rate);
        resamplers_.try_emplace(tick.rate, tick.rate, rate_).first->second.run(in, out);
        samples_ += out.size();
        return out;
    }

    std::shared_ptr<Tape> tape_;
    const std::uint32_t rate_;
    std::optional<SoundWriter> writer_;
    std::map<std::uint32_t, media::Resampler> resamplers_;  // by the rate of what comes
    std::array<std::int16_t, kMostSamples * 6> converted_;
    std::uint64_t samples_ = 0;
    Recorder::Ended ended_;
};

}  // namespace

struct Recorder::Impl {
    explicit Impl(Handlers given) : handlers(std::move(given)) {}

    // On the recorder's thread from here on.
    void turn() {
        for (auto at = recordings.begin(); at != recordings.end();) at = at->second->write() ? std::next(at) : finish(at);
        if (!recordings.empty()) timer->after(kTurn);
    }
    using Recordings = std::map<std::uint64_t, std::unique_ptr<Recording>>;
    Recordings::iterator finish(Recordings::iterator at) {
        handlers.ended(at->second->finish());
        return recordings.erase(at);
    }

    const Handlers handlers;
    Recordings recordings;
    std::optional<Timer> timer;
    Worker worker{"recorder"};
};

Recorder::Recorder(Handlers handlers) : impl_(std::make_unique<Impl>(std::move(handlers))) {
    impl_->worker.loop().post([impl = impl_.get()] { impl->timer.emplace(impl->worker.loop(), [impl] { impl->turn(); }); });
}

Recorder::~Recorder() {
    impl_->worker.finish([impl = impl_.get()] {
        impl->turn();
        while (!impl->recordings.empty()) impl->finish(impl->recordings.begin());
        impl->timer.reset();
    });
}

std::shared_ptr<media::SoundSink> Recorder::start(std::uint64_t recording, File file) {
    auto tape = std::make_shared<Tape>();
    impl_->worker.loop().post([impl = impl_.get(), recording, file = std::move(file), tape]() mutable {
        auto begun = std::make_unique<Recording>(recording, file, std::move(tape));
        if (const auto* path = begun->path()) impl->handlers.started({recording, *path});
        impl->recordings.emplace(recording, std::move(begun));
        impl->turn();
    });
    return tape;
}

void Recorder::stop(std::uint64_t recording) {
    impl_->worker.loop().post([impl = impl_.get(), recording] {
        const auto found = impl->recordings.find(recording);
        if (found == impl->recordings.end()) return;
        found->second->write();
        impl->finish(found);
    });
}

}  // namespace confab::io
