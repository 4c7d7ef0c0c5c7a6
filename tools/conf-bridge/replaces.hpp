// The Replaces header of an INVITE (RFC 3891): which dialog of ours the new call takes the place of. Pure.
#pragma once

#include <deque>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "sip/message.hpp"

namespace confab::bridge {

struct Replaces {
    std::string_view call_id, to_tag, from_tag;  // slices of the message; `to_tag` is ours
    bool early_only = false;

    // Empty without the header; an error where it is malformed (§3: 400; several are malformed as a message).
    static std::expected<std::optional<Replaces>, int> read(const sip::Message& request);
};

// The tags of dialogs that ended lately, so that a call that comes too late is told so (603) instead of 481. Bounded: the oldest go.
class EndedDialogs {
public:
    static constexpr std::size_t kMost = 1000;
    void add(std::string local_tag);
    bool has(std::string_view local_tag) const;

private:
    std::deque<std::string> tags_;
};

}  // namespace confab::bridge
