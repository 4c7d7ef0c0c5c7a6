#include "io/secret.hpp"

#include "io/error.hpp"
#include "io/file.hpp"

namespace confab::io {

namespace {

constexpr std::size_t kLeastSecret = 16;

}  // namespace

std::string take_secret(std::string_view key, const std::string& path) {
    auto secret = read_secret(path, kLeastSecret);
    if (!secret) throw StartupError(kConfig, std::string(key) + ": " + secret.error());
    return std::move(*secret);
}

void check_secret(std::string_view key, const std::string& path, const config::Entries& entries, config::Problems& problems) {
    if (path.empty()) return;
    if (const auto secret = read_secret(path, kLeastSecret); !secret)
        config::complain(entries, problems, key, "a readable file with at least " + std::to_string(kLeastSecret) + " octets", secret.error());
}

}  // namespace confab::io
