// The focus (RFC 4353, RFC 4579): calls in, conferences kept. Messages, answers of the directory, media events, commands and time go in;
// bytes, questions, media commands, events and notes come out in `Effects`. No descriptors, no clock, no log.
//
// Owner: the shell's signalling thread, or a test. A call waits for the directory's word, then for its RTP sockets, is answered 200, and
// joins when the ACK has come; a caller without a passcode is answered first and keys it in the lobby. Bounds: legs, conferences, members,
// transactions.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/call_entry.hpp"
#include "base/deadlines.hpp"
#include "base/note.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "base/time.hpp"
#include "conf-bridge/attempts.hpp"
#include "conf-bridge/conference.hpp"
#include "conf-bridge/config.hpp"
#include "conf-bridge/leg.hpp"
#include "conf-bridge/leg_records.hpp"
#include "conf-bridge/media_link.hpp"
#include "conf-bridge/metrics.hpp"
#include "conf-bridge/replaces.hpp"
#include "conf-bridge/roster.hpp"
#include "conf-bridge/session_timer.hpp"
#include "conf-bridge/subscriptions.hpp"
#include "local/messages.hpp"
#include "local/value.hpp"
#include "sip/compose.hpp"
#include "sip/grammar.hpp"
#include "sip/message.hpp"
#include "sip/transactions.hpp"
#include "sip/transport.hpp"

namespace confab::bridge {

struct Question {  // for conf-locate
    std::uint64_t id = 0;
    std::string_view command;
    local::Value arguments;
};
using Answer = std::expected<local::Value, local::Failure>;

struct Occurrence {  // for subscribers
    std::string_view event;
    local::Value fields;
};

struct Effects {
    sip::Outbox transmit;
    base::Notes notes;
    std::vector<Question> ask;
    std::vector<MediaCommand> media;
    std::vector<Occurrence> publish;
    std::vector<RecordingCommand> record;
    std::vector<base::CallEntry> records;  // to be spooled before `transmit` is sent

    bool empty() const { return transmit.empty() && notes.empty() && ask.empty() && media.empty() && publish.empty() && record.empty() && records.empty(); }
    void clear() {
        transmit.clear();
        notes.clear();
        ask.clear();
        media.clear();
        publish.clear();
        record.clear();
        records.clear();
    }
};

inline constexpr std::size_t kTagLength = 16;
inline constexpr std::size_t kLargestTold = 50;  // members of a conference that is told who comes and goes

// A command's reply: fields, or the rows of a listing.
struct Reply {
    local::Value fields;
    std::vector<local::Value> rows;
};

class Core {
public:
    // `listeners` in the order of sip::Hop::listener, with the ports that were bound.
    Core(Config config, std::vector<config::Listener> listeners, const base::Seed& seed);

    void use_ticket_secret(std::string_view secrets) { outbound_.seal.emplace(secrets); }
    void start(base::Now now, Effects& effects);  // the first beat
    void receive(base::Now now, const sip::Hop& source, std::string_view bytes, bool is_stream, Effects& effects);
    void answer(base::Now now, std::uint64_t question, const Answer& answer, Effects& effects);
    void media(base::Now now, const MediaEvent& event, Effects& effects);
    void measured(std::span<const LegSample> samples);
    void loaded(unsigned thread, unsigned percent) { used_[thread] = percent; }
    void flow_failed(base::Now now, const sip::Hop& hop, Effects& effects);
    std::optional<base::Instant> next_deadline();
    void expire(base::Now now, Effects& effects);
    using Outcome = std::expected<Reply, local::Failure>;
    Outcome command(base::Now now, const local::Request& request, Effects& effects);

    void reload(const Config& fresh);
    void drain(base::Now now, Effects& effects);
    bool is_idle() const { return legs_.empty() && transactions_.live_clients() == 0; }

    void recording_started(const RecordingStarted& started, Effects& effects);
    void recording_ended(base::Now now, const RecordingEnded& ended, Effects& effects);
    // To all, beside the mix.
    std::expected<void, local::Failure> play_sound(base::Now now, std::string_view number, media::Prompt sound, Effects& effects);
    void recover_call(base::Now now, std::string_view line, Effects& effects);  // a leg that the last run left open

