// The splitter behind `split`: one pass over the head of a message (RFC 3261 §7, §25.1; verdicts of RFC 4475).
// Lines end in CRLF; a bare LF is tolerated, a bare CR is not.
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "base/text.hpp"
#include "sip/grammar.hpp"
#include "sip/lexer.hpp"
#include "sip/message.hpp"

namespace confab::sip {
namespace {

constexpr std::uint64_t bit(HeaderName name) { return std::uint64_t{1} << static_cast<unsigned>(name); }

// Headers that a message has at most once.
constexpr std::uint64_t kSingle = bit(HeaderName::from) | bit(HeaderName::to) | bit(HeaderName::call_id) | bit(HeaderName::cseq) |
                                  bit(HeaderName::max_forwards) | bit(HeaderName::max_breadth) | bit(HeaderName::content_length) | bit(HeaderName::expires) |
                                  bit(HeaderName::min_expires) | bit(HeaderName::content_type) | bit(HeaderName::event) |
                                  bit(HeaderName::session_expires) | bit(HeaderName::refer_to) | bit(HeaderName::referred_by) |
                                  bit(HeaderName::replaces) | bit(HeaderName::rack) | bit(HeaderName::rseq);
constexpr std::uint64_t kMandatory =
    bit(HeaderName::via) | bit(HeaderName::from) | bit(HeaderName::to) | bit(HeaderName::call_id) | bit(HeaderName::cseq);

using Octets16 [[gnu::vector_size(16)]] = unsigned char;

bool has_control16(const char* from) {
    Octets16 octets;
    std::memcpy(&octets, from, sizeof(octets));
    const auto controls = (octets < 0x20) | (octets == 0x7f);
    std::uint64_t halves[2];
    std::memcpy(halves, &controls, sizeof(halves));
    return (halves[0] | halves[1]) != 0;
}

// What may stand inside a line: tabs, and after a backslash any control but CR and LF (a quoted-pair).
bool is_stray_control(std::string_view line, std::size_t i) {
    const char c = line[i];
    if (c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f)) return false;
    return c == '\r' || i == 0 || line[i - 1] != '\\';
}

// Sixteen octets a step, the last step overlapping or filled up: nearly no line has any control.
bool has_stray_control(std::string_view line) {
    std::array<char, 16> room;
    auto rest = line;
    if (line.size() < room.size()) {
        room.fill(' ');
        std::ranges::copy(line, room.begin());
        rest = {room.data(), room.size()};
    }
    bool suspicious = has_control16(rest.data() + rest.size() - 16);
    for (std::size_t i = 0; i + 16 < rest.size() && !suspicious; i += 16) suspicious = has_control16(rest.data() + i);
    if (!suspicious) [[likely]]
        return false;
    for (std::size_t i = 0; i < line.size(); ++i)
        if (is_stray_control(line, i)) return true;
    return false;
}

// The tag of a From or To value. False when the value has no sound name-addr or addr-spec frame.
bool find_tag(std::string_view value, std::string_view& tag) {
    auto rest = value;
    if (rest.starts_with('"')) {
        const auto end = lex::quoted_end(rest);
        if (end == rest.npos) return false;
        rest.remove_prefix(end);
        lex::skip_white(rest);
        if (!rest.starts_with('<')) return false;
    }
    const auto mark = rest.find_first_of("<\";");
    if (mark == rest.npos) return !rest.empty();
    if (rest[mark] == '"') return false;
    if (rest[mark] == '<') {
        const auto end = rest.find('>', mark);
        if (end == rest.npos || end == mark + 1) return false;
        if (lex::is(rest[mark + 1], lex::kWhite) || lex::is(rest[end - 1], lex::kWhite)) return false;  // RFC 4475 §3.1.2.14
        rest.remove_prefix(end + 1);
    } else {
        if (mark == 0) return false;
        rest.remove_prefix(mark);
    }
    for (lex::Parameter parameter;;) {
        const auto step = lex::next_parameter(rest, parameter);
        if (step == lex::Step::end) return true;
        if (step != lex::Step::parameter) return false;
        if (parameter.name.size() != 3 || !base::iequals(parameter.name, "tag")) continue;
        if (!tag.empty()) return false;  // two tags: elements would disagree about which of them counts
        tag = parameter.value;
    }
}

// The magic cookie promises an identifier behind it (RFC 4475 §3.2.1).
bool is_bare_cookie(std::string_view branch) { return branch.size() == 7 && base::iequals(branch, "z9hG4bK"); }

// A URI with headers needs <> around it: without them nobody can say where it ends (RFC 3261 §20.10, RFC 4475 §3.1.2.13).
bool lacks_brackets(std::string_view contact) {
    const auto mark = contact.find_first_of("<\";?");
    return mark != contact.npos && contact[mark] == '?';
}

std::string_view trim_end(std::string_view text) {
    while (!text.empty() && lex::is(text.back(), lex::kWhite)) text.remove_suffix(1);
    return text;
}

}  // namespace

