// A received message sent on with edits: the bytes are copied once and only what an edit names differs (S1-07: the rest stays
// byte-identical). Edits are slices of the message and text that must live until `write`. At most kMaxEdits; one more is a CHECK.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "sip/message.hpp"

namespace confab::sip {

class Splice {
public:
    static constexpr std::size_t kMaxEdits = 64;

    explicit Splice(const Message& message) : message_(message) {}

    // `place` is a slice of message.bytes.
    void replace(std::string_view place, std::string_view text);
    void insert_before(std::string_view place, std::string_view text) { replace(place.substr(0, 0), text); }
    void remove(std::string_view place) { replace(place, {}); }
    void remove_header(const Header& header) { remove(header.line); }
    // A whole header line, CRLF included, put first (before the first header) or last (before the empty line).
    void prepend_header(std::string_view line);
    void append_header(std::string_view line);
    // Removes the first value of a comma-separated header, or the header when it is the only one.
    void remove_first_value(const Header& header);
    // A new body; Content-Length is rewritten or added. Once a splice.
    void set_body(std::string_view body);

    // Appends the edited message. Insertions at one place keep the order in which they were made and come before a replacement
    // that begins there; an edit inside a place that is already replaced is dropped.
    void write(std::string& out);

private:
    struct Edit {
        std::size_t offset, length;
        std::string_view text;
    };
    static bool before(const Edit& a, const Edit& b);
    void sort();

    const Message& message_;
    std::array<Edit, kMaxEdits> edits_;
    std::size_t count_ = 0;
    std::array<char, 32> content_length_{};
};

}  // namespace confab::sip
