// Small files: configuration, secrets.
#pragma once

#include <expected>
#include <string>

namespace confab::io {

std::expected<std::string, std::string> read_file(const std::string& path, std::size_t limit = 16 << 20);  // the error is a sentence
// A secret's file: refused when others may read it; the final newline is not part of it.
std::expected<std::string, std::string> read_secret(const std::string& path, std::size_t least_octets = 1);
std::string read_line_from_standard_input();  // without echo on a terminal

}  // namespace confab::io