class Splitter {
public:
    Splitter(std::string_view bytes, Message& message, bool is_stream)
        : message_(message), start_(bytes.data()), at_(start_), end_(start_ + bytes.size()), is_stream_(is_stream) {}

    void run() {
        static_cast<MessageFields&>(message_) = {};
        message_.count_ = 0;
        if (at_ == end_) return fail(ParseError::empty);
        read_start_line();
        if (!read_headers()) {
            message_.head = message_.bytes = {start_, static_cast<std::size_t>(at_ - start_)};
            message_.body = message_.bytes.substr(message_.bytes.size());
        } else {
            message_.head = {start_, static_cast<std::size_t>(at_ - start_)};
            read_body();
        }
        if (stray_control_) fail(ParseError::control_character);
        check_whole();
    }

private:
    // The first fault found is the one reported.
    void fail(ParseError error) {
        if (message_.error == ParseError::none) message_.error = error;
    }

    // The line at `at_` without its end; moves behind it. A last line may lack its end.
    std::string_view take_line() {
        const char* line = at_;
        const auto* newline = static_cast<const char*>(std::memchr(line, '\n', static_cast<std::size_t>(end_ - line)));
        at_ = newline ? newline + 1 : end_;
        const char* stop = newline ? newline : end_;
        if (stop > line && stop[-1] == '\r') --stop;
        const std::string_view text(line, static_cast<std::size_t>(stop - line));
        stray_control_ = stray_control_ || has_stray_control(text);
        return text;
    }

    void read_start_line() {
        const auto line = take_line();
        if (base::istarts_with(line, "SIP/")) return read_status_line(line);
        const auto first = line.find(' '), last = line.rfind(' ');
        message_.method_token = line.substr(0, first);
        if (message_.method_token.empty() || !lex::all(message_.method_token, lex::kToken)) return fail(ParseError::start_line);
        message_.is_request = true;
        message_.method = method_of(message_.method_token);
        if (first == line.npos || first == last) return fail(ParseError::start_line);
        message_.uri = line.substr(first + 1, last - first - 1);
        const auto version = line.substr(last + 1);
        if (!base::istarts_with(version, "SIP/")) return fail(ParseError::start_line);
        if (version.substr(4) != "2.0") return fail(ParseError::version);
        const auto uri = parse_uri(message_.uri);
        // Headers in a Request-URI are forbidden (§19.1.1) and would become real ones at a careless element (RFC 4475 §3.1.2.11).
        if (!uri || !uri->headers.empty()) fail(ParseError::uri);
    }

    void read_status_line(std::string_view line) {
        const auto space = line.find(' ');
        const auto version = line.substr(4, space == line.npos ? space : space - 4);
        auto rest = space == line.npos ? std::string_view{} : line.substr(space + 1);
        const auto digits = std::min(rest.find(' '), rest.size());
        const auto status = base::parse_number<int>(rest.substr(0, digits));
        if (version != "2.0") fail(ParseError::version);
        if (digits != 3 || !status || *status < 100 || *status > 699) return fail(ParseError::status_code);
        message_.status = *status;
        message_.reason = rest.substr(std::min(digits + 1, rest.size()));
    }

    // False when the empty line that ends the head is missing.
    bool read_headers() {
        while (at_ != end_) {
            const char* start = at_;
            auto line = take_line();
            if (line.empty()) return true;
            while (at_ != end_ && (*at_ == ' ' || *at_ == '\t')) {
                const auto more = take_line();
                line = {start, static_cast<std::size_t>(more.data() + more.size() - start)};
            }
            if (message_.count_ == Message::kMaxHeaders) {
                fail(ParseError::too_many_headers);
                return false;
            }
            read_header(line, {start, static_cast<std::size_t>(at_ - start)});
        }
        fail(ParseError::header_line);
        return false;
    }

