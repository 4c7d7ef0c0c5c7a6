#include "app/command_line.hpp"

#include <catch2/catch.hpp>

#include "app/sample_program.hpp"

using namespace confab;
using namespace confab::app;
using sample::run_words;

namespace {

std::string values_of(const CommandLine& line) {
    std::string out = line.command ? std::string(line.command->name) : "-";
    for (const auto& [name, value] : line.invocation.values) out += " " + name + "=" + value;
    return out;
}

}  // namespace

TEST_CASE("words become a command with values") {
    const Model model(sample::program(), {stdout, stderr});
    struct Row {
        std::vector<std::string> words;
        std::string outcome;
    };
    const Row rows[] = {
        {{}, "-"},
        {{"-c", "f", "--set", "a=1", "-s", "b=2"}, "- config=f set=a=1 set=b=2"},
        {{"status"}, "status"},
        {{"status", "-c", "f", "--json"}, "status config=f json="},
        {{"-j", "status"}, "status json="},
        {{"room", "add", "alice"}, "room add NAME=alice"},
        {{"room", "add", "add"}, "room add NAME=add"},
        {{"room", "add", "status"}, "room add NAME=status"},
        {{"room", "add", "alice", "--pin-file", "-", "--max-members=3", "--open"}, "room add NAME=alice pin-file=- max-members=3 open="},
        {{"hash", "a", "b", "-s", "x"}, "hash WORD=a WORD=b salt=x"},
        {{"hash", "--", "-a"}, "hash WORD=-a"},
        {{"watch"}, "watch"},
    };
    for (const auto& row : rows) CHECK(values_of(parse_command_line(model, row.words)) == row.outcome);
    CHECK(parse_command_line(model, {"status", "--json"}).invocation.json);
}

TEST_CASE("usage errors are one sentence and exit 64") {
    struct Row {
        std::vector<std::string> words;
        std::string sentence;
    };
    const std::string hint = "; try 'conf-sample --help'\n";
    const Row rows[] = {
        {{"frobnicate"}, "'frobnicate' is not a command" + hint},
        {{"--frobnicate"}, "'--frobnicate' was not expected" + hint},
        {{"status", "x"}, "'x' was not expected" + hint},
        {{"status", "--wrong"}, "'--wrong' was not expected" + hint},
        {{"room"}, "'room' needs a second word" + hint},
        {{"room", "add"}, "room add needs NAME" + hint},
        {{"-c"}, "--config needs a value" + hint},
        {{"-c", "a", "-c", "b"}, "--config was given more than once" + hint},
        {{"--json"}, "--json goes with a command\n"},
        {{"-t", "status"}, "--test is for the daemon and goes with no command\n"},
        {{"completion", "tcsh"}, "completion: expected bash, zsh or fish, got tcsh\n"},
        {{"generate", "x"}, "generate: conf-sample has no part x\n"},
        {{"room", "add", "x", "--max-members", "y", "--socket", "/nowhere"}, "max-members: expected a whole number, got y\n"},
    };
    for (const auto& row : rows) {
        const auto outcome = run_words(row.words);
        CHECK(outcome.code == 64);
        CHECK(outcome.err == "conf-sample: " + row.sentence);
        CHECK(outcome.out.empty());
    }
}

TEST_CASE("values of options have types and bounds") {
    Invocation invocation;
    invocation.values = {{"count", "5"}, {"wait", "200ms"}, {"N", "x"}};
    CHECK(invocation.integer("count", 1, 10, 3) == 5);
    CHECK(invocation.integer("absent", 1, 10, 3) == 3);
    CHECK(invocation.duration("wait", base::seconds(1)) == base::milliseconds(200));
    CHECK(invocation.duration("absent", base::seconds(1)) == base::seconds(1));
    CHECK_THROWS_WITH(invocation.integer("count", 6, 10, 6), "--count: expected a whole number from 6 to 10, got 5");
    CHECK_THROWS_WITH(invocation.integer("N", 6, 10, 6), "N: expected a whole number from 6 to 10, got x");
    CHECK_THROWS_WITH(invocation.duration("count", base::seconds(1)), "--count: expected a duration (200ms, 5s, 2m, 1h), got 5");
}

TEST_CASE("a command of the program's own runs and its code is the program's") { CHECK(run_words({"hash", "a", "b", "c"}).code == 3); }
