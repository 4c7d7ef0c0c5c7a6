// One thread that owns rooms, legs and their RTP sockets from birth to death; a leg that moves is born again on another thread, with its path. Commands
// come in by post, events go out in one batch for each wake-up.
//
// Rooms tick every 20 ms in four groups that are 5 ms apart, so that their work spreads. A late tick is made once; what was missed beyond
// is counted and skipped. The clock stands still while there is no room. A leg in a room sends RTCP reports, each after an interval of its own
// around `rtcp_interval` (RFC 3550 §6.2), and says BYE when it ends.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "base/socket_address.hpp"
#include "base/time.hpp"
#include "conf-bridge/media_link.hpp"
#include "conf-bridge/prompt_library.hpp"
#include "media/room.hpp"

namespace confab::bridge {

struct MediaOptions {
    base::IpAddress address;
    std::uint16_t low_port = 0, high_port = 0;
    int dscp = 0, receive_buffer = 0;
    base::milliseconds rtcp_interval{5000};
    media::RoomPolicy policy;
    std::shared_ptr<const PromptLibrary> prompts;
};

struct MediaReport {
    unsigned thread = 0;
    std::vector<MediaEvent> events;
    MediaCounts counts;
    std::vector<LegSample> samples;  // empty but once a second, when `counts.load` is new too
};

class MediaThread {
public:
    // `deliver` is called on the media thread.
    MediaThread(unsigned index, MediaOptions options, std::function<void(MediaReport)> deliver);
    ~MediaThread();

    void post(std::vector<MediaCommand> commands);  // from the owner's thread, in order

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace confab::bridge
