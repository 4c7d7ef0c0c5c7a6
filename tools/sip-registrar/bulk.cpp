#include "sip-registrar/bulk.hpp"

#include <cstdio>
#include <optional>

#include "base/csv.hpp"
#include "io/local_client.hpp"
#include "sip-registrar/user_table.hpp"

namespace confab::registrar {
namespace {

constexpr base::milliseconds kPatience{30'000};
constexpr int kRefused = 1;  // as for every command that asks a daemon
constexpr std::size_t kLongestRecord = 4096;
constexpr std::size_t kUsersAtOnce = 500;

class Import {
public:
    explicit Import(const app::Invocation& invocation) : invocation_(invocation) {}

    int run() {
        const auto realm = ask(invocation_, "realm", local::Value::object());
        if (!realm) return complain(realm.error());
        realm_ = realm->text("realm");
        char piece[65536];
        while (const auto got = std::fread(piece, 1, sizeof piece, stdin)) {
            reader_.feed({piece, got});
            if (const int code = take_records(); code != io::kOk) return code;
        }
        if (std::ferror(stdin) != 0) return complain("standard input cannot be read", io::kIoError);
        reader_.finish();
        if (const int code = take_records(); code != io::kOk) return code;
        if (!table_) return complain("nothing on standard input", io::kUsage);
        if (const int code = send(); code != io::kOk) return code;
        report();
        return refused_ > 0 ? kRefused : io::kOk;
    }

private:
    int take_records() {
        while (auto result = reader_.next()) {
            if (!*result) {
                refuse(result->error().line, result->error().what);
                if (!table_) return io::kUsage;
                continue;
            }
            if (!table_) {
                auto table = UserTable::from_header((*result)->fields, realm_);
                if (!table) return complain("line " + std::to_string((*result)->line) + ": " + table.error(), io::kUsage);
                table_ = std::move(*table);
                continue;
            }
            const auto user = table_->user_of((*result)->fields);
            if (!user) {
                refuse((*result)->line, user.error());
                continue;
            }
            users_.push(local::Value::object(
                {{"user", user->name}, {"ha1_md5", user->ha1[0]}, {"ha1_sha256", user->ha1[1]}, {"ha1_sha512_256", user->ha1[2]}}));
            lines_.push_back((*result)->line);
            if (lines_.size() < kUsersAtOnce) continue;
            if (const int code = send(); code != io::kOk) return code;
        }
        return io::kOk;
    }

    int send() {
        if (lines_.empty()) return io::kOk;
        auto arguments = local::Value::object();
        arguments.set("users", std::exchange(users_, local::Value::array()));
        const auto reply = ask(invocation_, "user-import", arguments);
        if (!reply) {
            std::fprintf(stderr, "sip-registrar: lines from %zu on are not imported\n", lines_.front());
            return complain(reply.error());
        }
        added_ += reply->integer("added");
        replaced_ += reply->integer("replaced");
        unchanged_ += reply->integer("unchanged");
        for (const auto& row : reply->list("refused"))
            if (const auto at = static_cast<std::size_t>(row.integer("row")); at < lines_.size()) refuse(lines_[at], row.text("message"));
        lines_.clear();
        return io::kOk;
    }

    void refuse(std::size_t line, std::string_view why) {
        ++refused_;
        std::fprintf(stderr, "line %zu: %.*s\n", line, static_cast<int>(why.size()), why.data());
    }

    void report() const {
        if (invocation_.json) {
            const auto counts =
                local::Value::object({{"added", added_}, {"replaced", replaced_}, {"unchanged", unchanged_}, {"refused", refused_}});
            std::puts(local::to_json(counts).c_str());
        } else {
            std::printf("%lld added, %lld replaced, %lld unchanged, %llu refused\n", static_cast<long long>(added_), static_cast<long long>(replaced_),
                        static_cast<long long>(unchanged_), static_cast<unsigned long long>(refused_));
        }
    }

    const app::Invocation& invocation_;
    std::string realm_;
    base::CsvReader reader_{kLongestRecord};
    std::optional<UserTable> table_;
    local::Value users_ = local::Value::array();
    std::vector<std::size_t> lines_;  // where each of `users_` stands
    std::int64_t added_ = 0, replaced_ = 0, unchanged_ = 0;
    std::uint64_t refused_ = 0;
};

}  // namespace

int import_users(const app::Invocation& invocation) { return Import(invocation).run(); }

int export_users(const app::Invocation& invocation) {
    bool good = true;
    const auto print = [&](std::string_view text) { good = good && std::fwrite(text.data(), 1, text.size(), stdout) == text.size(); };
    std::string line;
    append_user_header(line);
    if (!invocation.json) print(line);
    const auto show = [&](const local::Reply& reply) {
        if (reply.kind != local::Reply::Kind::answer || !reply.ok || !reply.more) return true;
        line.clear();
        if (invocation.json)
            line = local::to_json(reply.fields) + "\n";
        else
            append_user_line(line, {std::string(reply.fields.text("user")),
                                    {std::string(reply.fields.text("ha1_md5")), std::string(reply.fields.text("ha1_sha256")),
                                     std::string(reply.fields.text("ha1_sha512_256"))}});
        print(line);
        return good;
    };
    const auto asked = io::ask_once(invocation.socket_path, "user-export", local::Value::object(), kPatience, false, show);
    if (!good) return complain("standard output cannot be written", io::kIoError);
    return asked ? io::kOk : complain(asked.error());
}

int complain(const std::string& sentence, int exit_code) {
    std::fprintf(stderr, "sip-registrar: %s\n", sentence.c_str());
    return exit_code;
}

int complain(const local::Failure& failure) {
    if (failure.code == "unavailable" || failure.code == "timeout") return complain(failure.message, io::kUnavailable);
    return complain(failure.code + ": " + failure.message, kRefused);
}

std::expected<local::Value, local::Failure> ask(const app::Invocation& invocation, std::string_view command, const local::Value& arguments) {
    local::Value fields;
    std::optional<local::Failure> refused;
    const auto asked = io::ask_once(invocation.socket_path, command, arguments, kPatience, false, [&](const local::Reply& reply) {
        if (reply.kind != local::Reply::Kind::answer) return true;
        if (!reply.ok) refused = reply.failure;
        fields = reply.fields;
        return true;
    });
    if (!asked) return std::unexpected(asked.error());
    if (refused) return std::unexpected(*refused);
    return fields;
}

}  // namespace confab::registrar