    local::Value status() const;
    std::span<const std::uint64_t> metrics(const MediaCounts& media);
    Counters& counters() { return counters_; }  // for what only the shell sees

private:
    struct Turn {
        base::Now now;
        Effects& effects;
    };
    enum class Alarm : std::uint8_t { retransmit, no_ack, digits, beat, session, ring, redial, referral, beep, move };
    enum class Errand : std::uint8_t { bye, refresh, call, refer };  // what a request of ours was for

    // core.cpp: inputs and answers
    void handle(Turn turn, const sip::Event& event, const sip::Hop& source);
    void on_malformed(Turn turn, const sip::Hop& source);
    void on_request(Turn turn, sip::ServerId server, const sip::Hop& source);
    bool is_merged(sip::ServerId server);
    void on_options(Turn turn, sip::ServerId server, const sip::Hop& source);
    void on_cancel(Turn turn, sip::ServerId server);
    void reply(Turn turn, sip::ServerId server, const sip::Hop& source, int status, std::string_view headers = {}, std::string_view reason = {});
    void reply_to(Turn turn, const Leg& leg, int status, std::string_view headers = {}, std::string_view reason = {});
    void respond(Turn turn, sip::ServerId server, const sip::Hop& source, const sip::ResponseParts& parts);
    void reread(const Leg& leg);  // its INVITE becomes the message at hand
    void refuse_busy(Turn turn, sip::ServerId server, const sip::Hop& source);
    void on_alarm(Turn turn, media::LegId id, Alarm alarm);
    void beat(Turn turn);
    void arm(media::LegId id, Alarm alarm, base::Instant at);
    void disarm(media::LegId id, Alarm alarm);

    // admission.cpp: a new call until it is answered
    std::vector<std::string_view> option_tags() const;
    std::string capability_lines() const;  // Allow and Supported of our requests: 100rel is ours as a server alone
    std::string service_lines() const;     // of our responses
    bool admit_extensions(Turn turn, sip::ServerId server, const sip::Hop& source);
    bool admit_content(Turn turn, sip::ServerId server, const sip::Hop& source);
    bool admit_interval(Turn turn, sip::ServerId server, const sip::Hop& source);
    void refuse_full(Turn turn, sip::ServerId server, const sip::Hop& source);
    void on_invite(Turn turn, sip::ServerId server, const sip::Hop& source);
    void open_leg(Turn turn, sip::ServerId server, const sip::Hop& source, const sip::Uri& uri, std::string call_key, media::LegId replaced);
    std::string contact_for(const sip::Hop& source, const sip::Uri& uri) const;
    void ask_for_media(Turn turn, Leg& leg);
    unsigned least_loaded() const;
    void on_opened(Turn turn, Leg& leg, const base::SocketAddress& local);
    void on_closed(Turn turn, Leg& leg, std::shared_ptr<MovedLeg> moved);

    // seating.cpp: from what the caller gives to a seat, or a refusal
    void begin_entry(Turn turn, Leg& leg);
    void resolve(Turn turn, Leg& leg, std::string passcode);
    Verdict judge(const Answer& answer, bool passcode_given) const;
    bool is_overloaded() const;
    bool takes_rooms() const;
    bool is_running(std::string_view number) const;
    void count_dialled(const Leg& leg);
    void uncount_dialled(const Leg& leg);
    bool lacks_room(const Leg& leg, const local::Value& found) const;
    std::optional<Home> elsewhere(const Leg& leg, const local::Value& found) const;
    void on_resolved(Turn turn, Leg& leg, const Answer& answer, bool passcode_given);
    void proceed(Turn turn, Leg& leg);
    void note_miss(Turn turn, Leg& leg);
    Surroundings surroundings(Turn turn, const Leg& leg);
    void choose_language(Leg& leg, std::string_view directory) const;
    std::string_view caller_of(const Leg& leg, std::string& scratch) const;
    void take_seat(Turn turn, Leg& leg);
    Conference& open_conference(Turn turn, const Leg& leg, const std::string& number, const local::Value& found);
    void refuse_entry(Turn turn, Leg& leg);
    FinalAnswer refusal_of(Refusal refusal) const;
    Farewell farewell_for(Refusal refusal) const;
    void count_refusal(Refusal refusal);
    // Answered callers: keys, waiting, and farewells that are spoken.
    void ask_for_keys(Turn turn, Leg& leg);
    void key(Turn turn, Leg& leg, char digit);
    void submit(Turn turn, Leg& leg);
    void on_digit_timeout(Turn turn, Leg& leg);
    void settle_in(Turn turn, Leg& leg);
    void wait(Turn turn, Leg& leg);
    void greet(Turn turn, Leg& leg);
    void announce(Turn turn, const Conference& conference, const Leg& about, PromptName tone, PromptName words);
    void call_hosts(Turn turn, const Conference& conference);
    void host_came(Turn turn, Conference& conference);
    void host_went(Turn turn, Conference& conference);
    bool is_hosted(const Conference& conference);
    void turn_away(Turn turn, Leg& leg, PromptName prompt, Farewell farewell);
    void on_prompt_ended(Turn turn, Leg& leg);

