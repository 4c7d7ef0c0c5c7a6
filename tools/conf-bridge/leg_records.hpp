// Call-detail records of legs: one JSON object for each answered call and for each call of ours, complete when the call is over. Pure.
//
// Owner: `Core`, which tells when a leg is called, is answered, has a place or a role, and ends. What changes comes out as entries that the shell
// spools (io/call_log.hpp): a kill loses no record and writes none twice. A leg that the last run left open is recorded as ended by the restart,
// with the place that it had and without a duration. Codes are in no record; the accounting code, the attendee and who authorised the call are.
// Unlike rosters, records name callers who withheld their identity, and say that they did.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/call_entry.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "conf-bridge/leg.hpp"

namespace confab::bridge {

class LegRecords {
public:
    explicit LegRecords(const base::Seed& seed);

    void dialled(Leg& leg, std::vector<base::CallEntry>& out);
    void answered(base::Now now, Leg& leg, std::vector<base::CallEntry>& out);
    void placed(const Leg& leg, std::vector<base::CallEntry>& out);
    void ended(base::Now now, const Leg& leg, std::string_view reason, std::vector<base::CallEntry>& out);
    // `line`: of an `opened` of an earlier run. Nothing comes out where it is none.
    static void recover(base::Now now, std::string_view line, std::vector<base::CallEntry>& out);

private:
    std::string run_;  // makes ids unique in all runs
    std::uint64_t last_ = 0;
};

}  // namespace confab::bridge
