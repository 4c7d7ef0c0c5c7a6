// One caller: the dialog, what was agreed for media, and the place in a conference or in the lobby. A value. Owner: the signalling thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "conf-bridge/entry.hpp"
#include "conf-bridge/menu.hpp"
#include "conf-bridge/outbound.hpp"
#include "conf-bridge/parameters.hpp"
#include "conf-bridge/announcement.hpp"
#include "conf-bridge/session_timer.hpp"
#include "media/room.hpp"
#include "sdp/offer_answer.hpp"
#include "sip/dialog.hpp"
#include "sip/transactions.hpp"

namespace confab::bridge {

// Why a leg ended, for BYE's Reason (RFC 3326), the event `left` and the log.
struct Farewell {
    int cause = 0;  // 0: the caller hung up, nobody needs to be told
    std::string_view text;
    bool operator==(const Farewell&) const = default;
};
inline constexpr Farewell kHungUp{0, "hung up"};
inline constexpr Farewell kKicked{403, "kicked"};
inline constexpr Farewell kConferenceEnded{410, "conference ended"};
inline constexpr Farewell kMediaStopped{408, "media stopped"};
inline constexpr Farewell kReplaced{200, "replaced"};
inline constexpr Farewell kNotRefreshed{408, "session expired"};
inline constexpr Farewell kNoAck{408, "no ACK"};
inline constexpr Farewell kBadAnswer{488, "no usable answer"};
inline constexpr Farewell kNoMedia{503, "no media"};
inline constexpr Farewell kNotAdmitted{403, "not admitted"};
inline constexpr Farewell kNoDirectory{503, "directory unavailable"};
inline constexpr Farewell kNoAnswer{408, "no answer"};
inline constexpr Farewell kNotConfirmed{408, "1 was not pressed"};
inline constexpr Farewell kTransferred{302, "transferred"};
inline constexpr Farewell kElsewhere{302, "conference is elsewhere"};
inline constexpr Farewell kMoved{302, "moved to another bridge"};
inline constexpr Farewell kNotMoved{503, "conference is elsewhere and cannot be reached"};

// The 2xx of an INVITE until its ACK (RFC 3261 §13.3.1.4).
struct UnacknowledgedAnswer {
    sip::ServerId server;
    std::string bytes;
    std::uint32_t cseq = 0;
    base::milliseconds interval{500};
    bool is_offer = false;  // the answer comes in the ACK
};

// What its call-detail record is known by.
struct RecordMark {
    std::string id;  // empty: neither answered nor called by us yet, or nothing is recorded
    base::WallTime answered;
};

// Our re-INVITE or UPDATE that waits for its answer.
struct OwnRequest {
    std::uint32_t cseq = 0;
    bool by_invite = false;
};

// A caller who is asked for his name, and one who was.
struct Naming {
    enum class Step : std::uint8_t { asked, recording, over };
    Step step = Step::asked;
    bool talks = false, spoke = false;
    base::Instant ends{};
};

// What belongs to the member rather than to the call: a leg that takes another's place takes all of it.
struct Standing {
    std::uint32_t member = 0;  // 0 until the leg has a place; a conference never gives a number twice
    base::WallTime joined_at;
    bool host = false;
    bool waiting = false;  // has a place and waits to be let in: neither hears nor is heard
    bool muted = false, deaf = false, hand = false;
    int gain = 0, volume = 0;  // dB: how it is heard, how it hears
    base::Duration talked{};   // until it last fell silent
    media::Prompt said_name;   // null: none; only the conference's media thread looks into it
};

struct Leg : Standing {
    // resolving: the directory is asked. opening: the media thread is asked. answered: 200 sent. confirmed: ACK received.
    // calling: our INVITE waits for its answer.
    enum class Stage : std::uint8_t { resolving, opening, answered, calling, confirmed };

    media::LegId id;
    Stage stage = Stage::resolving;

    // Signalling.
    std::string request;  // the INVITE, until it is answered
    sip::ServerId server;
    sip::Hop source;
    std::string call_key;           // Call-ID and From tag; empty where we called
    std::uint32_t invite_cseq = 0;  // of its first INVITE
    sip::Dialog dialog;
    std::string contact;  // whole value of our Contact
    std::optional<UnacknowledgedAnswer> unacknowledged;
    SessionTimer timer;
    std::optional<OwnRequest> own_request;
    std::optional<Announcement> announcement;  // the call will be refused
    media::LegId replaced;                     // whose place it takes; 0: nobody's
    std::optional<Farewell> farewell;  // to be ended as soon as BYE is allowed (§15), or once the prompt is over

    // Who.
    std::string number;  // as dialled
    std::string identity, name;  // for the core alone: others see what Core::shown makes of them
    bool withheld = false;       // by the caller (RFC 3323)
    RecordMark record;
    Parameters given;  // by the INVITE; the passcode only until it is judged

    // Media.
    unsigned thread = 0;
    bool has_media = false;  // opened, or asked to be
    bool attached = false;   // to a room or the lobby
    bool moving = false;     // closed on one thread, to be opened on another
    base::SocketAddress local;
    std::uint64_t session_id = 0, session_version = 0;
    std::vector<sdp::Crypto> cryptos;  // ours, where SRTP may be used
    std::optional<sdp::Session> description;  // our last one
    std::optional<sdp::Agreed> agreed;

    // Place.
    std::string conference;  // empty in the lobby
    bool talking = false, held = false;
    base::Instant talks_since{};
    media::LegReport report;  // the media thread's last, at most a second old

    Outgoing outgoing;  // calls and referrals of ours

    // Entry.
    Entry entry;
    std::optional<local::Value> found;  // the directory's answer, until there is a seat
    std::string digits;
    MenuKeys menu;
    std::size_t language = 0;           // of Config::languages
    base::Instant wait_ends{};
    bool hears_music = false;           // while it waits
    std::optional<Naming> naming;       // empty: nobody has asked

    bool in_lobby() const { return conference.empty(); }
    bool is_confirmed() const { return stage == Stage::confirmed; }
    bool is_naming() const { return naming && naming->step != Naming::Step::over; }
    std::string_view state() const { return in_lobby() ? "lobby" : is_naming() ? "naming" : waiting ? "waiting" : held ? "held" : "joined"; }
    std::string_view role() const { return host ? "host" : "participant"; }
};

// Who calls: the identity that a trusted peer asserts (RFC 3325), else what From says.
void identify(Leg& leg, const sip::Message& request);

}  // namespace confab::bridge