    // naming.cpp: names that callers say
    bool is_to_be_named(const Conference& conference, const Leg& leg) const;
    void ask_for_name(Turn turn, Leg& leg);
    void record_name(Turn turn, Leg& leg);
    void end_naming(Turn turn, Leg& leg);
    void on_naming_due(Turn turn, Leg& leg);
    bool on_naming(Turn turn, Leg& leg, const MediaEvent& event);  // whether the event was its own

    // choices.cpp: what a member keys
    void press(Turn turn, Leg& leg, char digit);
    void choose(Turn turn, Leg& leg, MenuKeys::Result result);  // may end the leg
    void tell_count(Turn turn, Leg& leg, std::vector<PromptName> prompts);
    void shift_level(Turn turn, Leg& leg, bool up, int from, bool (Core::*set)(Turn, Leg&, int));
    void toggle_recording(Turn turn, Leg& leg, Conference& conference);

    // session.cpp: offers and answers, the dialog
    struct Proposal {
        std::string body;
        bool is_offer = false;
    };
    sdp::LocalMedia local_media(const Leg& leg, bool is_offer) const;
    media::LegFormat format_of(const sdp::Agreed& agreed) const;
    bool is_reachable(const base::IpAddress& remote) const;
    std::expected<sdp::Answered, int> answer_offer(const Leg& leg, std::string_view body) const;  // or the refusing status
    std::expected<Proposal, int> describe(Leg& leg);                                              // for the INVITE or UPDATE at hand
    void accept(Turn turn, Leg& leg, sip::ServerId server, const sip::Hop& source, const Proposal& proposal);
    void compose_success(std::string& out, const Leg& leg, const sip::Hop& source, std::string_view body) const;
    void on_ack(Turn turn);
    bool take_answer(Leg& leg);
    void on_in_dialog(Turn turn, sip::ServerId server, const sip::Hop& source);
    void on_reinvite(Turn turn, Leg& leg, sip::ServerId server, const sip::Hop& source);
    void on_update(Turn turn, Leg& leg, sip::ServerId server, const sip::Hop& source);
    void on_info(Turn turn, Leg& leg, sip::ServerId server, const sip::Hop& source);
    void use_agreement(Turn turn, Leg& leg);
    // Both may end the leg: it must not be used after them.
    void hang_up(Turn turn, Leg& leg, Farewell farewell);
    void release(Turn turn, Leg& leg, Farewell farewell);
    void send_bye(Turn turn, Leg& leg, Farewell farewell);

    // replacing.cpp: a call that takes another's place
    std::expected<media::LegId, int> replaced_by();
    bool may_replace(const Leg& old) const;
    bool sit_beside(Leg& leg);
    void take_over(Turn turn, Leg& leg);
    media::LegId twin_of(const Leg& leg);

    // announcing.cpp: refusals that are heard. The leg must not be used after `refuse`.
    void refuse(Turn turn, Leg& leg, FinalAnswer answer, std::optional<PromptName> prompt);
    void announce(Turn turn, Leg& leg);
    void arm_reliable(Leg& leg);
    void on_reliable_due(Turn turn, Leg& leg);
    void on_prack(Turn turn, Leg& leg, sip::ServerId server, const sip::Hop& source);
    void finish_refusal(Turn turn, Leg& leg);
    bool on_announcement(Turn turn, Leg& leg, MediaEvent::Kind kind);  // whether the event was its own

