// The search for the servers of one next hop (RFC 3263 §4.1 and §4.2): asks questions, takes answers, ends with endpoints in the order to try them.
//
// Pure. Owner: whoever made it. Questions of one step go out together. An explicit port, an IP literal or a name in the hosts file leaves out NAPTR and
// SRV. NAPTR records are taken by order and preference, all of them: a later one is where to go when those before it fail. SRV records are
// drawn by priority and weight (RFC 2782) when their answer comes. SERVFAIL on NAPTR is taken for none (some servers know no NAPTR); on SRV it is not
// taken for "use the host's address", which may be a web server. sips accepts TLS and nothing else.
#pragma once

#include <compare>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "dns/endpoint.hpp"
#include "dns/records.hpp"

namespace confab::dns {

struct Question {
    std::string name;
    Type type = Type::a;
    auto operator<=>(const Question&) const = default;
};

struct Answer {
    enum class Outcome : std::uint8_t { records, none, no_such_name, failed };
    Outcome outcome = Outcome::failed;
    std::vector<std::string_view> rdata{};  // of the type that was asked; aliases (CNAME) are already followed
};

// What we can do, in the order we like it.
struct Abilities {
    std::vector<Service> services{Service::udp, Service::tcp, Service::tls};
    std::vector<base::Family> families{base::Family::ipv4, base::Family::ipv6};
};

class Locating {
public:
    // Bounds: what an answer holds beyond them is left out, the least preferred first where there is an order.
    static constexpr std::size_t kRecords = 32;    // of one answer
    static constexpr std::size_t kHosts = 16;      // names whose addresses are asked
    static constexpr std::size_t kEndpoints = 32;  // in the result

    using Result = std::expected<std::vector<Endpoint>, Failure>;

    // `abilities`, `hosts` and `random` outlive the object.
    Locating(Query query, const Abilities& abilities, const Hosts& hosts, base::Random& random);

    std::vector<Question> start();  // once; nothing to ask: done
    // The questions that follow. An answer to what was not asked, or was answered before, changes nothing.
    std::vector<Question> answer(const Question& question, const Answer& answer);
    bool is_done() const { return open_.empty(); }
    // Before the end it holds what is known so far, so that one slow name does not spoil the others; `timeout` when that is nothing.
    Result result() const;

private:
    struct Target {
        std::string name;
        std::uint16_t port = 0;
    };
    struct Branch {
        Service service = Service::udp;
        std::string srv_name;  // "" when no SRV is asked
        std::vector<Target> targets;
    };

    bool supports(Service service) const;
    std::optional<Service> usual_service() const;
    void ask(std::string name, Type type, std::vector<Question>& out);
    void ask_service(Service service, std::string name, std::vector<Question>& out);
    void ask_host(Service service, std::vector<Question>& out);
    void ask_addresses(const std::string& name, std::vector<Question>& out);
    void take_naptr(const Answer& answer, std::vector<Question>& out);
    void take_srv(const std::string& name, const Answer& answer, std::vector<Question>& out);
    void take_addresses(const Question& question, const Answer& answer);
    Failure why_nothing() const;
    std::vector<Srv> draw(std::vector<Srv> records);

    Query query_;
    const Abilities& abilities_;
    const Hosts& hosts_;
    base::Random& random_;
    std::vector<Question> open_;
    std::vector<Branch> branches_;
    std::map<std::string, std::map<base::Family, std::vector<base::IpAddress>>> addresses_;
    std::optional<Failure> verdict_;  // known without asking further
    bool by_naptr_ = false, found_srv_ = false, srv_failed_ = false, failed_ = false, nameless_ = false;
};

}  // namespace confab::dns
