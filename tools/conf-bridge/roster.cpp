#include "conf-bridge/roster.hpp"

#include <algorithm>
#include <vector>

#include "base/xml.hpp"
#include "conf-bridge/conference.hpp"

namespace confab::bridge {
namespace {

constexpr std::size_t kUserOctets = 160;  // tags and attributes of a user, beside its texts
constexpr std::size_t kEndpointOctets = 420;
constexpr std::size_t kWorstEscape = 6;   // &quot;

using base::append_attribute;
using base::append_element;

void append_root(std::string& out, std::string_view entity, std::uint32_t version, std::string_view state) {
    out += "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<conference-info xmlns=\"urn:ietf:params:xml:ns:conference-info\"";
    append_attribute(out, "entity", entity);
    append_attribute(out, "state", state);
    append_attribute(out, "version", std::to_string(version));
}

void append_endpoint_start(std::string& out, std::string_view conference, std::uint32_t member, std::string_view state) {
    out += "<endpoint";
    append_attribute(out, "entity", std::string(conference) + ";member=" + std::to_string(member));
    append_attribute(out, "state", state);
}

void append_endpoint(std::string& out, std::string_view conference, std::uint32_t member, const RosterEntry& entry) {
    append_endpoint_start(out, conference, member, "full");
    out += '>';
    append_element(out, "status", entry.status);
    append_element(out, "joining-method", entry.joining);
    out += "<joining-info>";
    append_element(out, "when", time_text(entry.since));
    out += "</joining-info><media id=\"1\"><type>audio</type>";
    append_element(out, "status", entry.media);
    out += "</media></endpoint>\r\n";
}

}  // namespace

// Members that a document tells, by user.
struct Roster::Told {
    struct One {
        std::string_view entity;
        std::vector<std::uint32_t> present, gone;
    };
    std::vector<One> users;
    std::unordered_map<std::string_view, std::size_t> index;

    One& of(std::string_view entity) {
        const auto [found, is_new] = index.emplace(entity, users.size());
        if (is_new) users.push_back({entity, {}, {}});
        return users[found->second];
    }
};

void Roster::put(std::uint32_t member, RosterEntry entry) {
    if (const auto known = entities_.find(member); known != entities_.end()) {
        auto& user = users_.find(known->second)->second;
        auto& held = user.members.at(member);
        if (held.entry == entry) return;
        if (held.entry.entity == entry.entity) {
            user.hosts += static_cast<std::size_t>(entry.host) - static_cast<std::size_t>(held.entry.host);
            changes_.erase(held.version);
            held = {std::move(entry), ++version_};
            changes_.emplace(version_, member);
            return;
        }
        remove(member);
    }
    auto& user = users_[entry.entity];
    user.hosts += entry.host ? 1 : 0;
    entities_.emplace(member, entry.entity);
    user.members.emplace(member, Member{std::move(entry), ++version_});
    changes_.emplace(version_, member);
}

void Roster::remove(std::uint32_t member) {
    const auto known = entities_.find(member);
    if (known == entities_.end()) return;
    const auto found = users_.find(known->second);
    auto& user = found->second;
    const auto held = user.members.find(member);
    user.hosts -= held->second.entry.host ? 1 : 0;
    changes_.erase(held->second.version);
    user.members.erase(held);
    if (user.members.empty()) users_.erase(found);
    departed_.push_back({++version_, member, std::move(known->second)});
    entities_.erase(known);
    if (departed_.size() <= kMostDeparted) return;
    forgotten_ = departed_.front().version;
    departed_.pop_front();
}

void Roster::forget() {
    forgotten_ = ++version_;
    departed_.clear();
}

// In the order of change, from both lists; the first always fits.
std::uint32_t Roster::gather(Told& told, std::size_t bound, const Known& known) const {
    auto present = changes_.upper_bound(known.told);
    auto gone = std::ranges::upper_bound(departed_, known.since, {}, &Departed::version);
    std::size_t octets = 0;
    while (present != changes_.end() || gone != departed_.end()) {
        const bool is_gone = present == changes_.end() || (gone != departed_.end() && gone->version < present->first);
        const std::string_view entity = is_gone ? gone->entity : entities_.at(present->second);
        octets += kEndpointOctets + kUserOctets + kWorstEscape * entity.size();
        if (!is_gone) octets += kWorstEscape * users_.find(entity)->second.members.at(present->second).entry.name.size();
        if (octets > bound && !told.users.empty()) return (is_gone ? gone->version : present->first) - 1;
        if (is_gone)
            told.of(entity).gone.push_back((gone++)->member);
        else
            told.of(entity).present.push_back((present++)->second);
    }
    return version_;
}

// A user is told in full where all its endpoints are.
void Roster::append_users(std::string& out, const Told& told, const Frame& frame, bool is_whole) const {
    out += "<users";
    append_attribute(out, "state", is_whole ? "full" : "partial");
    out += ">\r\n";
    for (const auto& one : told.users) {
        const auto user = users_.find(one.entity);
        out += "<user";
        append_attribute(out, "entity", one.entity);
        if (user == users_.end()) {
            out += " state=\"deleted\"/>\r\n";
            continue;
        }
        const bool is_full = one.present.size() == user->second.members.size();
        append_attribute(out, "state", is_full ? "full" : "partial");
        out += '>';
        const auto& newest = user->second.members.rbegin()->second.entry;
        if (!newest.name.empty()) append_element(out, "display-text", newest.name);
        out += "<roles>";
        append_element(out, "entry", user->second.hosts > 0 ? "host" : "participant");
        out += "</roles>\r\n";
        for (const auto member : one.present) append_endpoint(out, frame.entity, member, user->second.members.at(member).entry);
        for (const auto member : one.gone) {
            if (is_full || user->second.members.contains(member)) continue;  // it is back
            append_endpoint_start(out, frame.entity, member, "deleted");
            out += "/>\r\n";
        }
        out += "</user>\r\n";
    }
    out += "</users>\r\n";
}

std::uint64_t Roster::append_document(std::string& out, const Frame& frame, std::optional<std::uint64_t> mark) const {
    const bool is_whole = !mark || known_of(*mark).since < forgotten_;
    const auto known = is_whole ? Known{0, version_} : known_of(*mark);
    append_root(out, frame.entity, frame.version, is_whole ? "full" : "partial");
    out += ">\r\n";
    if (is_whole) {
        out += "<conference-description>";
        if (!frame.name.empty()) append_element(out, "display-text", frame.name);
        append_element(out, "maximum-user-count", std::to_string(frame.max_members));
        out += "</conference-description>\r\n";
    }
    out += "<conference-state>";
    append_element(out, "user-count", std::to_string(users_.size()));
    append_element(out, "active", "true");
    append_element(out, "locked", frame.locked ? "true" : "false");
    out += "</conference-state>\r\n";
    Told told;
    const auto last = gather(told, frame.bound, known);
    if (is_whole || !told.users.empty()) append_users(out, told, frame, is_whole);
    out += "</conference-info>\r\n";
    return std::uint64_t{std::max(known.since, last)} << 32 | last;
}

void append_deleted(std::string& out, std::string_view entity, std::uint32_t version) {
    append_root(out, entity, version, "deleted");
    out += "/>\r\n";
}

}  // namespace confab::bridge