    // requests.cpp: requests of ours within a dialog, and what becomes of them
    sip::ClientId send_request(Turn turn, Leg& leg, sip::Method method, Errand errand, std::string_view headers = {}, std::string_view content_type = {},
                               std::string_view body = {});
    void on_outcome(Turn turn, const sip::Event& event);
    TimerPolicy timer_policy() const;
    void arm_session(Leg& leg);
    void on_session_due(Turn turn, Leg& leg);
    void refresh(Turn turn, Leg& leg);
    void on_refreshed(Turn turn, Leg& leg);
    void on_refresh_failed(Turn turn, Leg& leg, int status, const sip::Message* response);
    void acknowledge(Turn turn, sip::Dialog& dialog);
    void say_bye(Turn turn, sip::Dialog& dialog, Farewell farewell);

    // calling.cpp: calls that we make
    struct DialOrder {
        std::string target{}, name{};
        const Leg* by = nullptr;  // the host who wants it; the operator where there is none
        bool by_refer = false;
        std::string referred_by{};
        std::optional<Referrer> referrer{};
    };
    using Dialled = std::expected<std::uint32_t, local::Failure>;  // the dial's id
    Dialled dial(Turn turn, const Conference& conference, DialOrder order);
    void on_number_checked(Turn turn, std::uint32_t id, const Answer& answer);
    void start_dials(Turn turn);
    void start_call(Turn turn, Dial& dial);
    void address_call(Leg& leg, const Dial& dial, const Conference& conference);
    void call(Turn turn, Leg& leg);
    void on_call_response(Turn turn, Leg* leg, const sip::Event& event);
    void on_call_answered(Turn turn, Leg* leg);
    void ask_to_confirm(Turn turn, Leg& leg, Dial& dial);
    void on_confirm_digit(Turn turn, Leg& leg, char digit);
    void connect(Turn turn, Leg& leg);
    void on_ring_timeout(Turn turn, Leg& leg);
    void cancel_call(Turn turn, Leg& leg, Farewell farewell);
    void end_call(Turn turn, Leg& leg, DialState outcome, int code);
    void on_call_over(Turn turn, std::uint32_t id, media::LegId leg, DialState outcome, int code);
    void advance(Turn turn, Dial& dial, DialState state);
    void settle(Turn turn, Dial& dial, DialState state, int code);
    void on_redial(Turn turn, std::uint32_t id);
    void end_dials(Turn turn, std::string_view number);  // those of a conference that wait
    sip::Hop call_hop() const;
    std::string shown(const Dial& dial) const;
    local::Value row_of(const Dial& dial) const;
    void publish(Turn turn, const Dial& dial) const;
    Outcome command_dial(Turn turn, const local::Value& arguments);
    Outcome dials() const;
    Outcome hang_up_dial(Turn turn, std::int64_t id);

    // referring.cpp: REFER, ours and theirs
    void refer(Turn turn, Leg& leg, Referral::Why why, const std::string& target, std::string_view referred_by);
    void on_refer_outcome(Turn turn, Leg& leg, const sip::Event& event);
    void on_notify(Turn turn, Leg& leg, sip::ServerId server, const sip::Hop& source);
    void on_referral_done(Turn turn, Leg& leg);
    void on_referral_failed(Turn turn, Leg& leg, int status);
    Outcome transfer(Turn turn, Leg& leg, std::string_view target);
    std::string own_uri(const Leg& leg) const;
    void on_refer(Turn turn, sip::ServerId server, const sip::Hop& source, Leg* leg);
    std::optional<Referrer> referrer_of(const sip::Hop& source, const Leg* leg);
    void accept_refer(Turn turn, sip::ServerId server, const sip::Hop& source, const ReferOrder& order, std::string_view tag);
    Leg* member_who_writes(const Conference& conference, bool as_host);
    bool remove_by_refer(Turn turn, Conference& conference, std::string_view target);
    void report(Turn turn, Referrer& referrer, int status, bool is_last);

