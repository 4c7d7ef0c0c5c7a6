#include "metrics/table.hpp"

#include "base/check.hpp"
#include "base/mdoc.hpp"
#include "base/text.hpp"

namespace confab::metrics {
namespace {

// OpenMetrics 1.0: backslash, quote and newline are escaped in help texts.
void append_help(std::string& out, std::string_view help) {
    for (char c : help) {
        if (c == '\\' || c == '"') out += '\\';
        if (c == '\n')
            out += "\\n";
        else
            out += c;
    }
}

std::string_view kind_name(Kind kind) { return kind == Kind::counter ? "counter" : "gauge"; }

void append_row(std::string& out, const Row& row, std::uint64_t value) {
    out.append("# TYPE ").append(row.name).append(" ").append(kind_name(row.kind)).append("\n# HELP ").append(row.name).append(" ");
    append_help(out, row.help);
    out.append("\n").append(row.name).append(row.kind == Kind::counter ? "_total " : " ");
    base::append_number(out, value);
    out += '\n';
}

}  // namespace

std::string open_metrics(std::span<const Row> rows, std::span<const std::uint64_t> values) {
    CHECK(rows.size() == values.size(), std::to_string(rows.size()) + " rows, " + std::to_string(values.size()) + " values");
    std::string out;
    for (std::size_t i = 0; i < rows.size(); ++i) append_row(out, rows[i], values[i]);
    return out + "# EOF\n";
}

std::string mdoc_rows(std::span<const Row> rows) {
    std::string out = ".Bl -tag -width Ds\n";
    for (const auto& row : rows) {
        out.append(".It Va ").append(base::mdoc_word(row.name)).append(" Pq ").append(kind_name(row.kind)).append("\n");
        base::append_mdoc_prose(out, row.help);
    }
    return out + ".El\n";
}

}  // namespace confab::metrics
