#include "io/resolver.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <set>

#include "base/text.hpp"
#include "dns/zone.hpp"
#include "io/descriptor.hpp"
#include "io/error.hpp"
#include "stage.hpp"

using namespace confab;
using dns::Failure;
using test::run_until;
using test::tcp;
using test::udp;

namespace {

// An authoritative server on a UDP port of this loop that answers from a zone, with a time to live of 60 s.
class Server {
public:
    explicit Server(io::Loop& loop) : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), watch_(loop, socket_.get()) {
        sockaddr_storage storage{};
        const auto size = io::to_kernel(test::loopback(), storage);
        REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&storage), size) == 0);
        socklen_t length = sizeof storage;
        REQUIRE(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&storage), &length) == 0);
        address = io::from_kernel(storage);
        watch_.on_readable([this] { receive(); });
    }

    base::SocketAddress address;
    test::Zone zone;
    std::set<std::string> mute;  // names that get no answer
    std::size_t time_to_live = 60;
    std::multiset<std::string> seen;

private:
    void receive() {
        char query[512];
        sockaddr_storage peer{};
        socklen_t length = sizeof peer;
        const auto size = ::recvfrom(socket_.get(), query, sizeof query, 0, reinterpret_cast<sockaddr*>(&peer), &length);
        if (size < 17) return;
        dns::Question question;
        std::size_t at = 12;
        while (query[at] != 0) {
            if (!question.name.empty()) question.name += '.';
            question.name += base::to_lower({query + at + 1, static_cast<std::size_t>(query[at])});
            at += static_cast<std::size_t>(query[at]) + 1;
        }
        question.type = static_cast<dns::Type>(static_cast<unsigned char>(query[at + 2]));
        seen.insert(question.name + '/' + std::to_string(static_cast<int>(question.type)));
        if (mute.contains(question.name)) return;
        const auto answer = zone.answer(question);
        using Outcome = dns::Answer::Outcome;
        const char rcode = answer.outcome == Outcome::failed ? 2 : answer.outcome == Outcome::no_such_name ? 3 : 0;
        const auto asked = std::string(query + 12, at + 5 - 12);
        std::string text(query, 2);
        text += std::string{'\x85', static_cast<char>('\x80' | rcode)} + test::wire(1u) + test::wire(static_cast<unsigned>(answer.rdata.size()));
        text += test::wire(answer.rdata.empty() ? 1u : 0u) + test::wire(0u) + asked;
        for (const auto rdata : answer.rdata) text += record(asked.substr(0, asked.size() - 4), static_cast<unsigned>(question.type), rdata);
        if (answer.rdata.empty())  // the SOA that lets a cache keep the negative answer
            text += record(std::string("\x03org\0", 5), 6, test::wire_name("ns.org") + test::wire_name("a.org") + std::string(16, '\0') + test::wire(0u) + test::wire(60u));
        ::sendto(socket_.get(), text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&peer), length);
    }
    std::string record(const std::string& owner, unsigned type, std::string_view rdata) const {
        return owner + test::wire(type) + test::wire(1u) + test::wire(0u) + test::wire(static_cast<unsigned>(time_to_live)) +
               test::wire(static_cast<unsigned>(rdata.size())) + std::string(rdata);
    }

    io::Descriptor socket_;
    io::Watch watch_;
};

struct Stage {
    io::Loop loop;
    Server server{loop};
    test::Folder folder;

    Stage() {
        server.zone.srv("_sip._udp.example.org", {test::srv(1, 0, 5070, "a.example.org"), test::srv(2, 0, 5071, "b.example.org")});
        server.zone.a("a.example.org", {"192.0.2.1"}).a("b.example.org", {"192.0.2.2"}).aaaa("b.example.org", {"2001:db8::2"});
    }
    io::Resolver::Options options(base::Duration budget = base::seconds(10)) const {
        io::Resolver::Options options;
        options.servers = {server.address};
        options.budget = budget;
        options.hosts_file = "";
        return options;
    }
    std::optional<dns::Locating::Result> resolve(io::Resolver& resolver, dns::Query query) {
        std::optional<dns::Locating::Result> result;
        resolver.resolve(std::move(query), [&](dns::Locating::Result got) { result = std::move(got); });
        CHECK_FALSE(result);  // never before resolve has returned
        CHECK(run_until(loop, [&] { return result.has_value(); }));
        return result;
    }
    Failure failure(io::Resolver& resolver, dns::Query query) {
        const auto result = resolve(resolver, std::move(query));
        REQUIRE(result);
        REQUIRE_FALSE(result->has_value());
        return result->error();
    }
};