    // redirection.cpp: callers whose conference is elsewhere, tickets, conferences of the factory
    std::optional<Home> home_for(const Leg& leg, const Answer& answer) const;
    void send_home(Turn turn, Leg& leg, Home home);
    void refer_home(Turn turn, Leg& leg, const Home& home);
    void refer_there(Turn turn, Leg& leg, const Home& home, Referral::Why why);
    void plan_move(Turn turn, const Leg& leg);
    void move(Turn turn, Leg& leg);
    std::string ticket_for(const Leg& leg, const Home& home, base::Now now);
    std::optional<Ticket> take_ticket(Turn turn, Leg& leg, const sip::Uri& uri);
    bool resolve_by_ticket(Turn turn, Leg& leg, const sip::Uri& uri);
    void open_adhoc(Turn turn, Leg& leg, const sip::Hop& source);
    void join_adhoc(Turn turn, Leg& leg);

    // message_relay.cpp
    void on_message(Turn turn, sip::ServerId server, const sip::Hop& source, Leg* leg);
    void relay(Turn turn, const Conference& conference, const Leg& from);

    // floor.cpp: lobby and conference
    void enter(Turn turn, Leg& leg);
    void attach(Turn turn, Leg& leg);
    void join(Turn turn, Leg& leg);
    void arrive(Turn turn, Leg& leg);
    void leave(Turn turn, Leg& leg, Farewell farewell);
    void on_digit(Turn turn, Leg& leg, char digit);
    void move_or_join(Turn turn, Leg& leg);
    void play(Turn turn, const Leg& leg, std::vector<PromptName> prompts);  // in the leg's language; none: be silent
    void set_held(Turn turn, Leg& leg);
    void set_talking(Turn turn, Leg& leg, bool talking);
    void publish(Turn turn, std::string_view event, const Leg& leg, std::initializer_list<local::Value::Member> more = {});
    void publish(Turn turn, std::string_view event, const Conference& conference);
    void drop_if_empty(Turn turn, Conference& conference);

    // moderation.cpp: what may be done to members and conferences, by whichever way it is asked. Each says whether anything changed;
    // kick and end may end the leg or the conference, which must not be used after them.
    bool set_muted(Turn turn, Leg& leg, bool muted);
    bool set_deaf(Turn turn, Leg& leg, bool deaf);
    bool set_gain(Turn turn, Leg& leg, int decibels);
    bool set_volume(Turn turn, Leg& leg, int decibels);
    bool set_hand(Turn turn, Leg& leg, bool raised);
    bool set_host(Turn turn, Leg& leg, bool host);
    bool admit(Turn turn, Leg& leg);
    bool kick(Turn turn, Leg& leg);
    bool set_all_muted(Turn turn, Conference& conference, bool muted);
    bool admit_all(Turn turn, Conference& conference);
    bool set_locked(Turn turn, Conference& conference, bool locked);
    bool end(Turn turn, Conference& conference);
    bool says_number(std::string_view text) const;
    bool is_masked(const Leg& leg) const;
    std::string shown(const Leg& leg) const;       // the identity that anyone outside may see: itself, or anonymous-N
    std::string shown_name(const Leg& leg) const;  // the name that goes with it

    // subscriptions.cpp: those who watch rosters
    void on_subscribe(Turn turn, sip::ServerId server, const sip::Hop& source);
    bool is_watcher(const sip::Hop& source) const;
    const Conference* find_watched(const sip::Hop& source, std::string_view number) const;
    RosterEntry roster_entry(const Leg& leg) const;
    void follow(Turn turn, std::string_view event, const Leg& leg);
    void follow(Turn turn, std::string_view event, const Conference& conference);
    void retell_rosters();
    void notify_watchers(Turn turn);

