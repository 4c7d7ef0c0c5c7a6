#include "sip-registrar/queries.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"

namespace confab::registrar {
namespace {

constexpr std::size_t kContactsAtOnce = 16;  // rows made in one step of a listing

local::Value contact_fields(const sip::Binding& binding, base::Now now) {
    return local::Value::object({{"contact", binding.contact},
                                 {"q", static_cast<std::int64_t>(binding.q)},
                                 {"expires", seconds_left(binding, now.wall)},
                                 {"path", binding.path},
                                 {"received", binding.received},
                                 {"instance", binding.instance},
                                 {"reg_id", static_cast<std::int64_t>(binding.reg_id)},
                                 {"reachable", binding.is_reachable}});
}

local::Value contact_row(const sip::Binding& binding, base::Now now) {
    auto row = local::Value::object({{"address", binding.address}});
    const auto fields = contact_fields(binding, now);
    for (const auto& [name, value] : *fields.as_object()) row.set(name, value);
    row.set("user", binding.user).set("scheme", binding.scheme).set("user_agent", binding.user_agent);
    return row;
}

std::unexpected<local::Failure> failure(std::string code, std::string message) {
    return std::unexpected(local::Failure{std::move(code), std::move(message)});
}

constexpr std::string_view kUserName = "expected user to be 1 to 64 letters, digits or -_.!~*+=$";
constexpr std::string_view kHashes = "expected ha1_md5, ha1_sha256 and ha1_sha512_256 as lower case hexadecimal of 32, 64 and 64 digits";
constexpr std::string_view kTooMany = "the configured bound on users is reached";

User user_of(const local::Value& arguments) {
    return {std::string(arguments.text("user")),
            {std::string(arguments.text("ha1_md5")), std::string(arguments.text("ha1_sha256")), std::string(arguments.text("ha1_sha512_256"))}};
}

// Empty for what cannot be right here.
std::optional<sip::DigestAnswer> digest_answer_of(const Core& core, const local::Value& arguments) {
    const auto algorithm = sip::algorithm_of(arguments.text("algorithm"));
    if (!algorithm || arguments.text("realm") != core.config().realm) return std::nullopt;
    sip::DigestAnswer answer;
    answer.username = arguments.text("username");
    answer.realm = arguments.text("realm");
    answer.nonce = arguments.text("nonce");
    answer.uri = arguments.text("uri");
    answer.response = arguments.text("response");
    answer.cnonce = arguments.text("cnonce");
    answer.qop = arguments.text("qop");
    answer.nc_text = arguments.text("nc");
    answer.algorithm = *algorithm;
    return answer;
}

local::Value verdict(const local::Value& arguments, bool valid) {
    return local::Value::object({{"valid", valid}, {"user", valid ? arguments.text("username") : std::string_view{}}});
}

UserPlan nothing() { return {{}, local::Value::object({{"changed", false}})}; }

UserPlan plan_of(UserChange change) {
    UserPlan plan{{}, local::Value::object({{"changed", true}})};
    plan.changes.push_back(std::move(change));
    return plan;
}

// Hashes that are not given say nothing about those that are stored.
bool says_nothing_new(const User& user, const User& known) {
    for (std::size_t i = 0; i < user.ha1.size(); ++i)
        if (!user.ha1[i].empty() && user.ha1[i] != known.ha1[i]) return false;
    return true;
}

UserPlan plan_import(const Core& core, const local::Value& arguments) {
    UserPlan plan;
    std::uint64_t added = 0, unchanged = 0;
    auto refused = local::Value::array();
    const auto& rows = arguments.list("users");
    for (std::size_t row = 0; row < rows.size(); ++row) {
        auto user = user_of(rows[row]);
        const auto known = core.users().find(user.name);
        const auto refuse = [&](std::string_view why) { refused.push(local::Value::object({{"row", static_cast<std::uint64_t>(row)}, {"message", why}})); };
        if (!is_user_name(user.name))
            refuse(kUserName);
        else if (!are_hashes(user))
            refuse(kHashes);
        else if (!known && core.users().size() + added >= core.config().users)
            refuse(kTooMany);
        else if (known && says_nothing_new(user, *known))
            ++unchanged;
        else {
            if (!known) ++added;
            plan.changes.push_back({false, std::move(user)});
        }
    }
    const auto replaced = plan.changes.size() - added;
    plan.reply = local::Value::object({{"changed", !plan.changes.empty()}, {"added", added}, {"replaced", static_cast<std::uint64_t>(replaced)},
                                       {"unchanged", unchanged}, {"refused", std::move(refused)}});
    return plan;
}

}  // namespace

local::Value lookup(const Core& core, base::Now now, const local::Value& arguments) {
    const auto wanted = core.wanted(arguments.text("address"));
    auto contacts = local::Value::array();
    if (!wanted) return local::Value::object({{"known", false}, {"contacts", std::move(contacts)}});
    bool live = false;
    for (const auto binding : core.bindings().find(now, wanted->address)) {
        live = true;
        if (wanted->matches(binding)) contacts.push(contact_fields(binding, now));
    }
    return local::Value::object({{"known", live || core.is_known(wanted->address)}, {"contacts", std::move(contacts)}});
}

local::Value verify(const Core& core, const local::Value& arguments) {
    const auto answer = digest_answer_of(core, arguments);
    return verdict(arguments, answer && core.users().verify(*answer, arguments.text("method")));
}

local::Value verify(const Core& core, const local::Value& arguments, const Credentials& credentials) {
    const auto answer = digest_answer_of(core, arguments);
    return verdict(arguments, answer && proves(credentials.user, *answer, arguments.text("method")));
}

local::Value credentials_fields(const Core& core, const local::Value& arguments, const Credentials& credentials) {
    const bool known = credentials.outcome == Credentials::Outcome::known && arguments.text("realm") == core.config().realm;
    const auto& ha1 = (known ? credentials.user : User{}).ha1;
    return local::Value::object({{"known", known}, {"ha1_md5", ha1[0]}, {"ha1_sha256", ha1[1]}, {"ha1_sha512_256", ha1[2]}});
}

Credentials credentials_of(const Core& core, std::string_view name) {
    auto user = core.users().find(name);
    if (!user) return {.outcome = Credentials::Outcome::unknown, .user = {}};
    return {.outcome = Credentials::Outcome::known, .user = std::move(*user)};
}

std::vector<local::Value> algorithms(const Core& core) {
    struct Row {
        sip::DigestAlgorithm algorithm;
        Metric proven;
    };
    static constexpr Row kRows[] = {{sip::DigestAlgorithm::md5, Metric::proven_md5},
                                    {sip::DigestAlgorithm::sha256, Metric::proven_sha256},
                                    {sip::DigestAlgorithm::sha512_256, Metric::proven_sha512_256}};
    const auto offered = sip::algorithms_of(core.config().digest_algorithms);
    std::vector<local::Value> rows;
    for (const auto& row : kRows)
        rows.push_back(local::Value::object({{"algorithm", sip::algorithm_name(row.algorithm)},
                                             {"offered", std::ranges::find(offered, row.algorithm) != offered.end()},
                                             {"proven", core.counters().get(row.proven)}}));
    return rows;
}

local::Value status(const Core& core) {
    return local::Value::object({{"realm", core.config().realm},
                                 {"durability", durability_name(core.config().durability)},
                                 {"bindings", static_cast<std::uint64_t>(core.bindings().size())},
                                 {"users", static_cast<std::uint64_t>(core.users().size())},
                                 {"subscriptions", static_cast<std::uint64_t>(core.subscriptions())},
                                 {"transactions", static_cast<std::uint64_t>(core.transactions())},
                                 {"held", static_cast<std::uint64_t>(core.held())}});
}

std::expected<UserPlan, local::Failure> plan_user_command(const Core& core, std::string_view command, const local::Value& arguments) {
    if (command == "user-import") return plan_import(core, arguments);
    const auto name = arguments.text("user");
    if (!is_user_name(name)) return failure("bad-argument", std::string(kUserName));
    const auto known = core.users().find(name);
    if (command == "user-del") return known ? plan_of(UserChange{true, *known}) : nothing();
    auto user = user_of(arguments);
    if (!are_hashes(user)) return failure("bad-argument", std::string(kHashes));
    if (known && *known == user) return nothing();
    if (command == "user-add" && known) return failure("user-exists", "the user exists with another password; user-passwd replaces it");
    if (command == "user-passwd" && !known) return failure("no-such-user", "there is no such user");
    if (!known && core.users().size() >= core.config().users) return failure("too-many", std::string(kTooMany));
    return plan_of(UserChange{false, std::move(user)});
}

std::optional<std::vector<local::Value>> ContactList::next(const Core& core, base::Now now) {
    if (std::exchange(complete_, !only_address_.empty())) return std::nullopt;
    std::vector<local::Value> rows;
    if (complete_) {
        for (const auto binding : core.bindings().find(now, only_address_))
            if (is_wanted(binding)) rows.push_back(contact_row(binding, now));
        return rows;
    }
    for (std::size_t seen = 0; seen < kContactsAtOnce; ++seen) {
        const auto binding = core.bindings().next(now, cursor_);
        if (!binding && seen == 0) return std::nullopt;
        if (!binding) break;
        if (is_wanted(*binding)) rows.push_back(contact_row(*binding, now));
    }
    return rows;
}

std::optional<local::Value> UserExport::next(const Core& core) {
    const auto user = core.users().next(cursor_);
    if (!user) return std::nullopt;
    return local::Value::object({{"user", user->name}, {"ha1_md5", user->ha1[0]}, {"ha1_sha256", user->ha1[1]}, {"ha1_sha512_256", user->ha1[2]}});
}

std::optional<local::Value> UserList::next(const Core& core, base::Now now) {
    const auto user = core.users().next(cursor_);
    if (!user) return std::nullopt;
    auto addresses = local::Value::array();
    std::uint64_t contacts = 0;
    for (const auto& address : core.addresses_of(user->name)) {
        contacts += core.bindings().find(now, address).size();
        addresses.push(address);
    }
    return local::Value::object({{"user", user->name}, {"addresses", std::move(addresses)}, {"contacts", contacts}});
}

}  // namespace confab::registrar
