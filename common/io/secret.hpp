// Secrets' files as configuration keys name them: one least length, one wording, for -t and for the start. The contents are never logged.
#pragma once

#include <string>
#include <string_view>

#include "config/table.hpp"

namespace confab::io {

// The secret in `path`, which `key` names. Throws StartupError.
std::string take_secret(std::string_view key, const std::string& path);
// The same for -t. An empty path is no problem here: whether the key is required is its row's matter.
void check_secret(std::string_view key, const std::string& path, const config::Entries& entries, config::Problems& problems);

}  // namespace confab::io
