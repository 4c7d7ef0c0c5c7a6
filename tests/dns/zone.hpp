// Rdata as a server would send it, and a zone that answers what a Locating asks.
#pragma once

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dns/locating.hpp"

namespace confab::test {

inline std::string wire(unsigned number) { return {static_cast<char>(number >> 8), static_cast<char>(number & 0xff)}; }
inline std::string wire(std::string_view text) { return static_cast<char>(text.size()) + std::string(text); }
inline std::string wire_name(std::string_view name) {
    std::string out;
    while (!name.empty()) {
        const auto label = name.substr(0, name.find('.'));
        out += wire(label);
        name.remove_prefix(std::min(name.size(), label.size() + 1));
    }
    return out + '\0';
}
inline std::string srv(unsigned priority, unsigned weight, unsigned port, std::string_view target) {
    return wire(priority) + wire(weight) + wire(port) + wire_name(target);
}
inline std::string naptr(unsigned order, unsigned preference, std::string_view service, std::string_view replacement, std::string_view flags = "s",
                         std::string_view regexp = "") {
    return wire(order) + wire(preference) + wire(flags) + wire(service) + wire(regexp) + wire_name(replacement);
}
inline std::string address(std::string_view text) {
    const auto ip = *base::IpAddress::parse(text);
    return {reinterpret_cast<const char*>(ip.octets.data()), ip.family == base::Family::ipv4 ? 4u : 16u};
}

inline dns::Endpoint endpoint(dns::Service transport, std::string_view text) { return {transport, *base::SocketAddress::parse(text)}; }
inline dns::Endpoint udp(std::string_view text) { return endpoint(dns::Service::udp, text); }
inline dns::Endpoint tcp(std::string_view text) { return endpoint(dns::Service::tcp, text); }
inline dns::Endpoint tls(std::string_view text) { return endpoint(dns::Service::tls, text); }

class Zone {
public:
    Zone& srv(const std::string& name, std::vector<std::string> rdata) { return put(name, dns::Type::srv, std::move(rdata)); }
    Zone& naptr(const std::string& name, std::vector<std::string> rdata) { return put(name, dns::Type::naptr, std::move(rdata)); }
    Zone& a(const std::string& name, const std::vector<std::string>& addresses) { return put(name, dns::Type::a, octets(addresses)); }
    Zone& aaaa(const std::string& name, const std::vector<std::string>& addresses) { return put(name, dns::Type::aaaa, octets(addresses)); }
    Zone& fails(const std::string& name, dns::Type type) {
        failing_.push_back({name, type});
        return *this;
    }
    Zone& is_silent(const std::string& name, dns::Type type) {
        silent_.push_back({name, type});
        return *this;
    }

    // NXDOMAIN only where the zone has nothing at or below the name, as RFC 8020 has it.
    dns::Answer answer(const dns::Question& question) const {
        if (std::ranges::find(failing_, question) != failing_.end()) return {};
        const auto found = records_.find(question);
        if (found != records_.end()) {
            dns::Answer answer{dns::Answer::Outcome::records};
            answer.rdata.assign(found->second.begin(), found->second.end());
            return answer;
        }
        for (const auto& [known, rdata] : records_)
            if (known.name == question.name || known.name.ends_with('.' + question.name)) return {dns::Answer::Outcome::none};
        return {dns::Answer::Outcome::no_such_name};
    }

    dns::Locating::Result locate(dns::Query query) {
        asked.clear();
        dns::Locating locating(std::move(query), abilities, hosts, random);
        auto questions = locating.start();
        for (std::size_t i = 0; i < questions.size(); ++i) {
            const auto question = questions[i];
            asked.push_back(question.name + '/' + std::to_string(static_cast<int>(question.type)));
            if (std::ranges::find(silent_, question) != silent_.end()) continue;
            for (auto& next : locating.answer(question, answer(question))) questions.push_back(std::move(next));
        }
        return locating.result();
    }

    dns::Abilities abilities;
    dns::Hosts hosts;
    base::Random random{base::Seed{1}};
    std::vector<std::string> asked;

private:
    Zone& put(const std::string& name, dns::Type type, std::vector<std::string> rdata) {
        records_[{name, type}] = std::move(rdata);
        return *this;
    }
    static std::vector<std::string> octets(const std::vector<std::string>& addresses) {
        std::vector<std::string> out;
        for (const auto& text : addresses) out.push_back(address(text));
        return out;
    }

    std::map<dns::Question, std::vector<std::string>> records_;
    std::vector<dns::Question> failing_, silent_;
};

}  // namespace confab::test

namespace Catch {
template <>
struct StringMaker<confab::dns::Endpoint> {
    static std::string convert(const confab::dns::Endpoint& endpoint) {
        return std::string(confab::dns::service_name(endpoint.transport)) + ':' + endpoint.address.text();
    }
};
}  // namespace Catch
