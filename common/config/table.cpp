#include "config/table.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/check.hpp"
#include "base/text.hpp"

namespace confab::config {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        auto diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const auto above = row[j];
            row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
            diagonal = above;
        }
    }
    return row.back();
}

std::string known_key_near(const Table& table, std::string_view given) {
    constexpr std::size_t kLongestKey = 64, kNear = 2;
    std::string_view nearest;
    auto least = kNear + 1;
    for (const auto& row : table) {
        if (given.size() > kLongestKey) break;
        if (row.open && row.name == given) return row.expected;
        const auto distance = edit_distance(row.name, given);
        if (distance < least && distance < row.name.size()) least = distance, nearest = row.name;
    }
    return nearest.empty() ? "a known key" : "a known key (did you mean " + std::string(nearest) + "?)";
}

std::string where(const Place& place) { return place.line > 0 ? "line " + std::to_string(place.line) : "the " + place.file; }

template <class Visit>
void each_fallback(const Key& row, Visit visit) {
    if (row.fallback.empty()) return;
    if (!row.repeated) return visit(row.fallback);
    for (auto value : base::split(row.fallback, ' ')) visit(value);
}

void set_default(const Key& row, void* config) {
    if (row.clear) row.clear(config);
    each_fallback(row, [&](std::string_view value) {
        CHECK(row.set(config, value), "default of " + std::string(row.name) + " is not " + row.expected);
    });
}

// One scope, the top of a file or a section: applies entries one by one and remembers where each key was first given.
class Scope {
public:
    Scope(const Table& table, void* config, Problems& problems) : table_(table), config_(config), problems_(problems) {
        for (const auto& row : table) {
            if (!row.open) rows_.emplace(row.name, &row);
            set_default(row, config);
        }
    }

    void take(const Entry& entry) {
        if (entry.key.empty()) return;
        const auto found = rows_.find(entry.key);
        if (found == rows_.end())
            problem(entry, known_key_near(table_, entry.key), entry.key);
        else
            take_value(*found->second, entry);
    }

    void finish(const Entries& entries, std::string_view section) {
        for (const auto& row : table_)
            if (row.required && row.fallback.empty() && !first_.contains(row.name))
                problems_.push_back({place_of(entries, row.name, section), std::string(row.name), row.expected, ""});
    }

private:
    void problem(const Entry& entry, std::string expected, std::string got) {
        problems_.push_back({entry.place, entry.key, std::move(expected), std::move(got)});
    }

    void take_value(const Key& row, const Entry& entry) {
        const auto [first, fresh] = first_.emplace(row.name, entry.place);
        if (!fresh && !row.repeated) return problem(entry, "one value", "a second one (first on " + where(first->second) + ")");
        if (fresh && row.clear) row.clear(config_);
        if (!row.set(config_, entry.value)) problem(entry, row.expected, row.secret ? "****" : entry.value);
    }

    const Table& table_;
    void* config_;
    Problems& problems_;
    std::unordered_map<std::string_view, const Key*> rows_;
    std::unordered_map<std::string_view, Place> first_;
};

struct SectionName {
    std::string_view kind, name;
};
SectionName name_of(std::string_view section) {
    const auto space = section.find(' ');
    if (space == section.npos) return {section, {}};
    return {section.substr(0, space), base::trim(section.substr(space))};
}

bool is_name(std::string_view text) {
    constexpr std::size_t kLongest = 64;
    constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    return !text.empty() && text.size() <= kLongest && text.find_first_not_of(kAllowed) == text.npos;
}

// Takes entries in the file's order: the top's go to their scope wherever they stand, a section's to the section that was opened last.
class Application {
public:
    Application(const Table& table, void* config, const Entries& entries, Problems& problems)
        : table_(table), config_(config), entries_(entries), problems_(problems), top_(table, config, problems) {}

    void run() {
        for (const auto& entry : entries_) {
            if (entry.section.empty())
                top_.take(entry);
            else if (entry.key.empty())
                open(entry);
            else if (section_)
                section_->take(entry);
        }
        close();
        top_.finish(entries_, {});
    }

private:
    void open(const Entry& entry) {
        close();
        const auto [kind, name] = name_of(entry.section);
        const auto row = std::ranges::find_if(table_, [&, kind = kind](const Key& key) { return key.open && key.name == kind; });
        if (row == table_.end()) return problem(entry, known_kinds(), "a section");
        if (!is_name(name)) return problem(entry, row->expected + " with a name of letters, digits, '.', '_' and '-'", entry.section);
        const auto [first, fresh] = opened_.emplace(std::string(kind) + ' ' + std::string(name), entry.place);
        if (!fresh) return problem(entry, "one section of that name", "a second one (first on " + where(first->second) + ")");
        opened_name_ = entry.section;
        section_.emplace(row->rows, row->open(config_, std::string(name)), problems_);
    }