const dns::Query kExample{"example.org"};
const std::vector kExampleEndpoints{udp("192.0.2.1:5070"), udp("192.0.2.2:5071"), udp("[2001:db8::2]:5071")};

}  // namespace

TEST_CASE("resolver: the way through NAPTR, SRV and addresses; the second time without a question") {
    Stage stage;
    io::Resolver resolver(stage.loop, stage.options());
    CHECK(stage.resolve(resolver, kExample)->value() == kExampleEndpoints);
    CHECK(stage.server.seen == std::multiset<std::string>{"example.org/35", "_sip._udp.example.org/33", "_sip._tcp.example.org/33", "a.example.org/1",
                                                          "a.example.org/28", "b.example.org/1", "b.example.org/28"});
    CHECK(resolver.counts().questions == 7);
    CHECK(stage.resolve(resolver, kExample)->value() == kExampleEndpoints);
    CHECK(resolver.counts().questions == 7);
    CHECK(resolver.counts().kept == 7);
    CHECK(stage.server.seen.size() == 7);
    CHECK(stage.failure(resolver, {"nowhere.org"}) == Failure::no_such_name);
    CHECK(stage.resolve(resolver, {"192.0.2.9", 5080, dns::Service::tcp})->value() == std::vector{tcp("192.0.2.9:5080")});
    CHECK(stage.failure(resolver, {"not a name"}) == Failure::no_such_name);
    CHECK(resolver.counts().failures == 2);
}

TEST_CASE("resolver: resolves at the same time share questions, and each has its result") {
    Stage stage;
    io::Resolver resolver(stage.loop, stage.options());
    std::size_t same = 0;
    for (int i = 0; i < 500; ++i) resolver.resolve(kExample, [&](dns::Locating::Result result) { same += result == kExampleEndpoints; });
    CHECK(run_until(stage.loop, [&] { return same == 500; }));
    CHECK(resolver.counts().questions == 7);
}

TEST_CASE("resolver: a time to live of zero is not kept") {
    Stage stage;
    stage.server.time_to_live = 0;
    io::Resolver resolver(stage.loop, stage.options());
    CHECK(stage.resolve(resolver, {"a.example.org", 5060})->value() == std::vector{udp("192.0.2.1:5060")});
    stage.server.zone.a("a.example.org", {"192.0.2.77"});
    CHECK(stage.resolve(resolver, {"a.example.org", 5060})->value() == std::vector{udp("192.0.2.77:5060")});
}

TEST_CASE("resolver: what is found within the budget counts, what comes later serves the next") {
    Stage stage;
    io::Resolver resolver(stage.loop, stage.options(base::milliseconds(300)));
    stage.server.mute = {"b.example.org"};
    const auto begun = stage.loop.now().steady;
    CHECK(stage.resolve(resolver, kExample)->value() == std::vector{udp("192.0.2.1:5070")});
    CHECK(stage.loop.now().steady - begun >= base::milliseconds(300));
    stage.server.mute = {"a.example.org", "b.example.org"};
    CHECK(stage.failure(resolver, {"b.example.org", 5060}) == Failure::timeout);
    CHECK(resolver.counts().timeouts == 1);
    stage.server.mute.clear();  // libunbound asks again by itself, nobody here does
    const auto asked = resolver.counts().questions;
    stage.server.seen.clear();
    CHECK(run_until(stage.loop, [&] { return stage.server.seen.contains("b.example.org/1") && stage.server.seen.contains("b.example.org/28"); }));
    CHECK(stage.resolve(resolver, kExample)->value() == kExampleEndpoints);
    CHECK(resolver.counts().questions == asked);
}

