#include "config/table.hpp"

#include <catch2/catch.hpp>

using namespace confab;
using namespace confab::config;

namespace {

struct Sample {
    std::string realm;
    std::vector<std::string> domains;
    base::seconds lifetime{};
    std::uint32_t depth = 0;
    std::string note;
};

const Table& keys() {
    static const Table kKeys = {
        key("realm", &Sample::realm, "", "The digest realm. The same at all sites.").is_required().such_as("example.org"),
        key("domains", &Sample::domains, "a.example b.example", "Domains that are served."),
        key("lifetime", &Sample::lifetime, "5m", "How long a nonce is good.").between(1'000, 3'600'000).is_live(),
        key("depth", &Sample::depth, "7", "How deep.").between(1, 100),
        key("note", &Sample::note, "", "Anything."),
    };
    return kKeys;
}

std::vector<std::string> problems_of(std::string_view text) {
    Problems problems;
    const auto entries = split("f", text, problems);
    read<Sample>(keys(), entries, problems);
    std::vector<std::string> out;
    for (const auto& problem : problems) out.push_back(problem.text());
    return out;
}

}  // namespace

TEST_CASE("defaults, then what the file says") {
    Problems problems;
    auto sample = read<Sample>(keys(), split("f", "realm = x", problems), problems);
    CHECK(problems.empty());
    CHECK(sample.realm == "x");
    CHECK(sample.domains == std::vector<std::string>{"a.example", "b.example"});
    CHECK(sample.lifetime == base::seconds(300));

    sample = read<Sample>(keys(), split("f", "realm = x\ndomains = c\ndomains = d\nlifetime = 1h\ndepth = 100", problems), problems);
    CHECK(problems.empty());
    CHECK(sample.domains == std::vector<std::string>{"c", "d"});
    CHECK(sample.lifetime == base::seconds(3600));
    CHECK(sample.depth == 100);
}

TEST_CASE("all problems at once, in the file's order") {
    CHECK(problems_of("lifetime = soon\nraelm = x\n[x y]\nfoo = 1\n[z]\n") ==
          std::vector<std::string>{"f:1: lifetime: expected a duration of whole seconds (5s, 2m, 1h) from 1s to 1h, got soon",
                                   "f:2: raelm: expected a known key (did you mean realm?), got raelm",
                                   "f:3: [x y]: expected a key of this program, got a section",
                                   "f:5: [z]: expected a key of this program, got a section", "f: realm: expected text, got nothing"});
}

TEST_CASE("single problems") {
    struct Row {
        std::string_view text, problem;
    };
    const Row rows[] = {
        {"realm = x\ndepth = 0", "f:2: depth: expected a whole number from 1 to 100, got 0"},
        {"realm = x\ndepth = 101", "f:2: depth: expected a whole number from 1 to 100, got 101"},
        {"realm = x\nlifetime = 500ms", "f:2: lifetime: expected a duration of whole seconds (5s, 2m, 1h) from 1s to 1h, got 500ms"},
        {"realm = x\nrealm = y", "f:2: realm: expected one value, got a second one (first on line 1)"},
        {"realm = x\nzzzzzz = y", "f:2: zzzzzz: expected a known key, got zzzzzz"},
        {"", "f: realm: expected text, got nothing"},
    };
    for (const auto& row : rows) CHECK(problems_of(row.text) == std::vector{std::string(row.problem)});
}

TEST_CASE("a value given twice on the command line says so") {
    Problems problems;
    auto entries = split("f", "realm = x", problems);
    override_with(entries, "depth=1", problems);
    override_with(entries, "depth=2", problems);
    read<Sample>(keys(), entries, problems);
    REQUIRE(problems.size() == 1);
    CHECK(problems[0].text() == "command line: depth: expected one value, got a second one (first on the command line)");
}

TEST_CASE("the place of a key") {
    Problems problems;
    const auto entries = split("f", "realm = x\ndomains = a\ndomains = b", problems);
    CHECK(place_of(entries, "domains").line == 3);
    CHECK(place_of(entries, "depth").file == "f");
    CHECK(place_of(entries, "depth").line == 0);
}

TEST_CASE("what is in force") {
    Problems problems;
    const auto rows = effective(keys(), split("f", "realm = x\ndomains = c", problems));
    std::string out;
    for (const auto& [key, value] : rows) out += std::string(key) + "=" + value + ";";
    CHECK(out == "realm=x;domains=c;lifetime=5m;depth=7;");
}

TEST_CASE("the example file is accepted as it stands") {
    const auto example = example_file("sample", keys());
    CHECK(example.find(
              "\n# How long a nonce is good.\n# Expects a duration of whole seconds (5s, 2m, 1h) from 1s to 1h.\n#lifetime = 5m\n") !=
          example.npos);
    CHECK(example.find("\nrealm = example.org\n") != example.npos);
    CHECK(example.find("\n#domains = a.example\n#domains = b.example\n") != example.npos);
    CHECK(problems_of(example).empty());
}

TEST_CASE("the manual page's list") {
    const auto list = mdoc_list(keys());
    CHECK(list.find(".It Ic \\&realm\nThe digest realm.\nThe same at all sites.\nExpects text.\nRequired.\n") != list.npos);
    CHECK(list.find("The default is\n.Ql \\&5m .\nA reload takes it over.\n") != list.npos);
    CHECK(list.ends_with(".El\n"));
}

namespace {

struct Door {
    std::string name, colour;
    std::vector<std::string> keepers;
    std::uint32_t height = 0;
};
struct House {
    std::string street;
    std::vector<Door> doors;
};

const Table& house_keys() {
    static const Table kKeys = {
        key("street", &House::street, "Main", "Where it stands."),
        section("door", &House::doors, "A way in.",
                {key("colour", &Door::colour, "", "Its colour.").is_required().such_as("red"),
                 key("keeper", &Door::keepers, "", "Who opens.").is_secret().such_as("ann"),
                 key("height", &Door::height, "2", "In metres.").between(1, 9)})
            .is_live(),
    };
    return kKeys;
}

std::vector<std::string> house_problems(std::string_view text) {
    Problems problems;
    const auto entries = split("f", text, problems);
    read<House>(house_keys(), entries, problems);
    std::vector<std::string> out;
    for (const auto& problem : problems) out.push_back(problem.text());
    return out;
}

}  // namespace

TEST_CASE("each section fills one element, in the file's order") {
    Problems problems;
    auto entries = split("f", "[door front]\ncolour = red\nkeeper = ann\nkeeper = bob\n[door  back]\ncolour = blue\nheight = 3\n", problems);
    override_with(entries, "street=Side", problems);
    const auto house = read<House>(house_keys(), entries, problems);
    CHECK(problems.empty());
    CHECK(house.street == "Side");
    REQUIRE(house.doors.size() == 2);
    CHECK(house.doors[0].name == "front");
    CHECK(house.doors[0].keepers == std::vector<std::string>{"ann", "bob"});
    CHECK(house.doors[0].height == 2);
    CHECK(house.doors[1].name == "back");
    CHECK(house.doors[1].colour == "blue");
    CHECK(house.doors[1].height == 3);
    CHECK(place_of(entries, "height", "door  back").line == 7);
    CHECK(place_of(entries, "height", "door front").line == 1);
}

TEST_CASE("problems of sections") {
    CHECK(house_problems("[door a]\n[window b]\nx = 1\n[door c]\ncolour = red\nheight = 10\nheigth = 1\nstreet = x\n[door c]\ncolour = x\n[door]\n"
                         "[door d/e]\n") ==
          std::vector<std::string>{
              "f:1: colour: expected text, got nothing",
              "f:2: [window b]: expected [door NAME], got a section",
              "f:6: height: expected a whole number from 1 to 9, got 10",
              "f:7: heigth: expected a known key (did you mean height?), got heigth",
              "f:8: street: expected a known key, got street",
              "f:9: [door c]: expected one section of that name, got a second one (first on line 4)",
              "f:11: [door]: expected [door NAME] with a name of letters, digits, '.', '_' and '-', got door",
              "f:12: [door d/e]: expected [door NAME] with a name of letters, digits, '.', '_' and '-', got door d/e",
          });
    CHECK(house_problems("door = x") == std::vector<std::string>{"f:1: door: expected [door NAME], got door"});
}

TEST_CASE("sections in force show no secret") {
    Problems problems;
    std::string out;
    for (const auto& [key, value] : effective(house_keys(), split("f", "[door a]\ncolour = red\nkeeper = ann\n[door b]\ncolour = blue", problems)))
        out += std::string(key) + ": " + value + "; ";
    CHECK(out ==
          "street: Main; door: a colour = red; door: a keeper = ****; door: a height = 2; door: b colour = blue; door: b height = 2; ");
}

TEST_CASE("sections in the pages") {
    const auto example = example_file("house", house_keys());
    CHECK(example.find("\n# A way in.\n#[door NAME]\n# Its colour.\n#colour = red\n# Who opens.\n#keeper = ann\n# In metres.\n#height = 2\n") !=
          example.npos);
    CHECK(house_problems(example).empty());
    const auto list = mdoc_list(house_keys());
    CHECK(list.find(".It Bq Ic \\&door Ar NAME\nA way in.\nA reload takes it over.\n.Bl -tag -width Ds\n.It Ic \\&colour\nIts colour.\n") != list.npos);
    CHECK(list.ends_with(".El\n.El\n"));
}
