// The command line: what the program is, and `explain`, which reads its message from a file.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <iterator>

#include "io/file.hpp"
#include "io/local_client.hpp"
#include "sip-proxy/config.hpp"
#include "sip-proxy/metrics.hpp"
#include "sip-proxy/shell.hpp"

namespace confab::proxy {
namespace {

constexpr base::milliseconds kTimeout{30'000};
constexpr std::size_t kLargest = 512 << 10;  // a line of the control socket holds it, escapes included
constexpr int kRefused = 1;

int complain(const std::string& sentence, int code) {
    std::fprintf(stderr, "sip-proxy: %s\n", sentence.c_str());
    return code;
}

std::expected<std::string, std::string> read_message(const std::string& file) {
    if (file != "-") return io::read_file(file, kLargest);
    std::string text(std::istreambuf_iterator<char>(std::cin), {});
    if (text.size() > kLargest) return std::unexpected("standard input: larger than 512 KiB");
    return text;
}

// A peer's words go to a terminal: no control characters.
std::string printable(std::string_view text) {
    std::string out(text);
    std::ranges::replace_if(out, [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }, '?');
    return out;
}

bool print(const local::Value& row, bool json) {
    if (json) return std::puts(local::to_json(row).c_str()) >= 0;
    const auto step = printable(row.text("step")), text = printable(row.text("text"));
    return std::printf("%-15s %s\n", step.c_str(), text.c_str()) >= 0;
}

int explain(const app::Invocation& invocation) {
    const auto message = read_message(std::string(invocation.text("FILE")));
    if (!message) return complain(message.error(), io::kUsage);
    auto arguments = local::Value::object({{"message", *message}});
    for (const auto* name : {"source", "user"})
        if (invocation.has(name)) arguments.set(name, invocation.text(name));
    bool good = true;
    const auto answered = io::ask_once(invocation.socket_path, "explain", arguments, kTimeout, false, [&](const local::Reply& reply) {
        if (reply.kind == local::Reply::Kind::answer && reply.ok && reply.more) good = print(reply.fields, invocation.json);
        return good;
    });
    if (!good) return io::kIoError;
    if (answered) return io::kOk;
    const auto& [code, sentence] = answered.error();
    return complain(sentence, code == "unavailable" || code == "timeout" ? io::kUnavailable : kRefused);
}

}  // namespace

const app::Program& program() {
    static const app::Program kProgram = {
        .name = "sip-proxy",
        .summary = "transaction-stateful SIP proxy: authenticates callers and routes numbers and addresses",
        .prose =
            "sip-proxy takes SIP requests over UDP, TCP and TLS, challenges callers with digest authentication, finds a route by number, address, "
            "passcode or any header, asks conf-locate where a number lives and sip-registrar where an address is registered, and forwards; when "
            "a target is dead it tries the next. Media never passes it.",
        .commands = {{.name = "explain",
                      .help = "say what would be done with the request in a file, decision by decision, and show what would be sent; nothing is sent",
                      .arguments = {{"FILE", "the message as text; - for standard input"}},
                      .options = {{"source", 0, "TRANSPORT:ADDRESS:PORT", "where it would come from; by default what its Via says"},
                                  {"user", 0, "NAME", "take this user for proven; without, the message's credentials are judged"}},
                      .run = explain,
                      .asks_daemon = true}},
        .keys = &keys(),
        .vocabulary = &local::proxy_vocabulary(),
        .metrics = kMetricRows,
        .check = check,
        .start = start,
    };
    return kProgram;
}

}  // namespace confab::proxy