    // recording.cpp
    Outcome command_record(Turn turn, std::string_view number, bool legs);
    std::expected<bool, local::Failure> start_recording(Turn turn, Conference& conference, bool legs);
    bool stop_recording(Turn turn, Conference& conference);
    void record(Turn turn, Conference& conference, std::string stem, RecordingSource source);
    void record_member(Turn turn, Conference& conference, const Leg& leg);
    void tell_all(Turn turn, const Conference& conference, PromptName prompt);
    void beep_later(Turn turn, const Conference& conference);
    void on_beep(Turn turn, RoomId room);
    bool stop_sounds(Turn turn, Conference& conference);
    bool stop_recording_member(Turn turn, Conference& conference, const Leg& leg);
    void record_on(Turn turn, Conference& conference, const Leg& old, const Leg& leg);

    // control.cpp: the socket's commands
    Outcome list() const;
    Outcome members(std::string_view number) const;
    Outcome command_level(Turn turn, std::string_view name, Leg& leg, std::int64_t decibels);
    Outcome command_member(Turn turn, std::string_view name, std::string_view number, std::int64_t member, const local::Value& arguments);
    Outcome command_conference(Turn turn, std::string_view name, std::string_view number);
    local::Value row_of(const Leg& leg) const;
    std::int64_t member_of(std::string_view number, const local::Value& arguments);  // 0: nobody

    // statistics.cpp: what was measured
    std::uint64_t talked_ms(base::Now now, const Leg& leg) const;
    local::Value measured_row(base::Now now, const Leg& leg) const;
    local::Value room_row(const Conference& conference) const;
    Outcome rooms() const;
    Outcome stats(base::Now now, const Conference& conference) const;
    Outcome describe_member(base::Now now, const Leg& leg) const;
    Conference* find_conference(std::string_view number);
    std::expected<Leg*, local::Failure> find_member(std::string_view number, std::int64_t member);

    Leg* find(media::LegId id);
    Leg* find_dialog();  // for the message at hand
    bool is_trusted(const sip::Hop& source) const;
    std::uint64_t lobby_size() const;
    std::string retry_after() const;
    void note(Turn turn, base::Severity severity, const Leg& leg, std::string text) const;
    void tell(Turn turn, const Leg& leg, decltype(MediaCommand::what) what) const;
    const config::Listener& listener_of(const sip::Hop& hop) const;

    Config config_;
    std::vector<config::Listener> listeners_;
    sip::Timers timers_;
    sip::Transactions transactions_;
    base::Random random_;
    LegRecords records_;
    struct TrackOf {
        std::string conference, name, file;
        bool is_mix = false;
    };
    std::unordered_map<std::uint64_t, TrackOf> tracks_;  // files that are written now
    std::uint64_t last_track_ = 0;
    Counters counters_;
    base::Deadlines<std::uint64_t> deadlines_;
    std::unordered_map<std::uint32_t, std::unique_ptr<Leg>> legs_;
    using ByText = std::unordered_map<std::string, media::LegId, base::TextHash, std::equal_to<>>;
    ByText by_tag_;                                              // our tag of the dialog
    ByText by_call_;                                             // the last leg of each call, for merged requests (§8.2.2.2)
    std::unordered_map<sip::ServerId, media::LegId> by_server_;  // INVITEs that wait for their answer
    std::unordered_map<std::string, std::size_t, base::TextHash, std::equal_to<>> dialled_;  // members, by the number that they dialled
    std::unordered_map<std::string, sip::ServerId> served_;  // MESSAGE and REFER outside of dialogs, of which some are over
    std::size_t most_served_ = 0;  // then those that are over go
    struct Pending {
        media::LegId leg;
        bool passcode_given = false;
        std::uint32_t dial = 0;  // whose number is looked up
    };
    std::unordered_map<std::uint64_t, Pending> questions_;
    std::map<std::string, Conference, std::less<>> conferences_;
    sip::Notifier notifier_;
    Outbound outbound_;
    Attempts attempts_;
    EndedDialogs ended_;
    std::vector<std::size_t> load_;  // legs of each media thread
    std::vector<unsigned> used_;     // percent of a processor, of each
    sip::Message message_;           // the message at hand: just received, or a stored INVITE split again
    std::string scratch_;
    std::uint32_t last_leg_ = 0;
    RoomId last_room_ = kLobby;
    std::uint64_t last_question_ = 0, sockets_ = 0;
    bool draining_ = false;
    base::Instant next_move_{};
};

}  // namespace confab::bridge
