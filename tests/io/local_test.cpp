#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "io/error.hpp"
#include "io/local_client.hpp"
#include "io/local_server.hpp"
#include "io/worker.hpp"
#include "peer.hpp"
#include "stage.hpp"

using namespace confab;
using io::LocalClient;
using io::LocalServer;
using local::Value;
using test::run_until;

namespace {

const std::string kGreeting = R"({"confab":1,"daemon":"test","version":"1","caps":[]})";

// A server that remembers lines and answers `echo`.
struct House {
    House(io::Loop& loop, LocalServer::Options options) : server(loop, options, handlers()) {}
    LocalServer::Handlers handlers() {
        return {.greeting = [] { return kGreeting; },
                .line =
                    [this](LocalServer::ClientId client, std::string_view line) {
                        lines.emplace_back(line);
                        ids.push_back(client);
                        const auto request = local::parse_json(line);
                        if (!request) return;
                        if (request->text("cmd") == "echo")
                            server.send(client, local::ok_line(*request->find("id"), Value::object({{"text", request->text("text")}})));
                        if (request->text("cmd") == "fail")
                            server.send(client, local::failure_line(*request->find("id"), {"no-such-thing", "There is none."}));
                        if (request->text("cmd") == "list") {
                            for (int i = 0; i < 3; ++i)
                                server.send(client, local::ok_line(*request->find("id"), Value::object({{"row", i}}), true));
                            server.send(client, local::ok_line(*request->find("id"), Value::object({{"text", "end"}})));
                        }
                        if (request->text("cmd") == "subscribe") {
                            server.send(client, local::ok_line(*request->find("id"), Value::object()));
                            server.send(client, local::event_line("joined", 1, Value::object({{"member", "alice"}})));
                        }
                    },
                .closed = [this](LocalServer::ClientId client) { closed.push_back(client); }};
    }
    std::vector<std::string> lines;
    std::vector<LocalServer::ClientId> ids, closed;
    LocalServer server;
};

std::string refusal_of(const std::string& path) {
    io::Loop loop;
    try {
        LocalServer server(loop, {.path = path}, {});
    } catch (const io::StartupError& error) {
        return std::to_string(error.exit_code()) + " " + error.what();
    }
    return "accepted";
}

std::size_t lines_in(const std::string& text) { return static_cast<std::size_t>(std::ranges::count(text, '\n')); }

}  // namespace

TEST_CASE("local server: greets, takes whole lines, answers, and hears of the end") {
    const test::Folder folder;
    io::Loop loop;
    House house(loop, {.path = folder / "s"});
    auto peer = test::Peer::local(folder / "s");
    REQUIRE(run_until(loop, [&] { return peer.look() == kGreeting + "\n"; }));
    peer.taken();
    REQUIRE(peer.put("{\"id\":1,\"cmd\":\"echo\",\"te"));
    test::settle(loop);
    CHECK(house.lines.empty());
    REQUIRE(peer.put("xt\":\"a\"}\n{\"id\":2,\"cmd\":\"echo\",\"text\":\"b\"}\nunfinished"));
    REQUIRE(run_until(loop, [&] { return lines_in(peer.look()) == 2; }));
    CHECK(peer.taken() == "{\"id\":1,\"ok\":true,\"text\":\"a\"}\n{\"id\":2,\"ok\":true,\"text\":\"b\"}\n");
    CHECK(house.server.clients() == 1);
    peer.leave();
    REQUIRE(run_until(loop, [&] { return house.closed.size() == 1; }));
    CHECK(house.closed[0] == house.ids[0]);
    CHECK(house.server.clients() == 0);
    CHECK_FALSE(house.server.send(house.ids[0], "late"));
}

