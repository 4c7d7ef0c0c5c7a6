// The RTP header extension in which a sender tells how loud a packet is (RFC 6464), among the extmap attributes of RFC 8285 §5. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sdp/session.hpp"

namespace confab::sdp {

struct LevelExtension {
    std::uint8_t id = 1;     // in the packets: 1…255, but 15
    std::string parameters;  // "vad=off", or ""

    // What the sender of `line` may put into its packets; empty: nothing of the kind.
    static std::optional<LevelExtension> find(const Session& session, const MediaLine& line);
    std::string text() const;  // the attribute of a side that only receives it
};

}  // namespace confab::sdp
