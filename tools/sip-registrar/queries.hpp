// What the control socket asks of the registrar, as pure functions of the core: arguments in, reply fields out. Owner: the main loop's thread.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "local/messages.hpp"
#include "sip-registrar/core.hpp"

namespace confab::registrar {

local::Value lookup(const Core& core, base::Now now, const local::Value& arguments);
local::Value verify(const Core& core, const local::Value& arguments);
local::Value verify(const Core& core, const local::Value& arguments, const Credentials& credentials);  // of a user who is kept elsewhere
local::Value credentials_fields(const Core& core, const local::Value& arguments, const Credentials& credentials);
Credentials credentials_of(const Core& core, std::string_view user);  // of our own
local::Value status(const Core& core);
std::vector<local::Value> algorithms(const Core& core);  // the rows of `algorithms`

// What `user-add`, `user-passwd`, `user-del` or `user-import` would change, nothing where it is so already, and the answer when that is written.
struct UserPlan {
    std::vector<UserChange> changes;
    local::Value reply;
};
std::expected<UserPlan, local::Failure> plan_user_command(const Core& core, std::string_view command, const local::Value& arguments);

// The rows of `contacts`: of one address, best first, or of all in no order. Holds no binding: what changes between two calls is seen as it is then.
class ContactList {
public:
    explicit ContactList(std::string_view only_address, std::string_view only_scheme = {}) : only_address_(only_address), only_scheme_(only_scheme) {}
    // The next few rows; empty optional at the end.
    std::optional<std::vector<local::Value>> next(const Core& core, base::Now now);

private:
    bool is_wanted(const sip::Binding& binding) const { return only_scheme_.empty() || binding.scheme == only_scheme_; }

    std::string only_address_, only_scheme_;
    std::uint32_t cursor_ = 0;
    bool complete_ = false;
};

// The rows of `user export`, one user after another in no order.
class UserExport {
public:
    std::optional<local::Value> next(const Core& core);

private:
    std::uint32_t cursor_ = 0;
};

// The rows of `user list`, one user after another in no order.
class UserList {
public:
    std::optional<local::Value> next(const Core& core, base::Now now);

private:
    std::uint32_t cursor_ = 0;
};

}  // namespace confab::registrar
