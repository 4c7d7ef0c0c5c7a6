// Call-detail records: one JSON object for each call, complete when the call is over. Pure.
//
// Owner: `Core`, which tells the final answer of every INVITE outside a dialog and of every BYE. An answered call is kept open, as the text
// of its record so far, until its BYE has an answer or `lifetime` is over; what failed is a record at once. 401 and 407 are no calls: the
// caller comes again. What changes comes out as entries, which the shell spools (io/call_log.hpp); after a restart it hands the open ones back
// through `reopen`, and its last records through `remember`. Ids are unique in all runs. Passcodes are in no record: URIs are shown without
// parameters, the passcode's header is masked. Bounds: open calls; one more is recorded at its answer, without an end.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/call_entry.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "base/time.hpp"
#include "local/value.hpp"
#include "sip-proxy/groups.hpp"
#include "sip/message.hpp"
#include "sip/transport.hpp"

namespace confab::proxy {

class CallRecords {
public:
    struct Settings {
        bool keep = false;  // nothing is recorded without
        std::vector<std::string> headers;
        std::string passcode_header;
        base::seconds lifetime{86'400};
        std::size_t limit = 100'000;
    };
    explicit CallRecords(const base::Seed& seed);

    void configure(Settings settings) { settings_ = std::move(settings); }
    bool keeps() const { return settings_.keep; }

    // An INVITE's final answer.
    struct Call {
        const sip::Message& invite;
        const sip::Hop& source;
        std::string_view user;  // who proved himself, "" when nobody was asked
        std::string_view uri, number, route;
        std::string target;  // "udp:192.0.2.1:5060", "" when none was tried
        MemberId member = kNoMember;
        base::WallTime arrived{}, ringing{};  // zero: never rang
        int status = 0;
        std::string_view to_tag;  // of a 2xx
        bool by_caller = false, by_proxy = false;
    };
    void answered(base::Now now, const Call& call, std::vector<base::CallEntry>& out);
    // A BYE's final answer. The member that the call was at, kNoMember where it is unknown or the call goes on.
    MemberId ended(base::Now now, const sip::Message& bye, int status, std::vector<base::CallEntry>& out);
    // Calls whose BYE never came, by their lifetime; `next_expiry` is in civil time because lifetimes outlive a restart.
    std::optional<base::WallTime> next_expiry() const;
    std::vector<MemberId> expire(base::Now now, std::vector<base::CallEntry>& out);

    // The line of an `opened` of an earlier run. False for what is none, and for a call that is open already.
    bool reopen(std::string_view line);

    // A record that an earlier run wrote: its request, should it come again, has no second one. False when it is too old to matter.
    bool remember(base::Now now, std::string_view line);

    std::size_t open() const { return open_.size(); }
    std::vector<local::Value> rows() const;  // of open calls, as `calls` lists them

private:
    struct Open {
        std::string id, line, from_tag;
        base::WallTime answered{};
        MemberId member = kNoMember;
    };
    using OpenCalls = std::unordered_map<std::string, Open, base::TextHash, std::equal_to<>>;

    std::string next_id();
    bool is_known(base::Now now, const Call& call);
    void close(OpenCalls::iterator call, base::Now now, std::string_view ended_by, std::vector<base::CallEntry>& out);
    local::Value describe(const Call& call) const;

    Settings settings_;
    std::string run_;
    std::uint64_t last_ = 0;
    OpenCalls open_;                                             // by Call-ID and both tags
    std::deque<std::pair<base::WallTime, std::string>> by_age_;  // keys in the order of their answers; some are closed already
    std::unordered_set<std::string> recent_;                     // requests that the run before recorded
    base::WallTime recent_until_{};
};

// `2026-11-21T10:00:00.123Z` (RFC 3339).
std::string time_text(base::WallTime time);

}  // namespace confab::proxy
