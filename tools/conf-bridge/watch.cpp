#include "conf-bridge/watch.hpp"

#include <algorithm>
#include <vector>

#include "app/ask.hpp"
#include "conf-bridge/live_view.hpp"
#include "conf-bridge/shell.hpp"
#include "io/local_client.hpp"
#include "io/terminal.hpp"

namespace confab::bridge {
namespace {

constexpr base::milliseconds kTimeout{10'000}, kRefresh{250}, kSlowRefresh{1000};
constexpr std::size_t kManyMembers = 200;  // from here on the table is asked for less often
constexpr std::string_view kArgument = "CONFERENCE";

using Rows = std::vector<local::Value>;

std::expected<Rows, local::Failure> rows_of(const std::string& socket, std::string_view command, const local::Value& arguments) {
    Rows rows;
    const auto take = [&](const local::Reply& reply) {
        if (reply.kind == local::Reply::Kind::answer && reply.more) rows.push_back(reply.fields);
        return true;
    };
    const auto answered = io::ask_once(socket, command, arguments, kTimeout, false, take);
    if (!answered) return std::unexpected(answered.error());
    return rows;
}

// What a member's legs were measured to be goes with what the roster says of it.
void join_rows(Rows& members, const Rows& measured) {
    for (auto& member : members)
        for (const auto& row : measured)
            if (row.integer("member") == member.integer("member") && row.integer("member") != 0)
                for (const auto& [name, value] : *row.as_object())
                    if (!member.find(name)) member.append(name, value);
}

class LiveTable {
public:
    LiveTable(std::string socket, std::string number) : socket_(std::move(socket)), number_(std::move(number)) {}

    std::string draw(const ViewSize& size) {
        const auto arguments = local::Value::object({{"conference", number_}});
        const auto conferences = rows_of(socket_, "list", local::Value::object());
        auto members = rows_of(socket_, "members", arguments);
        if (!conferences || (!members && members.error().code != "no-such-conference"))
            return live_notice(number_, conferences ? members.error().message : conferences.error().message, size);
        const auto found = std::ranges::find_if(*conferences, [&](const auto& row) { return row.text("conference") == number_; });
        if (!members || found == conferences->end()) return live_notice(number_, "is not running", size);
        if (const auto measured = rows_of(socket_, "stats", arguments)) join_rows(*members, *measured);
        many_ = members->size() > kManyMembers;
        return live_view(number_, *found, *members, "since " + std::string(found->text("since")), size);
    }
    base::milliseconds pause() const { return many_ ? kSlowRefresh : kRefresh; }

private:
    const std::string socket_, number_;
    bool many_ = false;
};

int watch_live(const app::Invocation& invocation) {
    LiveTable table(invocation.socket_path, std::string(invocation.text(kArgument)));
    io::Screen screen;
    do {
        const auto size = screen.size();
        screen.draw(table.draw({size.columns, size.rows}));
    } while (screen.wait(table.pause()) != io::Screen::Wake::ended);
    return io::kOk;
}

int watch_events(const app::Invocation& invocation) {
    const auto number = invocation.text(kArgument);
    bool good = true;
    const auto show = [&](const local::Reply& reply) {
        if (reply.kind != local::Reply::Kind::event || (reply.fields.find("conference") && reply.fields.text("conference") != number)) return true;
        const auto line = local::to_json(reply.fields) + "\n";
        good = std::fwrite(line.data(), 1, line.size(), stdout) == line.size() && std::fflush(stdout) == 0;
        return good;
    };
    const auto answered = io::ask_once(invocation.socket_path, "subscribe", local::Value::object(), kTimeout, true, show);
    if (answered || !good) return good ? io::kOk : io::kIoError;
    std::fprintf(stderr, "conf-bridge: %s\n", answered.error().message.c_str());
    return io::kUnavailable;
}

int watch(const app::Invocation& invocation) {
    if (!invocation.has(kArgument)) return app::watch(program(), {stdout, stderr}, invocation);
    const bool is_live = !invocation.json && io::is_terminal(stdin) && io::is_terminal(stdout);
    return is_live ? watch_live(invocation) : watch_events(invocation);
}

}  // namespace

app::Subcommand watch_command() {
    return {.name = "watch",
            .help = "print events as they happen; of one conference a live table on a terminal, and JSON elsewhere",
            .arguments = {{kArgument, "its number; without it the events of all, as text unless --json", false}},
            .options = {},
            .run = watch,
            .asks_daemon = true};
}

}  // namespace confab::bridge
