// Recording and playing, as the focus sees them. A recording ends with the conference, by command, or when its mix can no longer be written; a member's own
// file that cannot be written ends alone.
#include "conf-bridge/recording.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "conf-bridge/core.hpp"

namespace confab::bridge {
namespace {

constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
constexpr std::size_t kLongestFileName = 200;

std::string stem_of(const Recording& recording, const Leg& member) { return recording.stem + "-member" + std::to_string(member.member); }

}  // namespace

std::string_view extension_of(RecordingFormat format) {
    static constexpr std::string_view kExtensions[] = {"wav", "flac", "opus"};
    return kExtensions[static_cast<std::size_t>(format)];
}

std::string recording_stem(std::string_view conference, base::WallTime time) {
    std::string stem(conference);
    for (char& c : stem)
        if (!kLetters.contains(c)) c = '_';
    std::string when = time_text(time);
    std::erase_if(when, [](char c) { return c == '-' || c == ':'; });
    return stem + '-' + when;
}

bool is_plain_file_name(std::string_view name) {
    return !name.empty() && name.size() <= kLongestFileName && name.front() != '.' &&
           std::ranges::all_of(name, [](char c) { return c == '.' || kLetters.contains(c); });
}

std::expected<bool, local::Failure> Core::start_recording(Turn turn, Conference& conference, bool legs) {
    auto& recording = conference.recording;
    if (config_.recordings.empty()) return std::unexpected(local::Failure{"not-configured", "the key recordings names no directory"});
    if (recording.is_on()) return false;
    const auto wanted = 1 + (legs ? conference.members.size() : 0);
    if (tracks_.size() + wanted > config_.recording_limit) return std::unexpected(local::Failure{"too-many", "recording-limit is reached"});
    recording = {recording_stem(conference.number, turn.now.wall), legs, {}};
    record(turn, conference, recording.stem, conference.room);
    if (legs)
        for (const auto& [member, id] : conference.members) record_member(turn, conference, *find(id));
    if (config_.recording_announce) tell_all(turn, conference, PromptName::recording_on);
    beep_later(turn, conference);
    return true;
}

bool Core::stop_recording(Turn turn, Conference& conference) {
    if (!conference.recording.is_on()) return false;
    const auto tracks = std::move(conference.recording.tracks);
    conference.recording = {};
    disarm({conference.room}, Alarm::beep);
    if (config_.recording_announce) tell_all(turn, conference, PromptName::recording_off);
    for (const auto& track : tracks) turn.effects.record.push_back(StopRecording{track.id, conference.thread, track.source});
    return true;
}

void Core::record(Turn turn, Conference& conference, std::string stem, RecordingSource source) {
    const auto id = ++last_track_;
    auto file = std::move(stem) + '.' + std::string(extension_of(config_.recording_format));
    tracks_.emplace(id, TrackOf{conference.number, conference.name, file, std::holds_alternative<RoomId>(source)});
    turn.effects.record.push_back(StartRecording{id, std::move(file), conference.thread, source});
    conference.recording.tracks.push_back({id, source});
}

// A member who comes while all members are recorded is told so, and has a file too; where the bound is reached, the mix must do.
void Core::record_member(Turn turn, Conference& conference, const Leg& leg) {
    if (!conference.recording.legs || leg.waiting || tracks_.size() >= config_.recording_limit) return;
    record(turn, conference, stem_of(conference.recording, leg), leg.id);
}

bool Core::stop_recording_member(Turn turn, Conference& conference, const Leg& leg) {
    auto& tracks = conference.recording.tracks;
    const auto track = std::ranges::find(tracks, RecordingSource(leg.id), &Recording::Track::source);
    if (track == tracks.end()) return false;
    turn.effects.record.push_back(StopRecording{track->id, conference.thread, track->source});
    tracks.erase(track);
    return true;
}

// Another leg has the member's place: its voice goes into a further file, which takes the old one's share of the bound.
void Core::record_on(Turn turn, Conference& conference, const Leg& old, const Leg& leg) {
    if (stop_recording_member(turn, conference, old)) record(turn, conference, stem_of(conference.recording, leg), leg.id);
}

void Core::recording_started(const RecordingStarted& started, Effects& effects) {
    const auto found = tracks_.find(started.id);
    if (found == tracks_.end()) return;
    auto& track = found->second;
    track.file = started.file;
    if (!track.is_mix) return;
    effects.publish.push_back(
        {"recording-started", local::Value::object({{"conference", track.conference}, {"name", track.name}, {"file", track.file}})});
}

void Core::recording_ended(base::Now now, const RecordingEnded& ended, Effects& effects) {
    const Turn turn{now, effects};
    const auto found = tracks_.find(ended.id);
    if (found == tracks_.end()) return;
    const auto track = std::move(found->second);
    tracks_.erase(found);
    if (!ended.error.empty()) {
        counters_.add(Metric::recordings_failed);
        effects.notes.push_back({base::Severity::error, "recording failed: " + ended.error, {}});
    }
    effects.publish.push_back({"recording-ended", local::Value::object({{"conference", track.conference},
                                                                        {"file", track.file},
                                                                        {"length_ms", ended.length.count()},
                                                                        {"missing_ms", ended.missing * 20},
                                                                        {"reason", ended.error.empty() ? "stopped" : ended.error}})});
    auto* conference = find_conference(track.conference);
    if (!conference) return;
    auto& tracks = conference->recording.tracks;
    const auto held = std::ranges::find(tracks, ended.id, &Recording::Track::id);
    if (held == tracks.end()) return;
    const bool was_mix = std::holds_alternative<RoomId>(held->source);
    effects.record.push_back(StopRecording{held->id, conference->thread, held->source});  // its tap is of no more use
    tracks.erase(held);
    if (was_mix) stop_recording(turn, *conference);
}

// In the conference's language, beside the mix.
void Core::tell_all(Turn turn, const Conference& conference, PromptName prompt) {
    turn.effects.media.push_back({conference.thread, AnnouncePrompt{conference.room, conference.rules.language, prompt}});
}

// Where the law wants it, members are reminded again and again.
void Core::beep_later(Turn turn, const Conference& conference) {
    if (config_.recording_beep.count() > 0) arm({conference.room}, Alarm::beep, turn.now.steady + config_.recording_beep);
}

void Core::on_beep(Turn turn, RoomId room) {
    const auto found = std::ranges::find(conferences_, room, [](const auto& entry) { return entry.second.room; });
    if (found == conferences_.end()) return;
    tell_all(turn, found->second, PromptName::tone_recording);
    beep_later(turn, found->second);
}

std::expected<void, local::Failure> Core::play_sound(base::Now now, std::string_view number, media::Prompt sound, Effects& effects) {
    const auto* conference = find_conference(number);
    if (!conference) return std::unexpected(local::Failure{"no-such-conference", "conference " + std::string(number) + " is not running here"});
    effects.media.push_back({conference->thread, AnnounceRoom{conference->room, {std::move(sound)}}});
    publish({now, effects}, "playing", *conference);
    return {};
}

bool Core::stop_sounds(Turn turn, Conference& conference) {
    turn.effects.media.push_back({conference.thread, AnnounceRoom{conference.room, {}}});
    return true;
}

}  // namespace confab::bridge
