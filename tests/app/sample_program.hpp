// A small daemon for the tests of the frame: one of everything that a program may declare.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

#include "app/run.hpp"

namespace confab::app::sample {

using local::FieldType;

inline constexpr local::Field kAdd[] = {{"name", FieldType::text, true, "who"},
                                        {"pin", FieldType::text, false, "a secret of digits", true},
                                        {"max_members", FieldType::integer, false, "how many"},
                                        {"open", FieldType::flag, false, "without a PIN"}};
inline constexpr local::Field kChanged[] = {{"changed", FieldType::flag, true, "whether anything changed"}};
inline constexpr local::Field kCount[] = {{"count", FieldType::integer, true, "how many rows"}};
inline constexpr local::Field kRow[] = {{"name", FieldType::text, true, "who"}, {"size", FieldType::integer, true, "how big"}};
inline constexpr local::Command kCommands[] = {
    {.name = "room-add", .cli = "room add", .help = "add a room", .arguments = kAdd, .reply = kChanged, .mutating = true},
    {.name = "room-list", .cli = "room list", .help = "list rooms", .arguments = kCount, .reply = kRow, .listing = true},
    {.name = "shout", .cli = "shout", .help = "publish events", .arguments = kCount, .reply = kChanged, .mutating = true},
    {.name = "hidden", .cli = "", .help = "for programs only", .arguments = {}, .reply = {}},
};
inline constexpr local::EventRow kEvents[] = {{"opened", "a room opened", kRow}};
inline constexpr local::Vocabulary kVocabulary{"conf-sample", kCommands, kEvents};

struct Config {
    std::string realm;
    std::uint32_t depth = 0;
};

inline const config::Table& keys() {
    static const config::Table kKeys = {config::key("realm", &Config::realm, "", "The realm.").is_required().such_as("example.org"),
                                        config::key("depth", &Config::depth, "7", "How deep.").between(1, 100).is_live()};
    return kKeys;
}

inline constexpr metrics::Row kRows[] = {{"confab_sample_rooms", metrics::Kind::gauge, "Rooms now."}};

class SampleDaemon : public Daemon {
public:
    SampleDaemon(Frame& frame, const config::Entries& entries) : frame_(frame) { reload(entries); }
    local::Value status() const override { return local::Value::object({{"depth", depth_}}); }
    std::span<const std::uint64_t> metrics() override { return rooms_; }
    void reload(const config::Entries& entries) override {
        config::Problems problems;
        const auto fresh = config::read<Config>(keys(), entries, problems);
        if (fresh.realm == "broken") throw std::runtime_error("the realm is broken");
        depth_ = fresh.depth;
    }
    void drain() override { frame_.drained(); }

    void command(std::uint64_t token, const local::Request& request) override {
        const auto& arguments = request.arguments;
        if (request.command->name == "room-add") return add(token, arguments);
        if (request.command->name == "room-list") return list(token, arguments.integer("count"));
        for (std::int64_t i = 0; i < arguments.integer("count"); ++i)
            frame_.publish("opened", local::Value::object({{"name", "r" + std::to_string(i)}, {"size", i}}));
        frame_.reply(token, local::Value::object({{"changed", true}}));
    }

private:
    void add(std::uint64_t token, const local::Value& arguments) {
        if (arguments.text("name") == "nobody") return frame_.fail(token, "no-such-user", "nobody is not a user");
        if (arguments.text("name") == "throw") throw std::runtime_error("disk full");
        last_pin_ = arguments.text("pin");
        ++rooms_[0];
        frame_.reply(token, local::Value::object({{"changed", true}, {"pin_length", std::uint64_t{last_pin_.size()}}, {"max", arguments.integer("max_members")}}));
    }
    void list(std::uint64_t token, std::int64_t count) {
        frame_.stream(token, [this, token, count, i = std::int64_t{0}]() mutable {
            if (i == count) return false;
            frame_.reply_more(token, local::Value::object({{"name", "room" + std::to_string(i)}, {"size", i}}));
            ++i;
            return true;
        });
    }

    Frame& frame_;
    std::uint32_t depth_ = 0;
    std::uint64_t rooms_[1] = {0};
    std::string last_pin_;
};

inline const Program& program() {
    static const Program kProgram{
        .name = "conf-sample",
        .summary = "a program for tests",
        .prose = "It exists so that the frame can be tried: command line, configuration, control socket, log, and what else a daemon of the family has.",
        .commands = {{.name = "hash",
                      .help = "an offline command",
                      .arguments = {{"WORD", "what to hash", true, true}},
                      .options = {{"salt", 's', "TEXT", "added to it"}},
                      .run = [](const Invocation& invocation) { return static_cast<int>(invocation.all("WORD").size()); }}},
        .keys = &keys(),
        .vocabulary = &kVocabulary,
        .metrics = kRows,
        .check = [](const config::Entries& entries, config::Problems& problems) { config::read<Config>(keys(), entries, problems); },
        .start = [](Frame& frame, const config::Entries& entries) { return std::make_unique<SampleDaemon>(frame, entries); },
    };
    return kProgram;
}

// A directory of its own for each test, with a configuration.
class Place {
public:
    Place() {
        char name[] = "/tmp/confab-app-XXXXXX";
        path = mkdtemp(name);
        configure("realm = example.org\n");
    }
    ~Place() { std::filesystem::remove_all(path); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    void configure(const std::string& text) const { std::ofstream(file()) << text << "control = " << socket() << "\n"; }
    std::string file() const { return path + "/sample.conf"; }
    std::string socket() const { return path + "/sample.sock"; }

    std::string path;
};

struct Outcome {
    int code = 0;
    std::string out, err;
};

inline Outcome run_words(const std::vector<std::string>& words, const Program& of = program()) {
    char *out = nullptr, *err = nullptr;
    std::size_t out_size = 0, err_size = 0;
    std::FILE* out_stream = open_memstream(&out, &out_size);
    std::FILE* err_stream = open_memstream(&err, &err_size);
    Outcome outcome;
    outcome.code = run(words, of, {out_stream, err_stream});
    std::fclose(out_stream);
    std::fclose(err_stream);
    outcome.out.assign(out, out_size);
    outcome.err.assign(err, err_size);
    std::free(out);
    std::free(err);
    return outcome;
}

}  // namespace confab::app::sample
