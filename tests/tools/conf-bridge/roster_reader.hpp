// A watcher of rosters: applies documents of RFC 4575 as §4.6 says, as far as ours go. Knows nothing of how they are made.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace confab::bridge::test {

class Reader {
public:
    void read(std::string_view document) {
        const auto root = element(document, "conference-info");
        state = attribute(root, "state");
        version = std::stoi(attribute(root, "version"));
        const auto users_at = document.find("<users");
        if (users_at == document.npos) return;
        if (attribute(element(document.substr(users_at), "users"), "state") == "full") users_.clear();
        auto rest = document.substr(users_at);
        for (auto at = rest.find("<user "); at != rest.npos; at = rest.find("<user ", at + 1)) take_user(rest.substr(at));
    }

    // "entity member status role", in order.
    std::vector<std::string> members() const {
        std::vector<std::string> out;
        for (const auto& [entity, user] : users_)
            for (const auto& [member, status] : user.endpoints) out.push_back(entity + ' ' + std::to_string(member) + ' ' + status + ' ' + user.role);
        return out;
    }

    std::string state;
    int version = -1;

private:
    struct User {
        std::string role;
        std::map<int, std::string> endpoints;
    };

    // The start tag of the first such element.
    static std::string_view element(std::string_view text, std::string_view name) {
        const auto at = text.find('<' + std::string(name));
        if (at == text.npos) throw std::runtime_error("no " + std::string(name));
        return text.substr(at, text.find('>', at) - at + 1);
    }
    static std::string attribute(std::string_view tag, std::string_view name) {
        const auto at = tag.find(' ' + std::string(name) + "=\"");
        if (at == tag.npos) throw std::runtime_error("no " + std::string(name));
        const auto begin = at + name.size() + 3;
        return std::string(tag.substr(begin, tag.find('"', begin) - begin));
    }
    static std::string content(std::string_view text, std::string_view name) {
        const auto begin = text.find('<' + std::string(name) + '>') + name.size() + 2;
        return std::string(text.substr(begin, text.find('<', begin) - begin));
    }

    void take_user(std::string_view text) {
        const auto tag = element(text, "user");
        const auto entity = attribute(tag, "entity"), how = attribute(tag, "state");
        if (how == "deleted") {
            users_.erase(entity);
            return;
        }
        text = text.substr(0, text.find("</user>"));
        if (how == "full") users_.erase(entity);
        auto& user = users_[entity];
        user.role = content(text, "entry");
        for (auto at = text.find("<endpoint "); at != text.npos; at = text.find("<endpoint ", at + 1)) {
            const auto endpoint = element(text.substr(at), "endpoint");
            const auto name = attribute(endpoint, "entity");
            const auto member = std::stoi(name.substr(name.rfind('=') + 1));
            if (attribute(endpoint, "state") == "deleted")
                user.endpoints.erase(member);
            else
                user.endpoints[member] = content(text.substr(at), "status");
        }
    }

    std::map<std::string, User> users_;
};

}  // namespace confab::bridge::test