TEST_CASE("resolver: SERVFAIL is told apart from silence") {
    Stage stage;
    stage.server.zone.fails("broken.org", dns::Type::a).fails("broken.org", dns::Type::aaaa);
    io::Resolver resolver(stage.loop, stage.options());
    CHECK(stage.failure(resolver, {"broken.org", 5060}) == Failure::server_failure);
}

TEST_CASE("resolver: at its limit it says so at once") {
    Stage stage;
    auto options = stage.options();
    options.limit = 2;
    stage.server.mute = {"a.example.org"};
    io::Resolver resolver(stage.loop, options);
    std::vector<dns::Locating::Result> results;
    const auto keep = [&](dns::Locating::Result result) { results.push_back(std::move(result)); };
    for (int i = 0; i < 2; ++i) resolver.resolve({"a.example.org", 5060}, keep);  // two questions that both wait for
    CHECK(stage.failure(resolver, {"b.example.org", 5060}) == Failure::server_failure);
    CHECK(results.empty());
}

TEST_CASE("resolver: the hosts file stands above DNS") {
    Stage stage;
    auto options = stage.options();
    options.hosts_file = stage.folder.write("hosts", "127.0.0.7 example.org\n");
    io::Resolver resolver(stage.loop, options);
    CHECK(stage.resolve(resolver, kExample)->value() == std::vector{udp("127.0.0.7:5060")});
    CHECK(stage.server.seen.empty());
}

TEST_CASE("resolver: new servers take over while old questions still wait") {
    Stage stage;
    Server second(stage.loop);
    second.zone.a("a.example.org", {"192.0.2.99"});
    stage.server.mute = {"slow.example.org"};
    stage.server.zone.a("slow.example.org", {"192.0.2.50"});
    io::Resolver resolver(stage.loop, stage.options());
    CHECK(stage.resolve(resolver, {"a.example.org", 5060})->value() == std::vector{udp("192.0.2.1:5060")});
    std::optional<dns::Locating::Result> slow;
    resolver.resolve({"slow.example.org", 5060}, [&](dns::Locating::Result result) { slow = std::move(result); });
    CHECK(run_until(stage.loop, [&] { return stage.server.seen.contains("slow.example.org/1"); }));
    auto options = stage.options();
    options.servers = {second.address};
    resolver.configure(options);
    CHECK(stage.resolve(resolver, {"a.example.org", 5060})->value() == std::vector{udp("192.0.2.99:5060")});
    CHECK_FALSE(slow);
    stage.server.mute.clear();
    CHECK(run_until(stage.loop, [&] { return slow.has_value(); }));
    CHECK(slow->value() == std::vector{udp("192.0.2.50:5060")});
    for (int i = 0; i < 20; ++i) {  // no context is left behind for each change
        options.budget += base::seconds(1);
        resolver.configure(options);
    }
    CHECK(stage.resolve(resolver, {"a.example.org", 5060})->value() == std::vector{udp("192.0.2.99:5060")});
}

TEST_CASE("resolver: ends with questions open, even from its own callback, and says nothing afterwards") {
    Stage stage;
    stage.server.mute = {"a.example.org"};
    bool told = false;
    {
        io::Resolver resolver(stage.loop, stage.options());
        resolver.resolve(kExample, [&](const dns::Locating::Result&) { told = true; });
        CHECK(run_until(stage.loop, [&] { return stage.server.seen.contains("a.example.org/1"); }));
    }
    auto resolver = std::make_unique<io::Resolver>(stage.loop, stage.options());
    int ended = 0;
    for (int i = 0; i < 3; ++i)
        resolver->resolve({"b.example.org", 5060}, [&](const dns::Locating::Result&) {
            ++ended;
            resolver.reset();
        });
    CHECK(run_until(stage.loop, [&] { return ended > 0; }));
    test::settle(stage.loop);
    CHECK(ended == 1);
    CHECK_FALSE(told);
}

TEST_CASE("resolver: a server that cannot be one is refused") {
    io::Loop loop;
    io::Resolver::Options options;
    options.servers = {base::SocketAddress{}};
    CHECK_THROWS_AS(io::Resolver(loop, options), io::StartupError);
}
