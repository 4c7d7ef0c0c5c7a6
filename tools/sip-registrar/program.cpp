// Passwords are hashed here, in the client, and never travel.
#include <cstdio>

#include "io/file.hpp"
#include "sip-registrar/bulk.hpp"
#include "sip-registrar/config.hpp"
#include "sip-registrar/metrics.hpp"
#include "sip-registrar/shell.hpp"
#include "sip-registrar/user_table.hpp"

namespace confab::registrar {
namespace {

std::expected<std::string, std::string> read_password(const app::Invocation& invocation) {
    const auto file = invocation.text("password-file");
    if (file.empty() || file == "-") {
        auto line = io::read_line_from_standard_input();
        if (line.empty()) return std::unexpected("expected a password on standard input");
        return line;
    }
    return io::read_secret(std::string(file));
}

int report(const app::Invocation& invocation, const local::Value& fields) {
    if (invocation.json)
        std::puts(local::to_json(fields).c_str());
    else if (!fields.flag("changed"))
        std::puts("nothing changed");
    return io::kOk;
}

int set_user(const app::Invocation& invocation, std::string_view command) {
    const auto user = invocation.text("NAME");
    const auto password = read_password(invocation);
    if (!password) return complain(password.error(), io::kUsage);
    const auto realm = ask(invocation, "realm", local::Value::object());
    if (!realm) return complain(realm.error());
    const auto hashes = hashed(user, realm->text("realm"), *password).ha1;
    const auto done = ask(invocation, command,
                          local::Value::object({{"user", user}, {"ha1_md5", hashes[0]}, {"ha1_sha256", hashes[1]}, {"ha1_sha512_256", hashes[2]}}));
    if (!done) return complain(done.error());
    return report(invocation, *done);
}

app::Subcommand user_command(std::string_view name, std::string_view help, std::string_view command) {
    return {.name = name,
            .help = help,
            .arguments = {{"NAME", "the user's name"}},
            .options = {{"password-file", 0, "FILE", "read the password from FILE (- for standard input)", "-"}},
            .run = [command](const app::Invocation& invocation) { return set_user(invocation, command); },
            .asks_daemon = true};
}

}  // namespace

const app::Program& program() {
    static const app::Program kProgram = {
        .name = "sip-registrar",
        .summary = "SIP registrar and location service: who is reachable where, and who proved to be whom",
        .prose = "sip-registrar takes REGISTER over UDP and TCP, authenticates users with digest, and keeps their contacts in memory and in an SQLite file. "
                 "sip-proxy asks it on its control socket where an address can be reached and whether credentials are right.",
        .commands = {user_command("user add", "add a user; the password comes from standard input or a file", "user-add"),
                     user_command("user passwd", "replace a user's password", "user-passwd"),
                     {.name = "user import",
                      .help = "add and replace users from CSV on standard input: user,password or user,ha1_md5,ha1_sha256,ha1_sha512_256",
                      .arguments = {},
                      .options = {},
                      .run = import_users,
                      .asks_daemon = true},
                     {.name = "user export",
                      .help = "write all users with their hashes as CSV to standard output",
                      .arguments = {},
                      .options = {},
                      .run = export_users,
                      .asks_daemon = true}},
        .keys = &keys(),
        .vocabulary = &local::registrar_vocabulary(),
        .metrics = kMetricRows,
        .check = check,
        .start = start,
    };
    return kProgram;
}

}  // namespace confab::registrar