TEST_CASE("local server: a client that closes its writing side still gets its answers, and is missed when it leaves") {
    const test::Folder folder;
    io::Loop loop;
    House house(loop, {.path = folder / "s"});
    auto peer = test::Peer::local(folder / "s");
    peer.put("{\"id\":1,\"cmd\":\"later\"}\n");
    peer.shut_writing();
    REQUIRE(run_until(loop, [&] { return house.lines.size() == 1; }));
    test::settle(loop);
    CHECK(house.server.send(house.ids[0], "at last"));
    REQUIRE(run_until(loop, [&] { return peer.look() == kGreeting + "\nat last\n"; }));
    CHECK(house.closed.empty());
    peer.leave();
    REQUIRE(run_until(loop, [&] { return house.closed.size() == 1; }));
}

TEST_CASE("local server: a line beyond the limit is answered and cut off") {
    const test::Folder folder;
    io::Loop loop;
    House house(loop, {.path = folder / "s", .line_limit = 100});
    for (const bool finished : {true, false}) {
        auto peer = test::Peer::local(folder / "s");
        peer.put(std::string(101, 'x') + (finished ? "\n{\"id\":1,\"cmd\":\"echo\"}\n" : ""));
        REQUIRE(run_until(loop, [&] { return peer.ended(); }));
        CHECK(peer.look().find("\"ok\":false,\"error\":{\"code\":\"line-too-long\"") != std::string::npos);
    }
    CHECK(house.lines.empty());
    auto peer = test::Peer::local(folder / "s");
    peer.put(std::string(100, 'x') + "\n");
    REQUIRE(run_until(loop, [&] { return house.lines.size() == 1; }));
}

