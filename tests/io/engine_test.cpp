#include "io/engine.hpp"

#include <catch2/catch.hpp>

#include "io/error.hpp"
#include "party.hpp"

using namespace confab;
using test::loopback;
using test::message;
using test::Party;
using test::run_until;
using sip::Transport;

namespace {

struct Effects {
    sip::Outbox transmit;
    base::Notes notes;
    std::vector<std::string> ask;
    std::vector<sip::FlowId> vouched;
    void clear() {
        transmit.clear();
        notes.clear();
        ask.clear();
        vouched.clear();
    }
};

// Says everything back, asks for each "ask", vouches for whoever says "trust", and has deadlines when told so.
struct Core {
    void receive(base::Now, const sip::Hop& source, std::string_view bytes, bool, Effects& effects) {
        if (bytes == message("ask")) effects.ask.emplace_back("question");
        if (bytes == message("trust")) effects.vouched.push_back(source.flow);
        effects.transmit.send(source, bytes);
    }
    std::optional<base::Instant> next_deadline() { return deadline; }
    void expire(base::Now now, Effects& effects) {
        ++expired;
        if (!deadline || *deadline > now.steady) return;
        deadline.reset();
        effects.ask.emplace_back("expired");
    }
    void flow_opened(base::Now, const sip::Hop&) { ++opened; }
    void flow_failed(base::Now, const sip::Hop&, Effects&) { ++failed; }
    void batch_begin(base::Now, base::Duration delay) {
        ++batches;
        longest = std::max(longest, delay);
    }
    std::optional<base::Instant> deadline;
    int expired = 0, opened = 0, failed = 0, batches = 0;
    base::Duration longest{};
};

config::Signalling settings() {
    config::Signalling made;
    made.listen = {{"udp", loopback(), {}, false}, {"tcp", loopback(), {}, false}};
    made.connections = 10;
    made.message_limit = 65535;
    made.write_queue = 65536;
    made.authentication_timeout = base::milliseconds(60);
    return made;
}

struct House {
    explicit House(io::Loop& loop) : engine(loop, settings(), core, {.act = [this](Effects& effects) { act(effects); }, .turned = [this] { ++turns; }}) {}
    void act(Effects& effects) {
        for (auto& question : effects.ask) {
            asked.push_back(question);
            // An answer that is there at once speaks to the core from within.
            if (question == "question") engine.turn([&](base::Now, Effects& more) { more.ask.emplace_back("answered"); });
        }
    }
    Core core;
    std::vector<std::string> asked;
    int turns = 0;
    io::Engine<Core, Effects> engine;
};

}  // namespace

TEST_CASE("engine: what comes in reaches the core, what it wants goes out, and the tool acts in between") {
    io::Loop loop;
    House house(loop);
    Party client(loop, {test::listener(Transport::udp)});
    REQUIRE(house.engine.listeners().size() == 2);
    CHECK(house.engine.listeners()[0].address.port != 0);
    client.send({Transport::udp, house.engine.listeners()[0].address}, message("ask"));
    REQUIRE(run_until(loop, [&] { return !client.texts.empty(); }));
    CHECK(client.texts[0] == message("ask"));
    CHECK(house.asked == std::vector<std::string>{"question", "answered"});
    CHECK(house.core.batches == 1);
    CHECK(house.turns == 1);

    auto status = local::Value::object({});
    house.engine.append_status(status);
    CHECK(status.find("listeners") != nullptr);
}

TEST_CASE("engine: an input's own answer comes back, after its effects") {
    io::Loop loop;
    House house(loop);
    CHECK(house.engine.turn([&](base::Now, Effects& effects) {
        effects.ask.emplace_back("x");
        return 7;
    }) == 7);
    CHECK(house.asked == std::vector<std::string>{"x"});
}

TEST_CASE("engine: deadlines are met, whichever way they move") {
    io::Loop loop;
    House house(loop);
    const auto begun = loop.now().steady;
    house.core.deadline = begun + base::seconds(100);
    house.engine.turn([](base::Now, Effects&) {});
    house.core.deadline = begun + base::milliseconds(20);  // earlier
    house.engine.turn([](base::Now, Effects&) {});
    house.core.deadline = begun + base::milliseconds(60);  // later: the timer looks, and waits again
    house.engine.turn([](base::Now, Effects&) {});
    REQUIRE(run_until(loop, [&] { return !house.asked.empty(); }));
    CHECK(loop.now().steady >= begun + base::milliseconds(60));
    CHECK(house.core.expired == 2);
}

TEST_CASE("engine: a core vouches for a connection, and hears of its beginning and end") {
    io::Loop loop;
    House house(loop);
    Party phone(loop, {test::listener(Transport::udp)}), stranger(loop, {test::listener(Transport::udp)});
    phone.send({Transport::tcp, house.engine.listeners()[1].address}, message("trust"));
    stranger.send({Transport::tcp, house.engine.listeners()[1].address}, message("hello"));
    REQUIRE(run_until(loop, [&] { return !stranger.failed.empty(); }));
    CHECK(phone.failed.empty());
    CHECK(house.core.opened == 2);
    CHECK(house.core.failed == 1);
    CHECK(house.engine.signalling().counts().unauthenticated_closed == 1);
}

TEST_CASE("engine: a certificate that does not do refuses the start and the reload") {
    io::Loop loop;
    auto wrong = settings();
    wrong.tls_certificate = "/nowhere/a.pem";
    wrong.tls_key = "/nowhere/a.key";
    Core core;
    CHECK_THROWS_AS((io::Engine<Core, Effects>(loop, wrong, core, {.act = [](Effects&) {}})), io::StartupError);
    House house(loop);
    CHECK_THROWS_AS(house.engine.reload(wrong), io::StartupError);
    config::Problems problems;
    io::check_certificates(wrong, "tls-certificate", {}, problems);
    REQUIRE(problems.size() == 1);
    CHECK(problems[0].key == "tls-certificate");
    CHECK(problems[0].got == "/nowhere/a.pem: No such file or directory");
}
