// All prompts in all languages, read once at start and then shared by the media threads. Owner: whoever holds it; immutable.
//
// share/confab/prompts beside the program's bin directory has a directory for each language and `sounds` for what is no speech. The key
// `prompts` names a directory of the same shape whose recordings replace the built ones; what it lacks is taken from them, or for a
// language of its own from the language of the key `language`. A file whose name is no prompt, or that is no 8 kHz sound, is an error.
#pragma once

#include <array>
#include <expected>
#include <string>
#include <vector>

#include "conf-bridge/config.hpp"
#include "conf-bridge/prompt.hpp"
#include "media/room.hpp"

namespace confab::bridge {

struct PromptLibrary {
    std::vector<std::string> languages;
    std::vector<std::array<media::Prompt, kPromptCount>> prompts;  // by language

    // One sound of several; null for none.
    media::Prompt joined(std::size_t language, const std::vector<PromptName>& names) const;
};

std::expected<PromptLibrary, std::string> read_prompts(const Config& config);

}  // namespace confab::bridge
