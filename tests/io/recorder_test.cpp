#include "io/recorder.hpp"

#include <signal.h>
#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <mutex>

#include "stage.hpp"

using namespace confab;

namespace {

std::vector<std::int16_t> tone(std::uint32_t rate, std::uint64_t tick) {
    std::vector<std::int16_t> samples(rate / 50);
    for (std::size_t i = 0; i < samples.size(); ++i)
        samples[i] = static_cast<std::int16_t>(8000 * std::sin(2 * M_PI * 400 * static_cast<double>(tick * samples.size() + i) / rate));
    return samples;
}

double power(std::span<const std::int16_t> samples) {
    double sum = 0;
    for (const auto sample : samples) sum += double{sample * 1.0} * sample;
    return std::sqrt(sum / static_cast<double>(std::max<std::size_t>(samples.size(), 1)));
}

// A recorder whose beginnings and endings are collected; pushes no faster than the disk takes.
struct Bench {
    std::vector<io::Recorder::Ended> all() {
        const std::lock_guard lock(mutex);
        return ended;
    }
    io::Recorder::Ended wait_for_one() {
        io::Loop loop;
        REQUIRE(test::run_until(loop, [&] { return !all().empty(); }));
        return all().front();
    }
    void push(media::SoundSink& sink, std::uint32_t rate, std::uint64_t ticks) {
        io::Loop loop;
        for (std::uint64_t tick = 0; tick < ticks; ++tick)
            while (!sink.push(rate, tone(rate, tick))) test::settle(loop);
    }
    std::mutex mutex;
    std::vector<io::Recorder::Ended> ended;
    std::vector<std::string> started;
    io::Recorder recorder{{.started =
                               [this](const io::Recorder::Started& each) {
                                   const std::lock_guard lock(mutex);
                                   started.push_back(each.path);
                               },
                           .ended =
                               [this](const io::Recorder::Ended& each) {
                                   const std::lock_guard lock(mutex);
                                   ended.push_back(each);
                               }}};
};

}  // namespace

TEST_CASE("a recording holds what was pushed, at one rate whatever came") {
    const test::Folder folder;
    Bench bench;
    const auto format = GENERATE(io::SoundFormat::wav, io::SoundFormat::flac, io::SoundFormat::opus);
    const auto path = folder / ("a.sound");
    const auto sink = bench.recorder.start(7, {path, format, 16000});
    bench.push(*sink, 8000, 20);
    bench.push(*sink, 48000, 20);
    bench.push(*sink, 16000, 20);
    bench.recorder.stop(7);
    const auto ended = bench.wait_for_one();
    CHECK(ended.recording == 7);
    CHECK(ended.error.empty());
    CHECK(ended.length == base::milliseconds(1200));
    const auto samples = io::read_sound(path, 16000);
    REQUIRE(samples);
    const auto seconds = static_cast<double>(samples->size()) / 16000.0;
    CHECK(seconds == Approx(1.2).margin(0.03));
    const std::span whole(*samples);
    for (std::size_t part = 0; part < 3; ++part)
        CHECK(power(whole.subspan(part * whole.size() / 3, whole.size() / 3)) == Approx(8000 / std::sqrt(2)).epsilon(0.1));
}

TEST_CASE("a recording that nobody could finish is playable") {
    const test::Folder folder;
    Bench bench;
    const auto sink = bench.recorder.start(1, {folder / "a.wav", io::SoundFormat::wav, 8000});
    bench.push(*sink, 8000, 200);
    io::Loop loop;
    CHECK(test::run_until(loop, [&] {
        const auto so_far = io::read_sound(folder / "a.wav", 8000);
        return so_far && so_far->size() >= 160 * 100;
    }));
}

TEST_CASE("a recording overwrites nothing, and tells where it is") {
    const test::Folder folder;
    {
        Bench bench;
        for (std::uint64_t recording = 1; recording <= 2; ++recording) {
            const auto sink = bench.recorder.start(recording, {folder / "a.wav", io::SoundFormat::wav, 8000});
            bench.push(*sink, 8000, 10 * recording);
            bench.recorder.stop(recording);
        }
        io::Loop loop;
        REQUIRE(test::run_until(loop, [&] { return bench.all().size() == 2; }));
        CHECK(bench.started == std::vector{folder / "a.wav", folder / "a-2.wav"});
    }
    CHECK(io::read_sound(folder / "a.wav", 8000).value().size() == 1600);
    CHECK(io::read_sound(folder / "a-2.wav", 8000).value().size() == 3200);
}

TEST_CASE("what cannot be opened ends at once, with the reason") {
    const test::Folder folder;
    Bench bench;
    const auto sink = bench.recorder.start(1, {folder / "absent/a.wav", io::SoundFormat::wav, 8000});
    CHECK(bench.wait_for_one().error == (folder / "absent/a.wav") + ": No such file or directory");
    CHECK(bench.started.empty());
    for (int i = 0; i < 150; ++i) sink->push(8000, tone(8000, 0));  // its sound goes nowhere
    bench.recorder.stop(1);
    CHECK(bench.all().size() == 1);
}

TEST_CASE("a full disk ends the recording, what was written is playable") {
    const test::Folder folder;
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    const auto old_signal = signal(SIGXFSZ, SIG_IGN);
    const rlimit small{64 * 1024, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    {
        Bench bench;
        const auto sink = bench.recorder.start(1, {folder / "a.wav", io::SoundFormat::wav, 16000});
        io::Loop loop;
        for (std::uint64_t tick = 0; tick < 300 && bench.all().empty(); ++tick)
            while (!sink->push(16000, tone(16000, tick)) && bench.all().empty()) test::settle(loop);
        CHECK(bench.wait_for_one().error == (folder / "a.wav") + ": File too large");
    }
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, old_signal);
    const auto written = io::read_sound(folder / "a.wav", 16000);
    REQUIRE(written);
    CHECK(written->size() > 20'000);
}

TEST_CASE("what the disk does not take in time is left out and counted") {
    const test::Folder folder;
    Bench bench;
    const auto sink = bench.recorder.start(1, {folder / "a.wav", io::SoundFormat::wav, 8000});
    int left_out = 0;
    for (int i = 0; i < 5000; ++i) left_out += sink->push(8000, tone(8000, 0)) ? 0 : 1;
    REQUIRE(left_out > 0);
    bench.recorder.stop(1);
    CHECK(bench.wait_for_one().missing == static_cast<std::uint64_t>(left_out));
}
