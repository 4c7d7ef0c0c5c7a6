#include "io/terminal.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <string>

namespace confab::io {
namespace {

constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[2J", kLeave = "\x1b[?25h\x1b[?1049l";
constexpr std::string_view kHome = "\x1b[H", kRestOfLine = "\x1b[K", kRestOfScreen = "\x1b[J";
constexpr char kInterrupt = 3;
constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};

volatile std::sig_atomic_t g_ended = 0, g_resized = 0;
termios g_before{};
std::array<struct sigaction, kSignals.size()> g_handlers{};
struct sigaction g_resize_handler {};

void on_end(int) { g_ended = 1; }
void on_resize(int) { g_resized = 1; }

void write_all(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
        if (written < 0 && errno != EINTR && errno != EAGAIN) {
            g_ended = 1;  // nobody sees us any more
            return;
        }
        if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
    }
}

struct sigaction handler(void (*function)(int)) {
    struct sigaction action {};
    action.sa_handler = function;  // no SA_RESTART: poll is to notice
    return action;
}

}  // namespace

bool is_terminal(std::FILE* file) { return ::isatty(::fileno(file)) == 1; }

Screen::Screen() {
    g_ended = 0;
    g_resized = 0;
    ::tcgetattr(STDIN_FILENO, &g_before);
    auto raw = g_before;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    const auto end = handler(on_end), resize = handler(on_resize);
    for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &end, &g_handlers[i]);
    ::sigaction(SIGWINCH, &resize, &g_resize_handler);
    write_all(kEnter);
}

Screen::~Screen() {
    write_all(kLeave);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &g_before);
    for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &g_handlers[i], nullptr);
    ::sigaction(SIGWINCH, &g_resize_handler, nullptr);
}

Screen::Size Screen::size() const {
    winsize window{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0) return {};
    return {window.ws_col, window.ws_row};
}

void Screen::draw(std::string_view lines) {
    std::string out(kHome);
    for (std::size_t at = 0; at < lines.size();) {
        const auto end = std::min(lines.find('\n', at), lines.size());
        if (at > 0) out += "\r\n";
        out.append(lines, at, end - at).append(kRestOfLine);
        at = end + 1;
    }
    out += kRestOfScreen;
    write_all(out);
}

Screen::Wake Screen::wait(base::milliseconds longest) {
    if (g_ended) return Wake::ended;
    if (g_resized) {
        g_resized = 0;
        return Wake::resized;
    }
    pollfd input{STDIN_FILENO, POLLIN, 0};
    const int ready = ::poll(&input, 1, static_cast<int>(longest.count()));
    if (g_ended) return Wake::ended;
    if (g_resized) {
        g_resized = 0;
        return Wake::resized;
    }
    if (ready <= 0) return Wake::timeout;
    char key = 0;
    if (::read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == kInterrupt) return Wake::ended;
    return Wake::key;
}

}  // namespace confab::io
