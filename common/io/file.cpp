#include "io/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>

#include "io/descriptor.hpp"
#include "io/error.hpp"

namespace confab::io {

namespace {

std::expected<Descriptor, std::string> open_regular(const std::string& path, struct stat& facts) {
    // Non-blocking, so that a FIFO in the wrong place cannot hang a start.
    Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!file || fstat(file.get(), &facts) != 0) return std::unexpected(path + ": " + os_error_text(errno));
    if (S_ISDIR(facts.st_mode)) return std::unexpected(path + ": " + os_error_text(EISDIR));
    if (!S_ISREG(facts.st_mode)) return std::unexpected(path + ": not a regular file");
    return file;
}

std::expected<std::string, std::string> read_all(const Descriptor& file, const std::string& path, std::size_t limit) {
    std::string text;
    char chunk[16384];
    for (;;) {
        const auto got = ::read(file.get(), chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::unexpected(path + ": " + os_error_text(errno));
        if (got == 0) return text;
        text.append(chunk, static_cast<std::size_t>(got));
        if (text.size() > limit) return std::unexpected(path + ": larger than " + std::to_string(limit) + " octets");
    }
}

void strip_final_newline(std::string& text) {
    if (text.ends_with('\n')) text.pop_back();
    if (text.ends_with('\r')) text.pop_back();
}

// Turns echo off while it lives, when standard input is a terminal.
class Silence {
public:
    Silence() : terminal_(tcgetattr(STDIN_FILENO, &before_) == 0) {
        if (!terminal_) return;
        termios quiet = before_;
        quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    ~Silence() {
        if (!terminal_) return;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
        std::cerr << '\n';
    }
    Silence(const Silence&) = delete;
    Silence& operator=(const Silence&) = delete;

private:
    termios before_{};
    bool terminal_;
};

}  // namespace

std::expected<std::string, std::string> read_file(const std::string& path, std::size_t limit) {
    struct stat facts {};
    const auto file = open_regular(path, facts);
    if (!file) return std::unexpected(file.error());
    return read_all(*file, path, limit);
}

std::expected<std::string, std::string> read_secret(const std::string& path, std::size_t least_octets) {
    struct stat facts {};
    const auto file = open_regular(path, facts);
    if (!file) return std::unexpected(file.error());
    if ((facts.st_mode & 077) != 0) return std::unexpected(path + ": others may read this secret; make it mode 0600");
    auto secret = read_all(*file, path, 64 << 10);
    if (!secret) return secret;
    strip_final_newline(*secret);
    if (secret->size() < least_octets)
        return std::unexpected(path + ": a secret of at least " + std::to_string(least_octets) + " octets is expected, " +
                               std::to_string(secret->size()) + " are there");
    return secret;
}

std::string read_line_from_standard_input() {
    const Silence silence;
    std::string line;
    std::getline(std::cin, line);
    strip_final_newline(line);
    return line;
}

}  // namespace confab::io