TEST_CASE("local server: a client that never reads is cut off at the bound and nobody else notices") {
    const test::Folder folder;
    io::Loop loop;
    House house(loop, {.path = folder / "s", .write_queue = 100'000});
    auto deaf = test::Peer::local(folder / "s");
    deaf.put("first\n");
    REQUIRE(run_until(loop, [&] { return house.lines.size() == 1; }));
    auto good = test::Peer::local(folder / "s");
    good.put("second\n");
    REQUIRE(run_until(loop, [&] { return house.lines.size() == 2; }));
    const std::string event(5'000, 'e');
    int sent = 0;
    while (house.server.send(house.ids[0], event)) {
        REQUIRE(++sent < 10'000);
        REQUIRE(house.server.send(house.ids[1], "tick"));
    }
    CHECK(house.closed.empty());  // never from within send
    REQUIRE(run_until(loop, [&] { return house.closed == std::vector{house.ids[0]}; }));
    REQUIRE(run_until(loop, [&] { return lines_in(good.look()) == static_cast<std::size_t>(sent) + 1; }));
    CHECK(house.server.clients() == 1);
}

TEST_CASE("local server: tells when a queue has drained, at once when it is empty") {
    const test::Folder folder;
    io::Loop loop;
    House house(loop, {.path = folder / "s"});
    auto peer = test::Peer::local(folder / "s");
    peer.put("hello\n");
    REQUIRE(run_until(loop, [&] { return house.lines.size() == 1; }));
    const auto client = house.ids[0];
    int drained = 0;
    house.server.on_drained(client, [&] { ++drained; });
    CHECK(drained == 0);
    REQUIRE(run_until(loop, [&] { return drained == 1; }));
    const std::string row(1000, 'r');
    int rows = 0;
    while (house.server.queued(client) < 50'000) {
        REQUIRE(house.server.send(client, row));
        ++rows;
    }
    house.server.on_drained(client, [&] { ++drained; });
    test::settle(loop);
    CHECK(drained == 1);
    REQUIRE(run_until(loop, [&] { return lines_in(peer.look()) == static_cast<std::size_t>(rows) + 1 && drained == 2; }));
    CHECK(house.server.queued(client) == 0);
}

TEST_CASE("local server: a cap of clients for each user") {
    const test::Folder folder;
    io::Loop loop;
    House house(loop, {.path = folder / "s", .clients_per_uid = 2});
    std::vector<test::Peer> peers;
    for (int i = 0; i < 3; ++i) peers.push_back(test::Peer::local(folder / "s"));
    REQUIRE(run_until(loop, [&] { return peers[2].ended(); }));
    CHECK(peers[2].look().find("too-many-clients") != std::string::npos);
    CHECK_FALSE(peers[0].ended());
    peers[0].leave();
    REQUIRE(run_until(loop, [&] { return house.closed.size() == 1; }));
    auto next = test::Peer::local(folder / "s");
    REQUIRE(run_until(loop, [&] { return next.look() == kGreeting + "\n"; }));
}

TEST_CASE("local server: with no descriptor left, callers are turned away and the loop does not spin") {
    const test::Folder folder;
    io::Loop loop;
    House house(loop, {.path = folder / "s"});
    auto peer = test::Peer::local(folder / "s");
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    rlimit tight = before;
    {
        const io::Descriptor next(dup(0));
        tight.rlim_cur = static_cast<rlim_t>(next.get());  // exactly what is open
    }
    REQUIRE(setrlimit(RLIMIT_NOFILE, &tight) == 0);
    const bool turned_away = run_until(loop, [&] { return peer.ended(); });
    setrlimit(RLIMIT_NOFILE, &before);
    CHECK(turned_away);
    CHECK(house.server.clients() == 0);
    auto later = test::Peer::local(folder / "s");
    CHECK(run_until(loop, [&] { return later.look() == kGreeting + "\n"; }));
}

TEST_CASE("local server: the socket file is for owner and group, and goes with its server") {
    const test::Folder folder;
    const auto path = folder / "s";
    io::Loop loop;
    const auto mask = umask(0);
    {
        House house(loop, {.path = path});
        CHECK(umask(mask) == 0);  // given back
        struct stat facts {};
        REQUIRE(stat(path.c_str(), &facts) == 0);
        CHECK((facts.st_mode & 0777) == 0660);
        CHECK(refusal_of(path) == "69 " + path + ": another program is already answering there");
        CHECK(std::filesystem::exists(path));
    }
    CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("local server: a stale socket is replaced; a successor's is left alone; anything else is refused") {
    const test::Folder folder;
    const auto path = folder / "s";
    io::Loop loop;
    auto old = std::make_unique<House>(loop, LocalServer::Options{.path = path});
    std::filesystem::rename(path, folder / "moved");  // as if the old one had died: its socket answers no more at `path`
    std::filesystem::create_hard_link(folder / "moved", folder / "kept");
    House young(loop, {.path = path});
    old.reset();
    CHECK(std::filesystem::exists(path));
    std::filesystem::rename(folder / "kept", folder / "stale");
    CHECK(refusal_of(folder / "stale") == "accepted");

    CHECK(refusal_of(folder.write("file", "precious")) == "71 " + (folder / "file") + ": exists and is not a socket");
    CHECK(std::filesystem::file_size(folder / "file") == 8);
    CHECK(refusal_of(folder / "absent/s") == "71 " + (folder / "absent/s") + ": No such file or directory");
    const auto long_path = folder / std::string(200, 'p');
    CHECK(refusal_of(long_path) ==
          "78 " + long_path + ": a socket's path has 1 to 107 octets, this one has " + std::to_string(long_path.size()));
    CHECK(refusal_of("").starts_with("78 "));
}

TEST_CASE("local client: asks are pipelined, answered by id, failures carry their code") {
    const test::Folder folder;
    io::Loop loop;
    House house(loop, {.path = folder / "s"});
    std::vector<bool> connection;
    std::vector<std::string> events;
    LocalClient client(
        loop, {.path = folder / "s"},
        {.connection = [&](bool there) { connection.push_back(there); },
         .event = [&](std::string_view name,
                      const Value& fields) { events.push_back(std::string(name) + " " + std::string(fields.text("member"))); }});
    std::vector<std::string> answers;
    const auto note = [&](LocalClient::Answer answer) {
        answers.push_back(answer ? std::string(answer->text("text")) : answer.error().code);
    };
    client.ask("echo", Value::object({{"text", "one"}}), note);
    client.ask("fail", {}, note);
    client.ask("list", {}, note);
    client.ask("echo", Value::object({{"text", "two"}}), note);
    client.ask("subscribe", {}, note);
    CHECK(answers.empty());
    REQUIRE(run_until(loop, [&] { return answers.size() == 5 && events.size() == 1; }));
    CHECK(answers == std::vector<std::string>{"one", "no-such-thing", "end", "two", ""});
    CHECK(events[0] == "joined alice");
    CHECK(connection == std::vector{true});
    CHECK(client.connected());
}

TEST_CASE("local client: a question survives the daemon's restart and fails only when nobody comes back in time") {
    const test::Folder folder;
    io::Loop loop;
    std::vector<bool> connection;
    LocalClient client(loop, {.path = folder / "s", .timeout = base::milliseconds(400), .reconnect = base::milliseconds(5)},
                       {.connection = [&](bool there) { connection.push_back(there); }});
    std::vector<std::string> answers;
    const auto note = [&](LocalClient::Answer answer) {
        answers.push_back(answer ? std::string(answer->text("text")) : answer.error().code);
    };
    client.ask("echo", Value::object({{"text", "early"}}), note);
    CHECK(answers.empty());  // never before `ask` returns
    for (int life = 0; life < 2; ++life) {
        auto house = std::make_unique<House>(loop, LocalServer::Options{.path = folder / "s"});
        REQUIRE(run_until(loop, [&] { return client.connected() && house->lines.size() == (life == 0 ? 1 : 2); }));
        if (life == 0) CHECK(answers == std::vector<std::string>{"early"});
        client.ask("never", Value::object({{"text", life == 0 ? "first" : "third"}}), note);
        REQUIRE(run_until(loop, [&] { return house->lines.size() == (life == 0 ? 2 : 3); }));
        if (life == 1) {  // what was asked of the first life, and while nobody lived, in that order
            CHECK(house->lines[0].find("first") != std::string::npos);
            CHECK(house->lines[1].find("second") != std::string::npos);
        }
        house.reset();
        REQUIRE(run_until(loop, [&] { return !client.connected(); }));
        if (life == 0) client.ask("never", Value::object({{"text", "second"}}), note);
    }
    client.ask("never", {}, note);
    REQUIRE(run_until(loop, [&] { return answers.size() == 5; }));
    CHECK(answers == std::vector<std::string>{"early", "unavailable", "unavailable", "unavailable", "unavailable"});
    const auto before = loop.now().steady;  // it has been away for as long as a question waits
    client.ask("echo", {}, note);
    CHECK(answers.size() == 5);
    REQUIRE(run_until(loop, [&] { return answers.size() == 6; }));
    CHECK(answers.back() == "unavailable");
    CHECK(loop.now().steady - before < base::milliseconds(200));
    CHECK(connection == std::vector{true, false, true, false});
}

TEST_CASE("local client: a question without answer times out, and a late answer is ignored") {
    const test::Folder folder;
    io::Loop loop;
    House house(loop, {.path = folder / "s"});
    LocalClient client(loop, {.path = folder / "s", .timeout = base::milliseconds(30)}, {});
    std::vector<std::string> answers;
    const auto note = [&](LocalClient::Answer answer) { answers.push_back(answer ? "answer" : answer.error().code); };
    const auto start = loop.now().steady;
    client.ask("never", {}, note);
    client.ask("echo", {}, note);
    REQUIRE(run_until(loop, [&] { return answers.size() == 2; }));
    CHECK(answers == std::vector<std::string>{"answer", "timeout"});
    CHECK(loop.now().steady - start >= base::milliseconds(30));
    house.server.send(house.ids[0], R"({"id":1,"ok":true})");
    client.ask("echo", {}, note);
    REQUIRE(run_until(loop, [&] { return answers.size() == 3; }));
    CHECK(answers[2] == "answer");
}

TEST_CASE("local client: more questions than may wait fail at once") {
    const test::Folder folder;
    io::Loop loop;
    House house(loop, {.path = folder / "s"});
    LocalClient client(loop, {.path = folder / "s", .pending = 2}, {});
    std::vector<std::string> answers;
    const auto note = [&](LocalClient::Answer answer) { answers.push_back(answer ? "answer" : answer.error().code); };
    client.ask("never", {}, note);
    client.ask("echo", {}, note);
    client.ask("echo", {}, note);
    REQUIRE(run_until(loop, [&] { return answers.size() == 2; }));
    std::ranges::sort(answers);
    CHECK(answers == std::vector<std::string>{"answer", "too-many"});
}

TEST_CASE("local client: destroyed in its own answer or event, and with questions under way") {
    const test::Folder folder;
    io::Loop loop;
    House house(loop, {.path = folder / "s"});
    for (const std::string where : {"answer", "event", "connection", "lost"}) {
        std::unique_ptr<LocalClient> client;
        int calls = 0;
        const auto die = [&](const std::string& here) {
            ++calls;
            if (here == where) client.reset();
        };
        auto brief = std::make_unique<House>(loop, LocalServer::Options{.path = folder / "b"});
        client = std::make_unique<LocalClient>(loop, LocalClient::Options{.path = folder / "b"},
                                               LocalClient::Handlers{.connection = [&](bool there) { die(there ? "connection" : "lost"); },
                                                                     .event = [&](std::string_view, const Value&) { die("event"); }});
        client->ask("subscribe", {}, [&](LocalClient::Answer) { die("answer"); });
        client->ask("never", {}, [&](LocalClient::Answer) { die("never"); });
        REQUIRE(run_until(loop, [&] { return brief->lines.size() == 2; }));
        if (where == "lost") REQUIRE(run_until(loop, [&] { return calls == 3; }));
        if (where == "lost") brief.reset();
        REQUIRE(run_until(loop, [&] { return !client; }));
        const int until_then = calls;
        test::settle(loop);
        CHECK(calls == until_then);
    }
}

TEST_CASE("local client: nonsense from the daemon ends the connection") {
    const test::Folder folder;
    io::Loop loop;
    LocalServer server(loop, {.path = folder / "s"},
                       {.greeting = [] { return std::string("hello, I am no daemon"); }, .line = [](auto, auto) {}, .closed = {}});
    LocalClient client(loop, {.path = folder / "s", .timeout = base::milliseconds(50)}, {});
    std::string code;
    client.ask("echo", {}, [&](LocalClient::Answer answer) { code = answer ? "answer" : answer.error().code; });
    REQUIRE(run_until(loop, [&] { return code == "unavailable"; }));
}

TEST_CASE("ask once: replies, rows, failures and events, from a thread that blocks") {
    const test::Folder folder;
    io::Worker worker("daemon");
    std::unique_ptr<House> house;
    const auto on_worker = [&](const std::function<void()>& work) {
        std::promise<void> done;
        worker.loop().post([&] {
            work();
            done.set_value();
        });
        done.get_future().wait();
    };
    on_worker([&] { house = std::make_unique<House>(worker.loop(), LocalServer::Options{.path = folder / "s"}); });
    std::vector<std::string> seen;
    const auto ask = [&](std::string_view command, bool follow, std::size_t enough = 100) {
        seen.clear();
        const auto result = io::ask_once(folder / "s", command, Value::object({{"text", "x"}}), base::milliseconds(200), follow,
                                         [&](const local::Reply& reply) {
                                             seen.push_back(local::to_json(reply.fields));
                                             return seen.size() < enough;
                                         });
        return result ? std::string() : result.error().code;
    };
    CHECK(ask("echo", false).empty());
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].find("\"text\":\"x\"") != std::string::npos);
    CHECK(ask("list", false).empty());
    CHECK(seen.size() == 4);
    CHECK(ask("list", false, 2).empty());
    CHECK(seen.size() == 2);
    CHECK(ask("fail", false) == "no-such-thing");
    CHECK(ask("never", false) == "timeout");
    CHECK(ask("subscribe", true, 2).empty());
    REQUIRE(seen.size() == 2);
    CHECK(seen[1].find("alice") != std::string::npos);
    on_worker([&] { house.reset(); });
    CHECK(ask("echo", false) == "unavailable");
    const auto absent = io::ask_once(folder / "s", "echo", {}, base::milliseconds(200), false, [](const local::Reply&) { return true; });
    CHECK(absent.error().message == (folder / "s") + ": the daemon is not running (No such file or directory)");
}
