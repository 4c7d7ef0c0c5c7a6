// The frame with its control socket, end to end: a daemon in a thread of this program, asked over its socket.
#include <sys/socket.h>
#include <sys/un.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstring>
#include <thread>

#include "app/control.hpp"
#include "app/sample_program.hpp"
#include "io/descriptor.hpp"
#include "io/notify.hpp"
#include "io/signals.hpp"

using namespace confab;
using namespace confab::app;
using sample::Outcome;
using sample::Place;
using sample::run_words;

namespace {

io::Descriptor bind_datagrams(const std::string& path) {
    io::Descriptor bound(socket(AF_UNIX, SOCK_DGRAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    REQUIRE(bind(bound.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    timeval deadline{20, 0};
    setsockopt(bound.get(), SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    return bound;
}

std::string receive(const io::Descriptor& from) {
    char buffer[65536];
    const auto got = recv(from.get(), buffer, sizeof buffer, 0);
    return got > 0 ? std::string(buffer, static_cast<std::size_t>(got)) : "";
}

// Blocks the signals of the frame here, so that they reach the daemon's descriptor and nobody else; plays the service manager.
class Daemonised {
public:
    explicit Daemonised(const Place& place) : place_(place), manager_(bind_datagrams(place.path + "/notify")) {
        sigset_t set;
        sigemptyset(&set);
        for (int number : {SIGHUP, SIGTERM, SIGINT}) sigaddset(&set, number);
        pthread_sigmask(SIG_BLOCK, &set, &before_);
        setenv("NOTIFY_SOCKET", (place.path + "/notify").c_str(), 1);
        thread_ = std::thread([this] { outcome_ = run_words({"-c", place_.file(), "--log-level", "error"}); });
        REQUIRE(receive(manager_) == "FDSTORE=1\nFDPOLL=0\nFDNAME=control");
        REQUIRE(receive(manager_) == "READY=1");
    }
    ~Daemonised() {
        if (thread_.joinable()) end();
        unsetenv("NOTIFY_SOCKET");
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    Daemonised(const Daemonised&) = delete;
    Daemonised& operator=(const Daemonised&) = delete;

    Outcome ask(std::vector<std::string> words) const {
        words.insert(words.end(), {"--socket", place_.socket()});
        return run_words(words);
    }
    std::string told() const { return receive(manager_); }
    Outcome end() {
        kill(getpid(), SIGTERM);
        thread_.join();
        return outcome_;
    }
    Outcome join() {
        thread_.join();
        return outcome_;
    }

private:
    const Place& place_;
    io::Descriptor manager_;
    sigset_t before_{};
    Outcome outcome_;
    std::thread thread_;
};

// A raw client of the socket, as socat would be one.
class RawClient {
public:
    explicit RawClient(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
        REQUIRE(connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        timeval deadline{20, 0};
        setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    }
    void say(const std::string& line) { REQUIRE(send(socket_.get(), (line + "\n").data(), line.size() + 1, MSG_NOSIGNAL) > 0); }
    std::string line() {
        for (;;) {
            if (const auto end = buffer_.find('\n'); end != buffer_.npos) {
                auto out = buffer_.substr(0, end);
                buffer_.erase(0, end + 1);
                return out;
            }
            const auto more = receive(socket_);
            if (more.empty()) return "";
            buffer_ += more;
        }
    }
    bool was_cut_off() {
        while (!line().empty()) {
        }
        return true;
    }

private:
    io::Descriptor socket_;
    std::string buffer_;
};

}  // namespace

TEST_CASE("a daemon answers its commands") {
    Place place;
    Daemonised daemon(place);

    auto outcome = daemon.ask({"status"});
    CHECK(outcome.code == 0);
    CHECK(outcome.out.starts_with("daemon:  conf-sample\nversion: "));
    CHECK(outcome.out.ends_with("state:   running\ndepth:   7\n"));
    CHECK(daemon.ask({"status", "--json"}).out.starts_with(R"({"daemon":"conf-sample","version":")"));

    CHECK(daemon.ask({"room", "add", "alice"}).out == "changed:    yes\npin_length: 0\nmax:        0\n");
    outcome = daemon.ask({"room", "add", "nobody"});
    CHECK(outcome.code == 1);
    CHECK(outcome.err == "conf-sample: no-such-user: nobody is not a user\n");
    outcome = daemon.ask({"room", "add", "throw"});
    CHECK(outcome.code == 1);
    CHECK(outcome.err == "conf-sample: failed: disk full\n");

    CHECK(daemon.ask({"room", "list", "2"}).out == "NAME   SIZE\nroom0  0\nroom1  1\n");
    CHECK(daemon.ask({"room", "list", "0"}).out.empty());
    CHECK(daemon.ask({"room", "list", "2", "-j"}).out == "{\"name\":\"room0\",\"size\":0}\n{\"name\":\"room1\",\"size\":1}\n");

    CHECK(daemon.ask({"config"}).out == "KEY      VALUE\ncontrol  " + place.socket() + "\nrealm    example.org\ndepth    7\n");
    const auto metrics = daemon.ask({"metrics"}).out;
    CHECK(metrics.find("\nconfab_sample_rooms 1\n") != metrics.npos);
    CHECK(metrics.find("\nconfab_control_refused_total 2\n") != metrics.npos);
    CHECK(metrics.ends_with("# EOF\n"));

    CHECK(daemon.ask({"log", "warning"}).out == "changed: yes\n");
    CHECK(daemon.ask({"log", "warning"}).out == "changed: no\n");
    CHECK(daemon.ask({"log", "loud"}).err == "conf-sample: bad-argument: expected debug, info, warning or error, got 'loud'\n");

    outcome = run_words({"-c", place.file()});
    CHECK(outcome.code == 69);
    CHECK(outcome.err.find("already answering there") != outcome.err.npos);

    CHECK(daemon.end().code == 0);
    CHECK(std::filesystem::exists(place.socket()));  // the service manager was left the socket: its path stays for the next start
}

TEST_CASE("a secret comes from a file") {
    Place place;
    Daemonised daemon(place);
    const auto secret = place.path + "/pin";
    std::ofstream(secret) << "123456\n";
    std::filesystem::permissions(secret, std::filesystem::perms::owner_read);
    CHECK(daemon.ask({"room", "add", "x", "--pin-file", secret, "--max-members", "9"}).out ==
          "changed:    yes\npin_length: 6\nmax:        9\n");
    const auto outcome = daemon.ask({"room", "add", "x", "--pin-file", place.path + "/absent"});
    CHECK(outcome.code == 64);
    CHECK(outcome.err == "conf-sample: " + place.path + "/absent: No such file or directory\n");
}

TEST_CASE("a long listing streams whole") {
    Place place;
    Daemonised daemon(place);
    const auto out = daemon.ask({"room", "list", "20000", "--json"}).out;
    CHECK(std::count(out.begin(), out.end(), '\n') == 20000);
    CHECK(out.ends_with("{\"name\":\"room19999\",\"size\":19999}\n"));
}

TEST_CASE("a reload is a transaction") {
    Place place;
    Daemonised daemon(place);
    CHECK(daemon.ask({"reload"}).out == "changed: no\nrestart:\n");
    place.configure("realm = other\ndepth = 9\n");
    CHECK(daemon.ask({"reload"}).out == "changed: yes\nrestart: realm\n");
    CHECK(daemon.ask({"status"}).out.ends_with("depth:   9\n"));
    const auto in_force = "KEY      VALUE\ncontrol  " + place.socket() + "\nrealm    example.org\ndepth    9\n";
    CHECK(daemon.ask({"config"}).out == in_force);

    place.configure("realm = x\ndepth = 0\nfoo = 1\n");
    auto outcome = daemon.ask({"reload"});
    CHECK(outcome.code == 1);
    CHECK(outcome.err == "conf-sample: bad-configuration: " + place.file() + ":2: depth: expected a whole number from 1 to 100, got 0\n" +
                             place.file() + ":3: foo: expected a known key, got foo\n");
    place.configure("realm = broken\ndepth = 3\n");
    CHECK(daemon.ask({"reload"}).err == "conf-sample: bad-configuration: the realm is broken\n");
    std::filesystem::remove(place.file());
    CHECK(daemon.ask({"reload"}).code == 1);
    CHECK(daemon.ask({"config"}).out == in_force);
}

TEST_CASE("SIGHUP reloads") {
    Place place;
    Daemonised daemon(place);
    place.configure("realm = x\ndepth = 11\n");
    kill(getpid(), SIGHUP);
    // The signal is handled before a connection that is made later, or at worst soon after it.
    std::string out;
    for (int i = 0; i < 1000 && !out.ends_with("depth:   11\n"); ++i) out = daemon.ask({"status"}).out;
    CHECK(out.ends_with("depth:   11\n"));
}

TEST_CASE("drain ends the daemon") {
    Place place;
    Daemonised daemon(place);
    CHECK(daemon.ask({"drain"}).out == "changed: yes\n");
    CHECK(daemon.told() == "STOPPING=1");
    CHECK(daemon.join().code == 0);
}

TEST_CASE("a raw client pipelines, subscribes and is told what was wrong") {
    Place place;
    Daemonised daemon(place);
    RawClient client(place.socket());
    CHECK(client.line().starts_with(R"({"confab":1,"daemon":"conf-sample","version":")"));
    client.say("nonsense\n{\"id\":1,\"cmd\":\"version\"}\n{\"id\":\"b\",\"cmd\":\"subscribe\"}");
    CHECK(client.line().starts_with(R"({"id":null,"ok":false,"error":{"code":"bad-request","message":"not JSON)"));
    CHECK(client.line().starts_with(R"({"id":1,"ok":true,"daemon":"conf-sample")"));
    CHECK(client.line() == R"({"id":"b","ok":true,"seq":0})");
    daemon.ask({"shout", "2"});
    CHECK(client.line() == R"({"event":"opened","seq":1,"name":"r0","size":0})");
    CHECK(client.line() == R"({"event":"opened","seq":2,"name":"r1","size":1})");
    client.say(R"({"id":2,"cmd":"help"})");
    CHECK(client.line().starts_with(
        R"({"id":2,"ok":true,"more":true,"command":"room-add","help":"add a room","arguments":[{"name":"name",)"));
}

TEST_CASE("a slow subscriber is told how many events it lost") {
    Place place;
    Daemonised daemon(place);
    RawClient client(place.socket());
    client.line();
    client.say(R"({"id":1,"cmd":"subscribe"})");
    client.line();
    constexpr std::int64_t kShouted = 30'000;
    daemon.ask({"shout", std::to_string(kShouted)});
    std::int64_t got = 0, lost = 0;
    while (got + lost < kShouted) {
        const auto event = local::parse_json(client.line());
        REQUIRE(event);
        if (event->text("event") == "lost")
            lost += event->integer("count");
        else
            ++got;
    }
    CHECK(lost > 0);
    CHECK(got > 0);
    CHECK(got + lost == kShouted);
    daemon.ask({"shout", "1"});
    CHECK(local::parse_json(client.line())->integer("seq") == kShouted + 1);
}

TEST_CASE("a client that never reads is cut off and nobody else notices") {
    Place place;
    io::Loop loop;
    static constexpr local::Command kFlood[] = {
        {.name = "flood", .cli = "", .help = "all rows", .arguments = {}, .reply = {}, .listing = true}};
    static constexpr local::Vocabulary kVocabulary{"conf-sample", kFlood, {}};
    Control* at = nullptr;
    const auto endless = [&](std::uint64_t token, const local::Request& request) {
        if (request.command->name == "status") return at->reply(token, {});
        at->stream(token, [&at, token] {
            at->reply_more(token, local::Value::object({{"row", std::string(1000, 'x')}}));
            return true;
        });
    };
    Control control(loop, place.socket(), kVocabulary, endless, base::milliseconds(20));
    at = &control;
    RawClient silent(place.socket()), other(place.socket());
    silent.say(R"({"id":1,"cmd":"flood"})");
    io::Timer watch(loop, [&] {
        if (control.counts().cut_off == 1 && control.clients() == 1)
            loop.stop();
        else
            watch.after(base::milliseconds(5));
    });
    watch.after(base::milliseconds(5));
    io::Timer deadline(loop, [&] { loop.stop(); });
    deadline.after(base::seconds(20));
    loop.run();
    CHECK(control.counts().cut_off == 1);
    CHECK(silent.was_cut_off());

    other.line();
    other.say(R"({"id":2,"cmd":"status"})");
    std::string answer;
    std::thread reader([&] {
        answer = other.line();
        loop.stop();
    });
    loop.run();
    reader.join();
    CHECK(answer == R"({"id":2,"ok":true})");
}

TEST_CASE("signals arrive on the loop") {
    io::Loop loop;
    std::vector<int> got;
    io::Signals signals(loop, {SIGUSR1, SIGUSR2}, [&](int number) {
        got.push_back(number);
        if (got.size() == 2) loop.stop();
    });
    pthread_kill(pthread_self(), SIGUSR1);
    pthread_kill(pthread_self(), SIGUSR2);
    loop.run();
    CHECK(got == std::vector<int>{SIGUSR1, SIGUSR2});
}

TEST_CASE("the service manager's variables") {
    unsetenv("NOTIFY_SOCKET");
    CHECK_FALSE(io::notify_service_manager("READY=1"));
    setenv("NOTIFY_SOCKET", "relative", 1);
    CHECK_FALSE(io::notify_service_manager("READY=1"));
    unsetenv("NOTIFY_SOCKET");
    CHECK_FALSE(io::watchdog_period());
    setenv("WATCHDOG_USEC", "3000000", 1);
    CHECK(io::watchdog_period() == base::seconds(3));
    setenv("WATCHDOG_PID", "1", 1);
    CHECK_FALSE(io::watchdog_period());
    setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
    CHECK(io::watchdog_period() == base::seconds(3));
    unsetenv("WATCHDOG_PID");
    unsetenv("WATCHDOG_USEC");
}
