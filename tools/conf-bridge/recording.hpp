// Recordings of a conference and sounds that are played to it: what the focus wants of the shell, and what the shell says of it. Pure values;
// io/recorder.hpp writes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "conf-bridge/media_link.hpp"

namespace confab::bridge {

enum class RecordingFormat : std::uint8_t { wav, flac, opus };
std::string_view extension_of(RecordingFormat format);

// The mix that everybody hears, or one leg's own voice.
using RecordingSource = std::variant<RoomId, media::LegId>;

struct StartRecording {
    std::uint64_t id = 0;
    std::string file;  // below the directory `recordings`; where it is there, RecordingStarted tells another one
    unsigned thread = 0;
    RecordingSource source;
};
struct StopRecording {
    std::uint64_t id = 0;
    unsigned thread = 0;
    RecordingSource source;
};
using RecordingCommand = std::variant<StartRecording, StopRecording>;

struct RecordingStarted {
    std::uint64_t id = 0;
    std::string file;
};
struct RecordingEnded {
    std::uint64_t id = 0;
    std::string error;  // empty: as wanted
    base::milliseconds length{0};
    std::uint64_t missing = 0;  // ticks of 20 ms that the disk did not take in time
};

// A conference's, while it is recorded.
struct Recording {
    std::string stem;   // its files are named after this; empty: nothing is recorded
    bool legs = false;  // each member has a file beside the mix
    struct Track {
        std::uint64_t id = 0;
        RecordingSource source;
    };
    std::vector<Track> tracks;

    bool is_on() const { return !stem.empty(); }
};

// "1234-20261121T100000Z": what a file's name should not have becomes '_'.
std::string recording_stem(std::string_view conference, base::WallTime time);
// A name that stays below its directory: letters, digits, '.', '-' and '_', not beginning with '.'.
bool is_plain_file_name(std::string_view name);

}  // namespace confab::bridge
