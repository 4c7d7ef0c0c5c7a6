// The focus with canned neighbours and a clock of the test's: a directory that knows three numbers, and media threads that open every leg
// at once.
#pragma once

#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "conf-bridge/core.hpp"
#include "conf-bridge/leg_path.hpp"

namespace confab::bridge::test {

inline const std::string kOffer =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\nc=IN IP4 127.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 101\r\n"
    "a=rtpmap:101 telephone-event/8000\r\n";
inline const std::string kHoldOffer =
    "v=0\r\no=- 1 2 IN IP4 127.0.0.9\r\ns=-\r\nc=IN IP4 127.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=sendonly\r\n";

inline Config default_config() {
    config::Problems problems;
    auto config = read_config(
        {
            {"", "", "", {"test", 0}},
            {"", "listen", "udp:127.0.0.40:5080", {"test", 1}},
            {"", "listen", "tcp:127.0.0.40:5080", {"test", 2}},
            {"", "media-address", "127.0.0.40", {"test", 3}},
            {"", "trusted", "127.0.0.0/24", {"test", 4}},
        },
        problems);
    for (const auto& problem : problems) throw std::runtime_error(problem.text());
    config.languages = {"de", "en", "fr"};
    return config;
}

class Rig {
public:
    explicit Rig(Config config = default_config()) : core(config, config.listen, base::Seed{7}) {
        core.start(now, effects);
        pump();
        clear();
    }

    // The world.
    std::map<std::string, std::string> directory = {{"1234", "99"}, {"2000", ""}, {"3000", "77"}};
    std::int64_t max_members = 0, starts = 0, ends = 0;
    std::string leader_pin;  // of conferences that wait for their host
    bool has_lobby = false;
    bool directory_answers = true, directory_is_up = true, ports_are_free = true, files_open = true;

    // What came out, oldest first.
    std::vector<std::string> sent;
    std::vector<MediaCommand> media;
    std::vector<Occurrence> events;
    std::vector<RecordingCommand> recordings;
    std::vector<base::CallEntry> call_records;  // with `call_log` set
    std::vector<Question> unanswered;