    void close() {
        if (section_) section_->finish(entries_, opened_name_);
        section_.reset();
    }

    std::string known_kinds() const {
        std::string kinds;
        for (const auto& row : table_)
            if (row.open) kinds += (kinds.empty() ? "" : " or ") + row.expected;
        return kinds.empty() ? "a key of this program" : kinds;
    }

    void problem(const Entry& entry, std::string expected, std::string got) {
        problems_.push_back({entry.place, "[" + entry.section + "]", std::move(expected), std::move(got)});
    }

    const Table& table_;
    void* config_;
    const Entries& entries_;
    Problems& problems_;
    Scope top_;
    std::optional<Scope> section_;
    std::string_view opened_name_;
    std::unordered_map<std::string, Place> opened_;
};

std::string bound_text(std::int64_t value, bool in_milliseconds) {
    if (!in_milliseconds) return std::to_string(value);
    if (value != 0 && value % 3'600'000 == 0) return std::to_string(value / 3'600'000) + "h";
    if (value != 0 && value % 60'000 == 0) return std::to_string(value / 60'000) + "m";
    return value % 1'000 == 0 ? std::to_string(value / 1'000) + "s" : std::to_string(value) + "ms";
}

}  // namespace

Key& Key::between(std::int64_t low, std::int64_t high) {
    CHECK(measure && set, "bounds for a key that has no measure: " + std::string(name));
    expected += " from " + bound_text(low, in_milliseconds) + " to " + bound_text(high, in_milliseconds);
    set = [low, high, measured = measure, inner = std::move(set)](void* config, std::string_view text) {
        const auto value = measured(text);
        return value && *value >= low && *value <= high && inner(config, text);
    };
    return *this;
}

void apply(const Table& table, void* config, const Entries& entries, Problems& problems) {
    Application(table, config, entries, problems).run();
    in_file_order(problems);
}

namespace {

using Setting = std::pair<std::string_view, std::string>;

void append_effective(std::vector<Setting>& out, const Table& table, const Entries& entries, std::string_view section);

void append_sections(std::vector<Setting>& out, const Key& kind, const Entries& entries) {
    for (const auto& entry : entries) {
        const auto name = name_of(entry.section);
        if (!entry.key.empty() || name.kind != kind.name) continue;
        std::vector<Setting> own;
        append_effective(own, kind.rows, entries, entry.section);
        for (const auto& [key, value] : own) out.emplace_back(kind.name, std::string(name.name) + ' ' + std::string(key) + " = " + value);
    }
}

void append_effective(std::vector<Setting>& out, const Table& table, const Entries& entries, std::string_view section) {
    for (const auto& row : table) {
        if (row.open) {
            append_sections(out, row, entries);
            continue;
        }
        const auto before = out.size();
        for (const auto& entry : entries)
            if (entry.section == section && entry.key == row.name) out.emplace_back(row.name, row.secret ? "****" : entry.value);
        if (out.size() == before) each_fallback(row, [&](std::string_view value) { out.emplace_back(row.name, value); });
    }
}

}  // namespace

std::vector<std::pair<std::string_view, std::string>> effective(const Table& table, const Entries& entries) {
    std::vector<Setting> rows;
    append_effective(rows, table, entries, {});
    return rows;
}

Place place_of(const Entries& entries, std::string_view key, std::string_view section) {
    auto place = entries.empty() ? Place{} : Place{entries.front().place.file, 0};
    for (const auto& entry : entries) {
        if (entry.section != section) continue;
        if (entry.key == key || (entry.key.empty() && !section.empty())) place = entry.place;
    }
    return place;
}

void complain(const Entries& entries, Problems& problems, std::string_view key, std::string expected, std::string got) {
    problems.push_back({place_of(entries, key), std::string(key), std::move(expected), std::move(got)});
}

}  // namespace confab::config
