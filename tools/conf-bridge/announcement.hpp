// A refusal that waits for its prompt: what is told when the prompt is over. A value of its leg.
#pragma once

#include <optional>
#include <string>

#include "base/time.hpp"
#include "conf-bridge/prompt.hpp"
#include "conf-bridge/reliable.hpp"

namespace confab::bridge {

struct FinalAnswer {
    int status = 0;
    std::string headers{}, reason{};
};

struct Announcement {
    FinalAnswer answer;
    PromptName prompt;
    std::optional<ReliableResponse> reliable;
};
inline constexpr base::seconds kLongestAnnouncement{30};  // a prompt that does not end is not waited for

}  // namespace confab::bridge
