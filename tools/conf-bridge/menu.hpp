// What members' keys do inside a conference: a menu for hosts, one for participants, and the keys of one member so far. Pure.
//
// A menu is a section [menu host] or [menu participant] with lines `key = DIGITS ACTION`. The longest choice wins: where the keys so far are
// a choice and also begin a longer one, the menu waits for the next key, or for menu-timeout; keys that begin no choice are told as wrong
// once and forgotten. Keys are bounded by the longest choice.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/table.hpp"

namespace confab::bridge {

enum class MenuAction : std::uint8_t {
    mute_toggle, hand_toggle, count, volume_up, volume_down, gain_up, gain_down, mute_all, unmute_all, lock_toggle, admit_all, record_toggle, end
};

struct MenuChoice {
    std::string digits;
    MenuAction action;
};

struct Menu {
    std::string name;  // host or participant
    std::vector<MenuChoice> choices;
};
config::Table menu_keys();
// A role without a section gets its default menu: sorted out here, with complaints.
void check_menus(std::vector<Menu>& menus, const config::Entries& entries, config::Problems& problems);
const Menu& menu_for(const std::vector<Menu>& menus, bool host);

class MenuKeys {
public:
    enum class Kind : std::uint8_t { pending, nothing, chosen };  // pending: wait for a key or the timeout
    struct Result {
        Kind kind = Kind::nothing;
        MenuAction action{};
    };
    Result press(char digit, const Menu& menu);
    Result timed_out(const Menu& menu);
    bool empty() const { return digits_.empty(); }

private:
    std::string digits_;
};

}  // namespace confab::bridge

template <>
struct confab::config::Value<confab::bridge::MenuChoice> {
    static std::string_view expected() {
        return "keys of 0-9*# (at most 8), a space and mute-toggle, hand-toggle, count, volume-up, volume-down, gain-up, gain-down, mute-all, unmute-all, "
               "lock-toggle, admit-all, record-toggle or end";
    }
    static std::optional<confab::bridge::MenuChoice> parse(std::string_view text);
};
