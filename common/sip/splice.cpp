#include "sip/splice.hpp"

#include <charconv>

#include "base/check.hpp"
#include "sip/grammar.hpp"

namespace confab::sip {

void Splice::replace(std::string_view place, std::string_view text) {
    CHECK(count_ < kMaxEdits, "more than " + std::to_string(kMaxEdits) + " edits of one message");
    CHECK(place.data() >= message_.bytes.data() && place.data() + place.size() <= message_.bytes.data() + message_.bytes.size(),
          "an edit outside its message");
    edits_[count_++] = {static_cast<std::size_t>(place.data() - message_.bytes.data()), place.size(), text};
}

void Splice::prepend_header(std::string_view line) {
    const auto headers = message_.headers();
    if (headers.empty()) return append_header(line);
    insert_before(headers.front().line, line);
}

void Splice::append_header(std::string_view line) {
    const auto empty_line = message_.head.ends_with("\r\n") ? 2u : 1u;
    insert_before(message_.head.substr(message_.head.size() - empty_line), line);
}

void Splice::remove_first_value(const Header& header) {
    auto rest = header.value;
    next_value(rest);
    while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\t')) rest.remove_prefix(1);
    if (rest.empty()) return remove_header(header);
    remove(header.value.substr(0, header.value.size() - rest.size()));
}

void Splice::set_body(std::string_view body) {
    constexpr std::string_view kName = "Content-Length: ";
    char* number = content_length_.data() + kName.copy(content_length_.data(), kName.size());
    char* end = std::to_chars(number, content_length_.data() + content_length_.size() - 2, body.size()).ptr;
    const std::string_view digits(number, static_cast<std::size_t>(end - number));
    *end++ = '\r';
    *end++ = '\n';
    bool stated = false;
    for (const auto& header : message_.headers()) {
        if (header.id != HeaderName::content_length) continue;
        replace(header.value, digits);
        stated = true;
    }
    if (!stated) append_header({content_length_.data(), static_cast<std::size_t>(end - content_length_.data())});
    replace(message_.body, body);
}

// At one place insertions come before a replacement, so that what is put in front of a removed header stays.
bool Splice::before(const Edit& a, const Edit& b) { return a.offset != b.offset ? a.offset < b.offset : a.length == 0 && b.length != 0; }

void Splice::sort() {
    for (std::size_t i = 1; i < count_; ++i) {
        const Edit edit = edits_[i];
        std::size_t at = i;
        for (; at > 0 && before(edit, edits_[at - 1]); --at) edits_[at] = edits_[at - 1];
        edits_[at] = edit;
    }
}

void Splice::write(std::string& out) {
    sort();
    std::size_t copied = 0;
    for (std::size_t i = 0; i < count_; ++i) {
        const Edit& edit = edits_[i];
        if (edit.offset < copied) continue;  // inside what an earlier edit has replaced
        out.append(message_.bytes, copied, edit.offset - copied);
        out.append(edit.text);
        copied = edit.offset + edit.length;
    }
    out.append(message_.bytes, copied);
}

}  // namespace confab::sip
