#include "config/source.hpp"

#include <algorithm>
#include <climits>

#include "base/text.hpp"

namespace confab::config {
namespace {

constexpr std::size_t kTextLimit = 1 << 20;
constexpr std::size_t kLineLimit = 8 << 10;
constexpr std::size_t kProblemLimit = 1000;
constexpr std::size_t kQuoteLimit = 120;
constexpr std::string_view kCommandLine = "command line";

// What stood in the file goes back to a terminal: no control characters, and no more of it than helps.
std::string printable(std::string_view text) {
    std::string out;
    for (char c : text.substr(0, kQuoteLimit)) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    if (text.size() > kQuoteLimit) out += "...";
    return out;
}

bool has_control_characters(std::string_view line) {
    return std::ranges::any_of(line, [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; });
}

class Splitter {
public:
    Splitter(const std::string& file, Problems& problems) : problems_(problems) {
        place_.file = file;
        entries_.push_back({"", "", "", place_});
    }

    Entries run(std::string_view text) {
        if (text.size() > kTextLimit) {
            problem("", "at most 1 MiB of text", std::to_string(text.size()) + " octets");
            return std::move(entries_);
        }
        if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
        while (!text.empty() && problems_.size() < kProblemLimit) {
            const auto end = std::min(text.find('\n'), text.size());
            ++place_.line;
            take_line(text.substr(0, end));
            text.remove_prefix(std::min(end + 1, text.size()));
        }
        return std::move(entries_);
    }

private:
    void problem(std::string_view key, std::string expected, std::string got) {
        problems_.push_back({place_, printable(key), std::move(expected), std::move(got)});
    }

    void take_line(std::string_view line) {
        if (line.size() > kLineLimit) return problem("", "a line of at most 8 KiB", std::to_string(line.size()) + " octets");
        line = base::trim(line);
        if (line.empty() || line.front() == '#' || line.front() == ';') return;
        if (has_control_characters(line)) return problem("", "text without control characters", line);
        if (line.front() == '[') return take_section(line);
        take_pair(line);
    }

    void problem(std::string_view key, std::string expected, std::string_view got) { problem(key, std::move(expected), std::string(got)); }

    void take_section(std::string_view line) {
        const auto name = base::trim(line.substr(1, line.size() - (line.back() == ']' ? 2 : 1)));
        if (line.back() != ']' || name.empty()) return problem("", "[kind name]", line);
        section_ = name;
        entries_.push_back({section_, "", "", place_});
    }

    void take_pair(std::string_view line) {
        const auto equals = line.find('=');
        if (equals == line.npos) return problem(line.substr(0, line.find_first_of(" \t")), "key = value", line);
        const auto key = base::trim(line.substr(0, equals));
        if (key.empty()) return problem("", "a key before '='", line);
        entries_.push_back({section_, std::string(key), std::string(base::trim(line.substr(equals + 1))), place_});
    }

    Problems& problems_;
    Place place_;
    Entries entries_;
    std::string section_;
};

}  // namespace

std::string Problem::text() const {
    std::string out = place.file;
    if (place.line > 0) out += ":" + std::to_string(place.line);
    if (!out.empty()) out += ": ";
    if (!key.empty()) out += printable(key) + ": ";
    return out + "expected " + expected + ", got " + (got.empty() ? "nothing" : printable(got));
}

void in_file_order(Problems& problems) {
    const auto rank = [](const Problem& problem) { return problem.place.line > 0 ? problem.place.line : INT_MAX; };
    std::ranges::stable_sort(problems, {}, rank);
}

Entries split(const std::string& file, std::string_view text, Problems& problems) { return Splitter(file, problems).run(text); }

void override_with(Entries& entries, std::string_view assignment, Problems& problems) {
    const Place place{std::string(kCommandLine), 0};
    const auto equals = assignment.find('=');
    const auto key = base::trim(assignment.substr(0, equals));
    if (equals == assignment.npos || key.empty() || has_control_characters(assignment)) {
        problems.push_back({place, "--set", "KEY=VALUE", std::string(assignment)});
        return;
    }
    std::erase_if(entries,
                  [&](const Entry& entry) { return entry.section.empty() && entry.key == key && entry.place.file != kCommandLine; });
    entries.push_back({"", std::string(key), std::string(base::trim(assignment.substr(equals + 1))), place});
}

}  // namespace confab::config
