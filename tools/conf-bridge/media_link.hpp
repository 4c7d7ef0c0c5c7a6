// What the focus and its media threads say to each other: commands down, events up, all values. Pure.
//
// A leg opens (sockets bound), attaches to a room or to its thread's lobby, changes, and closes. Commands that name an unknown leg do
// nothing: they crossed its end. OpenLeg is answered by `opened` or `open_failed`, the CloseLeg of an open leg by `closed`. A leg goes to another
// thread by a CloseLeg that says so and an OpenLeg there with what came in `closed`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/socket_address.hpp"
#include "conf-bridge/prompt.hpp"
#include "media/room.hpp"
#include "media/sound_sink.hpp"

namespace confab::bridge {

using RoomId = std::uint32_t;
inline constexpr RoomId kLobby = 0;  // each thread's own: its legs neither hear nor are heard

// SRTP of one leg (RFC 4568): secrets.
struct MediaKeys {
    std::string suite, send, receive;  // master keys with their salts
    bool operator==(const MediaKeys&) const = default;
};

struct MovedLeg;  // of the media threads alone (leg_path.hpp): the focus hands it on

struct OpenLeg {
    media::LegId leg;
    std::uint16_t port = 0;  // 0: any pair of the thread's range; otherwise the pair that the leg had on another thread
    std::shared_ptr<MovedLeg> moved{};  // to be emptied; null: a new leg
};
struct AttachLeg {
    media::LegId leg;
    RoomId room = kLobby;
    base::SocketAddress remote;
    media::LegFormat format;
    bool muted = false;
    bool waits = false;  // in the room's own lobby
    std::optional<MediaKeys> keys{};
    base::SocketAddress remote_rtcp{};  // port 0: beside `remote`
};
struct FormatLeg {
    media::LegId leg;
    base::SocketAddress remote;
    media::LegFormat format;
    std::optional<MediaKeys> keys{};
    base::SocketAddress remote_rtcp{};
};
struct MuteLeg {
    media::LegId leg;
    bool muted = false;
};
struct AdmitLeg {  // out of the room's lobby
    media::LegId leg;
};
struct PlayPrompt {
    media::LegId leg;
    std::size_t language = 0;
    std::vector<PromptName> prompts;  // one after another; none: be silent
};
struct DeafenLeg {  // but for its prompts
    media::LegId leg;
    bool deaf = false;
};
struct GainLeg {  // how it is heard
    media::LegId leg;
    int decibels = 0;
};
struct VolumeLeg {  // how it hears
    media::LegId leg;
    int decibels = 0;
};
struct AnnounceRoom {  // to all, beside the mix; none: be silent
    RoomId room = kLobby;
    std::vector<media::Prompt> sounds;
};
struct AnnouncePrompt {  // to all, beside the mix, one after another
    RoomId room = kLobby;
    std::size_t language = 0;
    PromptName prompt{};
    media::Prompt name{};  // whom it is about; may be null
};
struct RecordRoom {  // the mix that everybody hears, at `rate`; a null sink stops
    RoomId room = kLobby;
    std::uint32_t rate = 16000;
    std::shared_ptr<media::SoundSink> sink;
};
struct RecordLeg {  // its own voice
    media::LegId leg;
    std::shared_ptr<media::SoundSink> sink;
};
struct CloseLeg {
    media::LegId leg;
    bool moves = false;
};
struct MediaCommand {
    unsigned thread = 0;
    std::variant<OpenLeg, AttachLeg, FormatLeg, MuteLeg, AdmitLeg, PlayPrompt, DeafenLeg, GainLeg, VolumeLeg, AnnounceRoom, AnnouncePrompt, RecordRoom, RecordLeg, CloseLeg> what;
};

struct MediaEvent {
    enum class Kind : std::uint8_t { opened, open_failed, closed, room_full, talking, silent, digit, prompt_ended, media_stopped };
    Kind kind;
    media::LegId leg;
    base::SocketAddress local{};  // opened: where RTP is received
    char digit = 0;
    std::shared_ptr<MovedLeg> moved{};  // closed, where the leg moves
};

// What was measured of a leg; of each once a second.
struct LegSample {
    media::LegId leg;
    media::LegReport report;
};

struct MediaCounts {
    std::uint64_t rooms = 0, lost_ticks = 0, received = 0, sent = 0, rejected = 0;
    std::uint64_t unauthentic = 0, rtcp_received = 0, rtcp_sent = 0, rtcp_rejected = 0;
    std::uint64_t dropped_digits = 0;
    unsigned load = 0;  // percent of a processor that the thread has lately used
};

}  // namespace confab::bridge
