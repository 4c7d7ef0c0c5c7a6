#include "app/configuration.hpp"

#include <catch2/catch.hpp>

#include "app/answers.hpp"
#include "app/sample_program.hpp"

using namespace confab;
using namespace confab::app;
using sample::Place;
using sample::run_words;

TEST_CASE("-t accepts a good file") {
    Place place;
    const auto outcome = run_words({"-t", "-c", place.file()});
    CHECK(outcome.code == 0);
    CHECK(outcome.out == place.file() + ": configuration OK\n");
}

TEST_CASE("-t and a start report all problems at once, in the file's order") {
    Place place;
    std::ofstream(place.file()) << "depth = 0\nrelm = x\n[a b]\n";
    const auto file = place.file();
    const auto expected = file + ":1: depth: expected a whole number from 1 to 100, got 0\n" + file +
                          ":2: relm: expected a known key (did you mean realm?), got relm\n" + file +
                          ":3: [a b]: expected a key of this program, got a section\n" + file + ": realm: expected text, got nothing\n";
    for (const auto& words : {std::vector<std::string>{"-t", "-c", file}, {"-c", file}}) {
        const auto outcome = run_words(words);
        CHECK(outcome.code == 78);
        CHECK(outcome.err == expected);
        CHECK(outcome.out.empty());
    }
}

TEST_CASE("the control key") {
    struct Row {
        std::string line, problem;
    };
    const Row rows[] = {
        {"control = tls:host:700", "control: expected unix:PATH, got tls:host:700"},
        {"control = nonsense", "control: expected unix:PATH, got nonsense"},
        {"control = /a\ncontrol = /b", "control: expected one value, got a second one (first on line 2)"},
    };
    Place place;
    for (const auto& row : rows) {
        std::ofstream(place.file()) << "realm = x\n" << row.line << "\n";
        const auto outcome = run_words({"-t", "-c", place.file()});
        CHECK(outcome.code == 78);
        CHECK(outcome.err.ends_with(row.problem + "\n"));
        CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
    }
}

TEST_CASE("--set takes the place of what the file says") {
    Place place;
    CHECK(run_words({"-t", "-c", place.file(), "--set", "depth=101"}).err ==
          "command line: depth: expected a whole number from 1 to 100, got 101\n");
    place.configure("realm = x\ndepth = 0\n");
    CHECK(run_words({"-t", "-c", place.file(), "--set", "depth=5"}).code == 0);
}

TEST_CASE("what keeps a daemon from starting is one sentence") {
    Place place;
    CHECK(run_words({"-c", place.path + "/absent"}).err == "conf-sample: " + place.path + "/absent: No such file or directory\n");
    CHECK(run_words({"-c", place.path + "/absent"}).code == 78);
    const auto absent = place.path + "/no/x.sock";
    const auto outcome = run_words({"-c", place.file(), "--set", "control=" + absent});
    CHECK(outcome.code == 71);
    CHECK(outcome.err == "conf-sample: control socket " + absent + ": the directory " + place.path + "/no does not exist\n");
    CHECK(run_words({"-c", place.file(), "--log-level", "loud"}).code == 64);
    CHECK(run_words({"-c", place.file(), "--log-format", "xml"}).code == 64);
}

TEST_CASE("the socket that a command asks") {
    Place place;
    const Configuration configuration(sample::program());
    CHECK(configuration.control_path(place.file(), true) == place.socket());
    CHECK(configuration.control_path(place.path + "/absent", false) == "/run/confab/conf-sample.sock");
    CHECK_THROWS_AS(configuration.control_path(place.path + "/absent", true), io::StartupError);
    const auto outcome = run_words({"status", "-c", place.file()});
    CHECK(outcome.code == 69);
    CHECK(outcome.err == "conf-sample: " + place.socket() + ": the daemon is not running (No such file or directory)\n");
}

TEST_CASE("what a reload changes") {
    const auto& table = sample::keys();
    const Settings before = {{"realm", "a"}, {"depth", "7"}};
    const Settings after = {{"realm", "b"}, {"depth", "8"}};
    CHECK(changed_keys(table, before, before).empty());
    CHECK(changed_keys(table, before, after) == std::vector<std::string_view>{"realm", "depth"});
    CHECK(merged(table, before, after) == Settings{{"realm", "a"}, {"depth", "8"}});
}
