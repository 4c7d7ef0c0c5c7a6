// The terminal as a screen for a live view: drawn in place on the alternate screen, one key at a time, and as it was before when the view ends,
// also by a signal. Owner: the main thread; one at a time.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string_view>

#include "base/time.hpp"

namespace confab::io {

bool is_terminal(std::FILE* file);

class Screen {
public:
    struct Size {
        std::size_t columns = 80, rows = 24;
        bool operator==(const Size&) const = default;
    };
    enum class Wake : std::uint8_t { timeout, resized, key, ended };  // ended: q, Ctrl-C, SIGINT, SIGTERM, SIGHUP, or no terminal any more

    Screen();  // of standard input and output
    ~Screen();
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    Size size() const;
    // Lines, each ended by a newline; the last must leave the cursor on the screen. One write: nothing is cleared before it is drawn over.
    void draw(std::string_view lines);
    Wake wait(base::milliseconds longest);
};

}  // namespace confab::io
