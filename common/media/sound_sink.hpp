// Where a tap of a room lets its sound go, a tick at a time. Whoever has one pushes from one thread; `push` neither waits nor allocates.
#pragma once

#include <cstdint>
#include <span>

namespace confab::media {

class SoundSink {
public:
    virtual ~SoundSink() = default;
    // 20 ms of mono at `rate`, 8000 to 48000. False: there was no room, and this tick is missing.
    virtual bool push(std::uint32_t rate, std::span<const std::int16_t> samples) = 0;
};

}  // namespace confab::media