    base::Now now{base::Instant(std::chrono::hours(1)), base::WallTime(std::chrono::hours(480'000))};
    Core core;
    Effects effects;

    void clear() {
        sent.clear();
        media.clear();
        events.clear();
        recordings.clear();
        call_records.clear();
    }

    void receive(const std::string& message, std::string_view peer = "127.0.0.9:5060", sip::Transport transport = sip::Transport::udp) {
        const std::uint16_t listener = transport == sip::Transport::udp ? 0 : 1;
        core.receive(now, {transport, *base::SocketAddress::parse(peer), {1}, listener}, message, sip::is_stream(transport), effects);
        pump();
    }

    void advance(base::milliseconds by) {
        const auto until = now.steady + by;
        while (core.next_deadline() && *core.next_deadline() <= until) {
            now.steady = std::max(now.steady, *core.next_deadline());
            core.expire(now, effects);
            pump();
        }
        now.steady = until;
    }

    void happen(MediaEvent event) {
        core.media(now, event, effects);
        pump();
    }
    void key(std::uint32_t leg, std::string_view digits) {
        for (const char digit : digits) happen({MediaEvent::Kind::digit, {leg}, {}, digit});
    }

    void start_recording(const RecordingStarted& started) {
        core.recording_started(started, effects);
        pump();
    }
    void end_recording(const RecordingEnded& ended) {
        core.recording_ended(now, ended, effects);
        pump();
    }

    Core::Outcome command(std::string_view name, local::Value arguments) {
        const auto* row = local::find_command(local::bridge_vocabulary(), name);
        auto outcome = core.command(now, {1, row, std::move(arguments)}, effects);
        pump();
        return outcome;
    }
    Core::Outcome about(std::string_view name, std::string_view conference) {
        return command(name, local::Value::object({{"conference", conference}}));
    }
    Core::Outcome about(std::string_view name, std::string_view conference, int member) {
        return command(name, local::Value::object({{"conference", conference}, {"member", member}}));
    }

    // One caller's messages. `call` names the dialog; each request has a branch of its own.
    struct Request {
        std::string method = "INVITE", call = "a", headers{}, body = kOffer, user = "1234";
        int cseq = 1;
        std::string to_tag{}, uri_params{}, branch{};
    };
    std::string text(const Request& request) {
        const auto branch = request.branch.empty() ? "z9hG4bK" + std::to_string(++branches_) : request.branch;
        std::string out = request.method + " sip:" + request.user + "@127.0.0.40:5080" + request.uri_params + " SIP/2.0\r\n";
        out += "Via: SIP/2.0/UDP 127.0.0.9:5060;branch=" + branch + "\r\nMax-Forwards: 70\r\n";
        out += "From: \"Al\" <sip:alice@example.org>;tag=from" + request.call + "\r\nTo: <sip:1234@example.org>";
        if (!request.to_tag.empty()) out += ";tag=" + request.to_tag;
        out += "\r\nCall-ID: " + request.call + "\r\nCSeq: " + std::to_string(request.cseq) + " " + request.method + "\r\n";
        out += "Contact: <sip:alice@127.0.0.9:5060>\r\n" + request.headers;
        if (!request.body.empty() && request.headers.find("Content-Type") == std::string::npos) out += "Content-Type: application/sdp\r\n";
        return out + "Content-Length: " + std::to_string(request.body.size()) + "\r\n\r\n" + request.body;
    }
    void request(const Request& request) { receive(text(request)); }
    void ack(const std::string& call, int cseq = 1, const std::string& body = {}) {
        request({.method = "ACK", .call = call, .body = body, .cseq = cseq, .to_tag = tag()});
    }
    // A caller who joins with the passcode; answers the leg's number.
    std::uint32_t join(const std::string& call, const std::string& user = "1234", const std::string& headers = "X-Passcode: 99\r\n") {
        request({.call = call, .headers = headers, .user = user});
        tags_[call] = tag();
        ack(call);
        return ++legs_;
    }
    std::string tag_of(const std::string& call) { return tags_.at(call); }

    // About the last message out.
    int status() const { return sent.empty() || !sent.back().starts_with("SIP/2.0 ") ? 0 : std::stoi(sent.back().substr(8, 3)); }
    std::string tag() const {
        const auto to = sent.back().find("\r\nTo:");
        const auto at = sent.back().find(";tag=", to) + 5;
        return sent.back().substr(at, sent.back().find("\r\n", at) - at);
    }
    bool has_sent(std::string_view text) const {
        for (const auto& message : sent)
            if (message.find(text) != std::string::npos) return true;
        return false;
    }
    std::size_t count_sent(std::string_view start) const {
        std::size_t count = 0;
        for (const auto& message : sent) count += message.starts_with(start) ? 1 : 0;
        return count;
    }
    // Calls that were ended; a BYE that nobody answers is sent again and again.
    std::size_t byes() const {
        std::set<std::string> distinct;
        for (const auto& message : sent)
            if (message.starts_with("BYE ")) distinct.insert(message);
        return distinct.size();
    }
    bool has_event(std::string_view name) const {
        for (const auto& event : events)
            if (event.event == name) return true;
        return false;
    }
    template <class What>
    const What* last_media() const {
        for (auto command = media.rbegin(); command != media.rend(); ++command)
            if (const auto* what = std::get_if<What>(&command->what)) return what;
        return nullptr;
    }
    // Nothing may be left once every timer has run.
    bool is_clean() {
        advance(std::chrono::minutes(2));
        const auto status = core.status();
        static constexpr std::string_view kCounts[] = {"legs",      "lobby",               "conferences",         "dialogs",
                                                       "questions", "server_transactions", "client_transactions", "media_sockets"};
        for (const auto name : kCounts)
            if (status.integer(name) != 0) return false;
        return true;
    }

    void answer(const Question& question) {
        Answer reply = std::unexpected(local::Failure{"unavailable", "no directory"});
        if (question.command == "beat") reply = local::Value::object({{"accepted", true}});
        if (question.command == "resolve" && directory_is_up) reply = resolve(question.arguments);
        core.answer(now, question.id, reply, effects);
        pump();
    }

private:
    local::Value resolve(const local::Value& question) const {
        const auto entry = directory.find(std::string(question.text("number")));
        const bool known = entry != directory.end();
        const bool valid = known && (entry->second == question.text("passcode") || question.flag("vouched"));
        return local::Value::object({{"valid", valid},
                                     {"passcode_required", known && !entry->second.empty()},
                                     {"conference", valid ? entry->first : ""},
                                     {"name", "Weekly"},
                                     {"max_members", max_members},
                                     {"lobby", has_lobby},
                                     {"leader_pin", leader_pin},
                                     {"wait_for_host", !leader_pin.empty()},
                                     {"starts", starts},
                                     {"ends", ends}});
    }

    void pump() {
        for (const auto& entry : effects.transmit.entries()) sent.emplace_back(effects.transmit.bytes(entry));
        for (auto& event : effects.publish) events.push_back(std::move(event));
        call_records.insert(call_records.end(), effects.records.begin(), effects.records.end());
        const auto questions = std::move(effects.ask);
        const auto commands = std::move(effects.media);
        const auto records = std::move(effects.record);
        effects.clear();
        for (const auto& question : questions) {
            if (directory_answers || question.command == "beat")
                answer(question);
            else
                unanswered.push_back(question);
        }
        for (const auto& command : commands) obey(command);
        for (const auto& command : records) {
            recordings.push_back(command);
            const auto* start = std::get_if<StartRecording>(&command);
            if (start && files_open) start_recording({start->id, start->file});
        }
    }
    void obey(const MediaCommand& command) {
        media.push_back(command);
        if (const auto* open = std::get_if<OpenLeg>(&command.what)) {
            if (!ports_are_free) return happen({MediaEvent::Kind::open_failed, open->leg});
            open_.insert(open->leg.value);
            const auto port = open->port != 0 ? open->port : static_cast<std::uint16_t>(20000 + 2 * open->leg.value);
            happen({MediaEvent::Kind::opened, open->leg, {*base::IpAddress::parse("127.0.0.40"), port}});
        }
        if (const auto* close = std::get_if<CloseLeg>(&command.what); close && open_.erase(close->leg.value) != 0)
            happen({MediaEvent::Kind::closed, close->leg, {}, 0, close->moves ? std::make_shared<MovedLeg>(LegPath(1, 1, 0), std::nullopt) : nullptr});
    }

    int branches_ = 0;
    std::uint32_t legs_ = 0;
    std::set<std::uint32_t> open_;
    std::map<std::string, std::string> tags_;
};

}  // namespace confab::bridge::test
