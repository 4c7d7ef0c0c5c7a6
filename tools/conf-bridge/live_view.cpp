#include "conf-bridge/live_view.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include <fmt/format.h>

#include "app/present.hpp"

namespace confab::bridge {
namespace {

constexpr std::string_view kBold = "\x1b[1m", kReverse = "\x1b[7m", kFaint = "\x1b[2m", kPlain = "\x1b[0m";
constexpr std::size_t kMember = 4, kRole = 4, kMarks = 4, kBar = 12, kNumber = 6;
constexpr std::size_t kFixed = kMember + 1 + 1 + kRole + 1 + kMarks + 1 + kBar + 4 * kNumber;  // all but WHO, with the gaps
constexpr std::size_t kLeastWho = 12;
constexpr int kQuietest = -48;  // dBov at the left end of a bar

// Cut or filled to `width` characters; text of peers loses its control characters.
std::string cell(std::string_view raw, std::size_t width) {
    const auto text = app::shown(local::Value(raw));
    std::string out;
    std::size_t used = 0, total = 0;
    for (const char c : text) total += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
    const auto room = total > width && width > 0 ? width - 1 : width;
    for (const char c : text) {
        if ((static_cast<unsigned char>(c) & 0xc0) != 0x80 && used++ == room) {
            used = room;
            break;
        }
        out += c;
    }
    if (total > width && width > 0) return out + "~";
    return out + std::string(width - std::min(used, width), ' ');
}

std::string right(const std::string& text, std::size_t width) { return std::string(width - std::min(width, text.size()), ' ') + text; }

std::string line(std::string text, std::size_t columns) { return cell(text, columns) + '\n'; }

std::string number_of(const local::Value* value, const char* format, double scale = 1) {
    if (!value) return "-";
    if (const auto* real = value->as_double()) return fmt::format(fmt::runtime(format), *real * scale);
    if (const auto* whole = value->as_integer()) return fmt::format(fmt::runtime(format), static_cast<double>(*whole) * scale);
    return "-";
}

std::string who(const local::Value& member) {
    auto identity = member.text("identity");
    for (const std::string_view scheme : {"sip:", "sips:"})
        if (identity.starts_with(scheme)) identity.remove_prefix(scheme.size());
    const auto name = member.text("name");
    return name.empty() ? std::string(identity) : fmt::format("{} <{}>", name, identity);
}

// T talks, M muted, D deaf, H hand.
std::string marks(const local::Value& member) {
    std::string out;
    out += member.flag("talking") ? 'T' : ' ';
    out += member.flag("muted") ? 'M' : ' ';
    out += member.flag("deaf") ? 'D' : ' ';
    out += member.flag("hand") ? 'H' : ' ';
    return out;
}

std::string bar(const local::Value& member) {
    const auto* level = member.find("level");
    const auto* value = level ? level->as_integer() : nullptr;
    const auto over = value ? std::clamp<std::int64_t>(*value - kQuietest, 0, -kQuietest) : 0;
    const auto filled = static_cast<std::size_t>(over) * kBar / static_cast<std::size_t>(-kQuietest);
    return std::string(filled, '|') + std::string(kBar - filled, ' ');
}

std::string row(const local::Value& member, std::size_t who_width, std::size_t columns) {
    const auto state = member.text("state");
    const bool is_in = state == "joined";
    std::string out = right(std::to_string(member.integer("member")), kMember) + ' ' + cell(who(member), who_width) + ' ';
    out += cell(member.text("role") == "host" ? "host" : "", kRole) + ' ' + marks(member) + ' ';
    out += is_in ? bar(member) : cell(state, kBar);
    out += right(number_of(member.find("loss"), "{:.1f}"), kNumber) + right(number_of(member.find("jitter_ms"), "{:.0f}"), kNumber);
    out += right(number_of(member.find("round_trip_ms"), "{:.0f}"), kNumber) + right(number_of(member.find("mos"), "{:.1f}"), kNumber);
    out = cell(out, columns);
    if (member.flag("talking")) return std::string(kBold) + out + std::string(kPlain) + '\n';
    return is_in ? out + '\n' : std::string(kFaint) + out + std::string(kPlain) + '\n';
}

std::string heading(std::size_t who_width, std::size_t columns) {
    const auto text = right("#", kMember) + ' ' + cell("WHO", who_width) + ' ' + cell("ROLE", kRole) + ' ' + cell("TMDH", kMarks) + ' ' +
                      cell("LEVEL", kBar) + right("LOSS%", kNumber) + right("JIT", kNumber) + right("RTT", kNumber) + right("MOS", kNumber);
    return std::string(kReverse) + cell(text, columns) + std::string(kPlain) + '\n';
}

}  // namespace

std::string live_view(std::string_view number, const local::Value& conference, std::span<const local::Value> members, std::string_view clock,
                      const ViewSize& size) {
    const auto talking = std::ranges::count_if(members, [](const auto& member) { return member.flag("talking"); });
    const auto title = fmt::format("{} {}  {} of {} members{}{}  {} talking", number, conference.text("name"), conference.integer("members"),
                                   conference.integer("max_members"), conference.flag("locked") ? "  locked" : "",
                                   conference.flag("recording") ? "  recorded" : "", talking);
    const auto columns = size.columns > 1 ? size.columns - 1 : 1;  // the last one wraps on some terminals
    if (2 * clock.size() >= columns) clock = {};
    const auto clock_width = clock.empty() ? 0 : clock.size() + 1;
    std::string out = cell(title, columns - clock_width) + right(std::string(clock), clock_width) + '\n';
    const auto who_width = std::max(kLeastWho, columns - std::min(columns, kFixed));
    out += heading(who_width, columns);

    std::vector<std::size_t> order(members.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto room = size.rows > 3 ? size.rows - 3 : 1;  // title, heading, last line
    const bool all_fit = order.size() <= room;
    if (!all_fit)
        std::ranges::stable_partition(order, [&](std::size_t i) { return members[i].flag("talking") || members[i].flag("hand"); });
    order.resize(std::min(order.size(), room));
    if (!all_fit) std::ranges::sort(order);
    for (const auto i : order) out += row(members[i], who_width, columns);
    return out + line(all_fit ? "q ends" : fmt::format("{} more; q ends", members.size() - order.size()), columns);
}

std::string live_notice(std::string_view number, std::string_view sentence, const ViewSize& size) {
    const auto columns = size.columns > 1 ? size.columns - 1 : 1;
    return line(fmt::format("{}  {}", number, sentence), columns) + line("q ends", columns);
}

}  // namespace confab::bridge