    void read_header(std::string_view text, std::string_view line) {
        const auto* colon = static_cast<const char*>(std::memchr(text.data(), ':', text.size()));
        if (!colon) return fail(ParseError::header_line);
        const auto length = static_cast<std::size_t>(colon - text.data());
        const auto name = trim_end(text.substr(0, length));
        const auto id = header_name_of(name);
        if (id == HeaderName::other && (name.empty() || !lex::all(name, lex::kToken))) return fail(ParseError::header_line);
        auto value = text.substr(length + 1);
        lex::skip_white(value);
        value = trim_end(value);
        std::construct_at(&message_.slots_.at[message_.count_++], Header{id, name, value, line});
        if (id != HeaderName::other) read_known(id, value);
    }

    void read_known(HeaderName id, std::string_view value) {
        const bool repeated = (seen_ & bit(id)) != 0;
        seen_ |= bit(id);
        if (repeated && (kSingle & bit(id)) != 0) return fail(ParseError::repeated_header);
        switch (id) {
            case HeaderName::via:
                if (!repeated && (!read_via(value, message_.via) || is_bare_cookie(message_.via.branch))) fail(ParseError::via);
                break;
            case HeaderName::contact:
                if (lacks_brackets(value)) fail(ParseError::contact);
                break;
            case HeaderName::from:
                message_.from = value;
                if (!find_tag(value, message_.from_tag)) fail(ParseError::from_to);
                break;
            case HeaderName::to:
                message_.to = value;
                if (!find_tag(value, message_.to_tag)) fail(ParseError::from_to);
                break;
            case HeaderName::call_id:
                message_.call_id = value;
                if (value.empty() || lex::run_until(value, lex::kWhite) != value.size()) fail(ParseError::call_id);
                break;
            case HeaderName::cseq:
                read_cseq(value);
                break;
            case HeaderName::max_forwards:
                message_.max_forwards = base::parse_number<std::uint8_t>(value);
                if (!message_.max_forwards) fail(ParseError::max_forwards);
                break;
            case HeaderName::content_length:
                message_.content_length = base::parse_number<std::uint32_t>(value);
                if (!message_.content_length) fail(ParseError::content_length);
                break;
            case HeaderName::expires:
                if (!base::parse_number<std::uint32_t>(value)) fail(ParseError::expires);
                break;
            default:
                break;
        }
    }

    void read_cseq(std::string_view value) {
        const auto digits = lex::run_until(value, lex::kWhite);
        const auto number = base::parse_number<std::uint32_t>(value.substr(0, digits));
        auto method = value.substr(digits);
        lex::skip_white(method);
        message_.cseq_method_token = method;
        message_.cseq_method = method == message_.method_token ? message_.method : method_of(method);
        if (!number || *number > 0x7fffffff || method.empty() || !lex::all(method, lex::kToken)) return fail(ParseError::cseq);
        message_.cseq = *number;
    }

    void read_body() {
        const auto available = static_cast<std::size_t>(end_ - at_);
        std::size_t length = is_stream_ ? 0 : available;
        if (message_.content_length) {
            length = std::min<std::size_t>(*message_.content_length, available);
            if (*message_.content_length > available) fail(ParseError::body_too_short);
        }
        message_.body = {at_, length};
        message_.bytes = {start_, message_.head.size() + length};
    }

    void check_whole() {
        if ((seen_ & kMandatory) != kMandatory) fail(ParseError::missing_header);
        if (message_.is_request) {
            if (message_.cseq_method_token != message_.method_token) fail(ParseError::cseq);
        } else {
            message_.method = message_.cseq_method;
            message_.method_token = message_.cseq_method_token;
        }
    }

    Message& message_;
    const char* start_;
    const char* at_;
    const char* end_;
    bool is_stream_;
    bool stray_control_ = false;
    std::uint64_t seen_ = 0;
};

ParseError split(std::string_view bytes, Message& message, bool is_stream) {
    while (!bytes.empty() && (bytes.front() == '\r' || bytes.front() == '\n')) bytes.remove_prefix(1);
    Splitter(bytes, message, is_stream).run();
    return message.error;
}

}  // namespace confab::sip
