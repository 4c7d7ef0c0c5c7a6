#include "conf-bridge/menu.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace confab::bridge {
namespace {

constexpr std::size_t kLongestChoice = 8;

const Menu& default_menu(bool host) {
    using enum MenuAction;
    static const Menu kHost{"host", {{"*6", mute_toggle}, {"*5", hand_toggle}, {"*4", count}, {"*06", volume_up}, {"*04", volume_down}, {"*09", gain_up},
                                     {"*07", gain_down}, {"*1", mute_all}, {"*2", unmute_all}, {"*7", lock_toggle}, {"*3", admit_all}, {"*8", record_toggle},
                                     {"*99", end}}};
    static const Menu kParticipant{"participant", {{"*6", mute_toggle}, {"*5", hand_toggle}, {"*4", count}, {"*06", volume_up}, {"*04", volume_down},
                                                   {"*09", gain_up}, {"*07", gain_down}}};
    return host ? kHost : kParticipant;
}

bool begins(const Menu& menu, std::string_view digits, bool longer_only) {
    return std::ranges::any_of(menu.choices, [&](const MenuChoice& choice) {
        return choice.digits.starts_with(digits) && (!longer_only || choice.digits.size() > digits.size());
    });
}

const MenuChoice* find(const Menu& menu, std::string_view digits) {
    const auto found = std::ranges::find(menu.choices, digits, &MenuChoice::digits);
    return found == menu.choices.end() ? nullptr : &*found;
}

}  // namespace

config::Table menu_keys() {
    return {config::key("key", &Menu::choices, "", "Keys and what they do: mute-toggle, hand-toggle (raise or lower one's hand), count (tell how many are "
                                                   "there), volume-up and volume-down (how loud one hears), gain-up and gain-down (how loud one is heard), "
                                                   "mute-all and unmute-all (everybody but hosts), lock-toggle, admit-all (who waits), record-toggle, end "
                                                   "(the conference). The longest choice that was keyed counts.")
                .such_as("*6 mute-toggle")};
}

void check_menus(std::vector<Menu>& menus, const config::Entries& entries, config::Problems& problems) {
    for (const auto& menu : menus) {
        const auto section = "menu " + menu.name;
        if (menu.name != "host" && menu.name != "participant")
            problems.push_back({config::place_of(entries, {}, section), "menu", "[menu host] or [menu participant]", "[" + section + "]"});
        for (const auto& choice : menu.choices)
            if (std::ranges::count(menu.choices, choice.digits, &MenuChoice::digits) > 1 && &choice != find(menu, choice.digits))
                problems.push_back({config::place_of(entries, "key", section), "key", "one action for each choice", choice.digits + " twice"});
    }
    for (const bool host : {true, false})
        if (std::ranges::find(menus, default_menu(host).name, &Menu::name) == menus.end()) menus.push_back(default_menu(host));
}

const Menu& menu_for(const std::vector<Menu>& menus, bool host) {
    const auto found = std::ranges::find(menus, default_menu(host).name, &Menu::name);
    return found == menus.end() ? default_menu(host) : *found;
}

MenuKeys::Result MenuKeys::press(char digit, const Menu& menu) {
    digits_ += digit;
    if (begins(menu, digits_, true)) return {Kind::pending};
    return timed_out(menu);
}

MenuKeys::Result MenuKeys::timed_out(const Menu& menu) {
    const auto* choice = find(menu, digits_);
    digits_.clear();
    return choice ? Result{Kind::chosen, choice->action} : Result{};
}

}  // namespace confab::bridge

namespace confab::config {

std::optional<bridge::MenuChoice> Value<bridge::MenuChoice>::parse(std::string_view text) {
    using bridge::MenuAction;
    static constexpr Word<MenuAction> kWords[] = {
        {"mute-toggle", MenuAction::mute_toggle}, {"hand-toggle", MenuAction::hand_toggle}, {"count", MenuAction::count},
        {"volume-up", MenuAction::volume_up},     {"volume-down", MenuAction::volume_down}, {"gain-up", MenuAction::gain_up},
        {"gain-down", MenuAction::gain_down},     {"record-toggle", MenuAction::record_toggle},
        {"mute-all", MenuAction::mute_all},       {"unmute-all", MenuAction::unmute_all},   {"lock-toggle", MenuAction::lock_toggle},
        {"admit-all", MenuAction::admit_all},     {"end", MenuAction::end}};
    const auto space = text.find(' ');
    if (space == 0 || space == text.npos || space > bridge::kLongestChoice) return std::nullopt;
    const auto digits = text.substr(0, space);
    if (digits.find_first_not_of("0123456789*#") != digits.npos) return std::nullopt;
    const auto action = parse_word(base::trim(text.substr(space)), kWords);
    return action ? std::optional(bridge::MenuChoice{std::string(digits), *action}) : std::nullopt;
}

}  // namespace confab::config
