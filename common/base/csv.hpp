// Comma-separated values (RFC 4180) as a stream: octets in, in any pieces; records out. Pure.
//
// Lines end with CRLF or LF; a quoted field may hold commas, doubled quotes and line ends. Empty lines and a byte order mark are passed over. Bound: octets of
// a record. A record that is malformed or too long is a problem with its line; reading goes on behind the next line end.
#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace confab::base {

class CsvReader {
public:
    struct Record {
        std::size_t line = 0;  // on which it begins, from 1
        std::vector<std::string> fields;
    };
    struct Problem {
        std::size_t line = 0;
        std::string_view what;
    };
    using Result = std::expected<Record, Problem>;

    explicit CsvReader(std::size_t longest_record) : longest_(longest_record) {}

    void feed(std::string_view octets);
    void finish();  // nothing follows
    std::optional<Result> next();

private:
    enum class State : std::uint8_t { field_start, plain, quoted, quote_in_quoted, skipped };

    void take(char c);
    void end_field();
    void end_record();
    void reject(std::string_view what);

    std::size_t longest_;
    State state_ = State::field_start;
    char last_ = 0;
    std::size_t line_ = 1, length_ = 0, octets_ = 0;
    Record record_{.line = 1, .fields = {}};
    std::string field_;
    std::deque<Result> results_;
};

// The field as it stands in a record: quoted where it must be.
void append_csv_field(std::string& out, std::string_view field);

}  // namespace confab::base
