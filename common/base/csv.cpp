#include "base/csv.hpp"

#include <utility>

namespace confab::base {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace

void CsvReader::feed(std::string_view octets) {
    for (char c : octets) {
        const auto at = octets_++;
        if (at < kByteOrderMark.size() && c == kByteOrderMark[at] && field_.empty()) continue;
        take(c);
        last_ = c;
        if (c == '\n') ++line_;
    }
}

void CsvReader::take(char c) {
    if (state_ != State::skipped && ++length_ > longest_) reject("the record is too long");
    switch (state_) {
        case State::field_start:
            if (length_ == 1) record_.line = line_;
            if (c == '"') {
                state_ = State::quoted;
                return;
            }
            state_ = State::plain;
            [[fallthrough]];
        case State::plain:
            if (c == '"') return reject("a quote stands inside a field that is not quoted");
            break;
        case State::quoted:
            if (c == '"')
                state_ = State::quote_in_quoted;
            else
                field_ += c;
            return;
        case State::quote_in_quoted:
            if (c == '"') {
                field_ += c;
                state_ = State::quoted;
                return;
            }
            if (last_ == '\r' ? c != '\n' : c != ',' && c != '\n' && c != '\r') return reject("text follows the closing quote of a field");
            break;
        case State::skipped:
            if (c == '\n') end_record();
            return;
    }
    if (c == ',')
        end_field();
    else if (c == '\n')
        end_record();
    else
        field_ += c;
}

void CsvReader::end_field() {
    record_.fields.push_back(std::exchange(field_, {}));
    state_ = State::field_start;
}

void CsvReader::end_record() {
    if (state_ != State::skipped) {
        if (last_ == '\r') field_.pop_back();
        end_field();
        const bool is_empty = record_.fields.size() == 1 && record_.fields[0].empty();
        if (!is_empty) results_.push_back(std::move(record_));
    }
    state_ = State::field_start;
    record_ = {};
    length_ = 0;
}

void CsvReader::reject(std::string_view what) {
    results_.push_back(std::unexpected(Problem{record_.line, what}));
    state_ = State::skipped;
    field_.clear();
    record_.fields.clear();
}

void CsvReader::finish() {
    if (state_ == State::quoted) return reject("a quoted field does not end");
    if (length_ > 0 && state_ != State::skipped) end_record();
}

std::optional<CsvReader::Result> CsvReader::next() {
    if (results_.empty()) return std::nullopt;
    auto result = std::move(results_.front());
    results_.pop_front();
    return result;
}

void append_csv_field(std::string& out, std::string_view field) {
    if (field.find_first_of(",\"\r\n") == std::string_view::npos) {
        out += field;
        return;
    }
    out += '"';
    for (char c : field) {
        if (c == '"') out += '"';
        out += c;
    }
    out += '"';
}

}  // namespace confab::base
