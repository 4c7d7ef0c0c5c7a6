#include "dns/locating.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/text.hpp"

namespace confab::dns {
namespace {

constexpr std::size_t kBranches = 8;

Type address_type(base::Family family) { return family == base::Family::ipv6 ? Type::aaaa : Type::a; }
base::Family family_of(Type type) { return type == Type::aaaa ? base::Family::ipv6 : base::Family::ipv4; }

std::string srv_name(Service service, const std::string& host) {
    switch (service) {
        case Service::udp: return "_sip._udp." + host;
        case Service::tcp: return "_sip._tcp." + host;
        case Service::tls: return "_sips._tcp." + host;
    }
    return {};
}

// RFC 3263 §4.1: the service field of a NAPTR record that speaks of SIP. Empty inside: a transport nobody here knows (SCTP).
bool speaks_of_sip(const Naptr& naptr) { return base::istarts_with(naptr.service, "SIP+D2") || base::istarts_with(naptr.service, "SIPS+D2"); }
std::optional<Service> service_of(const Naptr& naptr) {
    if (base::iequals(naptr.service, "SIP+D2U")) return Service::udp;
    if (base::iequals(naptr.service, "SIP+D2T")) return Service::tcp;
    if (base::iequals(naptr.service, "SIPS+D2T")) return Service::tls;
    return std::nullopt;
}

}  // namespace

Locating::Locating(Query query, const Abilities& abilities, const Hosts& hosts, base::Random& random)
    : query_(std::move(query)), abilities_(abilities), hosts_(hosts), random_(random) {
    if (query_.secure && query_.transport == Service::tcp) query_.transport = Service::tls;
}

bool Locating::supports(Service service) const {
    return (!query_.secure || service == Service::tls) && std::ranges::find(abilities_.services, service) != abilities_.services.end();
}

// §4.1: where nothing else says it, UDP for sip and TLS for sips; a program without UDP takes TCP.
std::optional<Service> Locating::usual_service() const {
    for (const auto service : {Service::udp, Service::tcp, Service::tls})
        if (service == Service::tls ? query_.secure && supports(service) : supports(service)) return service;
    return std::nullopt;
}

std::vector<Question> Locating::start() {
    std::vector<Question> out;
    const auto service = query_.transport ? query_.transport : usual_service();
    if (!service || !supports(*service)) {
        verdict_ = Failure::no_transport;
        return out;
    }
    const auto ip = base::IpAddress::parse(query_.host);
    const auto name = ip ? query_.host : host_name(query_.host);
    if (!name) {
        verdict_ = Failure::no_such_name;
        return out;
    }
    query_.host = *name;
    if (ip) addresses_[query_.host][ip->family] = {*ip};
    if (ip || query_.port != 0 || hosts_.find(query_.host) != nullptr)
        ask_host(*service, out);
    else if (query_.transport)
        ask_service(*service, srv_name(*service, query_.host), out);
    else
        ask(query_.host, Type::naptr, out);
    return out;
}

void Locating::ask(std::string name, Type type, std::vector<Question>& out) {
    Question question{std::move(name), type};
    open_.push_back(question);
    out.push_back(std::move(question));
}

void Locating::ask_service(Service service, std::string name, std::vector<Question>& out) {
    const auto same = [&](const Branch& branch) { return branch.service == service && branch.srv_name == name; };
    if (branches_.size() == kBranches || std::ranges::any_of(branches_, same)) return;
    branches_.push_back({service, name, {}});
    const Question question{name, Type::srv};
    if (std::ranges::find(open_, question) == open_.end()) ask(std::move(name), Type::srv, out);
}

void Locating::ask_host(Service service, std::vector<Question>& out) {
    branches_.push_back({service, {}, {{query_.host, query_.port != 0 ? query_.port : default_port(service)}}});
    ask_addresses(query_.host, out);
}

void Locating::ask_addresses(const std::string& name, std::vector<Question>& out) {
    if (addresses_.contains(name) || addresses_.size() == kHosts) return;
    auto& by_family = addresses_[name];
    if (const auto* known = hosts_.find(name)) {
        for (const auto& ip : *known) by_family[ip.family].push_back(ip);
        return;
    }
    for (const auto family : abilities_.families) ask(name, address_type(family), out);
}

std::vector<Question> Locating::answer(const Question& question, const Answer& answer) {
    std::vector<Question> out;
    const auto asked = std::ranges::find(open_, question);
    if (asked == open_.end()) return out;
    open_.erase(asked);
    failed_ = failed_ || answer.outcome == Answer::Outcome::failed;
    switch (question.type) {
        case Type::naptr: take_naptr(answer, out); break;
        case Type::srv: take_srv(question.name, answer, out); break;
        case Type::a:
        case Type::aaaa: take_addresses(question, answer); break;
    }
    return out;
}

void Locating::take_naptr(const Answer& answer, std::vector<Question>& out) {
    if (answer.outcome == Answer::Outcome::no_such_name) {
        verdict_ = Failure::no_such_name;
        return;
    }
    std::vector<Naptr> records;
    for (const auto rdata : answer.rdata)
        if (auto naptr = read_naptr(rdata); naptr && speaks_of_sip(*naptr)) records.push_back(std::move(*naptr));
    if (records.empty()) {
        for (const auto service : abilities_.services)
            if (supports(service) && (service != Service::tls || query_.secure)) ask_service(service, srv_name(service, query_.host), out);
        return;
    }
    by_naptr_ = true;
    std::ranges::stable_sort(records, {}, [](const Naptr& naptr) { return std::pair(naptr.order, naptr.preference); });
    for (auto& naptr : records) {
        const auto service = service_of(naptr);
        if (!service || !supports(*service) || !base::iequals(naptr.flags, "s") || !naptr.regexp.empty() || naptr.replacement.empty()) continue;
        ask_service(*service, std::move(naptr.replacement), out);
    }
    if (branches_.empty()) verdict_ = Failure::no_transport;
}

void Locating::take_srv(const std::string& name, const Answer& answer, std::vector<Question>& out) {
    srv_failed_ = srv_failed_ || answer.outcome == Answer::Outcome::failed;
    std::vector<Srv> records;
    for (const auto rdata : answer.rdata)
        if (auto srv = read_srv(rdata)) records.push_back(std::move(*srv));
    found_srv_ = found_srv_ || !records.empty();
    // RFC 2782: the root as target says that there is no such service.
    std::erase_if(records, [](const Srv& srv) { return srv.target.empty() || srv.port == 0; });
    records = draw(std::move(records));
    for (auto& branch : branches_) {
        if (branch.srv_name != name) continue;
        for (const auto& srv : records) branch.targets.push_back({srv.target, srv.port});
    }
    for (const auto& srv : records) ask_addresses(srv.target, out);
    const bool last = std::ranges::none_of(open_, [](const Question& question) { return question.type == Type::srv; });
    if (last && !found_srv_ && !srv_failed_ && !by_naptr_) ask_host(query_.transport ? *query_.transport : *usual_service(), out);
}

void Locating::take_addresses(const Question& question, const Answer& answer) {
    nameless_ = nameless_ || (answer.outcome == Answer::Outcome::no_such_name && question.name == query_.host);
    auto& known = addresses_[question.name][family_of(question.type)];
    for (const auto rdata : answer.rdata) {
        const auto ip = read_address(question.type, rdata);
        if (ip && known.size() < kRecords) known.push_back(*ip);
    }
}

// RFC 2782: by priority, and within one priority each next one at random in proportion to its weight, weight 0 with the smallest of chances.
std::vector<Srv> Locating::draw(std::vector<Srv> records) {
    std::ranges::stable_sort(records, {}, [](const Srv& srv) { return std::pair(srv.priority, srv.weight != 0); });
    if (records.size() > kRecords) records.resize(kRecords);
    for (auto next = records.begin(); next != records.end(); ++next) {
        const auto end = std::find_if(next, records.end(), [&](const Srv& srv) { return srv.priority != next->priority; });
        const auto sum = std::accumulate(next, end, std::uint64_t{0}, [](auto total, const Srv& srv) { return total + srv.weight; });
        const auto drawn = random_.below(sum + 1);
        std::uint64_t running = 0;
        const auto chosen = std::find_if(next, end, [&](const Srv& srv) { return (running += srv.weight) >= drawn; });
        std::rotate(next, chosen, chosen + 1);  // the others keep their order, those of weight 0 first
    }
    return records;
}

Locating::Result Locating::result() const {
    std::vector<Endpoint> endpoints;
    for (const auto& branch : branches_) {
        for (const auto& target : branch.targets) {
            const auto known = addresses_.find(target.name);
            if (known == addresses_.end()) continue;
            for (const auto family : abilities_.families) {
                const auto of_family = known->second.find(family);
                if (of_family == known->second.end()) continue;
                for (const auto& ip : of_family->second) {
                    const Endpoint endpoint{branch.service, {ip, target.port}};
                    if (endpoints.size() < kEndpoints && std::ranges::find(endpoints, endpoint) == endpoints.end()) endpoints.push_back(endpoint);
                }
            }
        }
    }
    if (!endpoints.empty()) return endpoints;
    return std::unexpected(why_nothing());
}

Failure Locating::why_nothing() const {
    if (verdict_) return *verdict_;
    if (!is_done()) return Failure::timeout;
    if (failed_) return Failure::server_failure;
    const bool targets = std::ranges::any_of(branches_, [](const Branch& branch) { return !branch.targets.empty(); });
    if (found_srv_ && !targets) return Failure::no_transport;
    return nameless_ ? Failure::no_such_name : Failure::no_address;
}

}  // namespace confab::dns
