#include "local/messages.hpp"

#include <catch2/catch.hpp>

using namespace confab::local;

namespace {

constexpr Field kArguments[] = {
    {"number", FieldType::text, true, "The number."}, {"passcode", FieldType::text, false, "Its passcode.", true},
    {"size", FieldType::integer, false, "How many."}, {"open", FieldType::flag, false, "Whether open."},
    {"tags", FieldType::list, false, "Words."},       {"extra", FieldType::object, false, "More."}};
constexpr Command kCommands[] = {
    {.name = "room-add", .cli = "room add", .help = "Add a room.", .arguments = kArguments, .reply = {}, .mutating = true}};
constexpr Field kEventFields[] = {{"number", FieldType::text, true, "The room."}};
constexpr EventRow kEvents[] = {{"opened", "A room opened.", kEventFields}};
constexpr Vocabulary kVocabulary{"test-daemon", kCommands, kEvents};

}  // namespace

TEST_CASE("a good request") {
    const auto request = read_request(kVocabulary, R"({"id":7,"cmd":"room-add","number":"12","size":3,"open":true,"tags":[],"extra":{}})");
    REQUIRE(request);
    CHECK(request->id == Value(7));
    CHECK(request->command->name == "room-add");
    CHECK(request->arguments.text("number") == "12");
    CHECK(read_request(kVocabulary, R"({"id":"a","cmd":"status"})")->command->name == "status");
}

TEST_CASE("bad requests, each with its id where there is one") {
    struct Row {
        std::string_view line, answer;
    };
    const Row rows[] = {
        {"nonsense", ""},  // Boost words this one
        {"[]", R"({"id":null,"ok":false,"error":{"code":"bad-request","message":"expected one JSON object in a line"}})"},
        {R"({"cmd":"status"})",
         R"({"id":null,"ok":false,"error":{"code":"bad-request","message":"expected an id that is an integer or a text"}})"},
        {R"({"id":[],"cmd":"status"})",
         R"({"id":null,"ok":false,"error":{"code":"bad-request","message":"expected an id that is an integer or a text"}})"},
        {R"({"id":1})", R"({"id":1,"ok":false,"error":{"code":"bad-request","message":"expected a cmd that is a text"}})"},
        {R"({"id":1,"cmd":"x"})",
         R"({"id":1,"ok":false,"error":{"code":"unknown-command","message":"'x' is not a command of test-daemon"}})"},
        {R"({"id":1,"cmd":"status","x":1})",
         R"({"id":1,"ok":false,"error":{"code":"unknown-argument","message":"status has no argument 'x'"}})"},
        {R"({"id":1,"cmd":"room-add"})",
         R"({"id":1,"ok":false,"error":{"code":"missing-argument","message":"room-add needs the argument number"}})"},
        {R"({"id":1,"cmd":"room-add","number":12})",
         R"({"id":1,"ok":false,"error":{"code":"bad-argument","message":"expected number to be of type text"}})"},
        {R"({"id":1,"cmd":"room-add","number":"1","open":1})",
         R"({"id":1,"ok":false,"error":{"code":"bad-argument","message":"expected open to be of type flag"}})"},
    };
    for (const auto& row : rows) {
        const auto request = read_request(kVocabulary, row.line);
        REQUIRE_FALSE(request);
        const auto answer = failure_line(request.error().id, request.error().failure);
        INFO(answer);
        if (row.line == "nonsense")
            CHECK(request.error().failure.message.starts_with("not JSON: "));
        else
            CHECK(answer == row.answer);
    }
}

TEST_CASE("a client's words come back cut") {
    const auto request = read_request(kVocabulary, R"({"id":1,"cmd":")" + std::string(5000, 'x') + R"("})");
    REQUIRE_FALSE(request);
    CHECK(request.error().failure.message.size() < 150);
}

TEST_CASE("lines of a daemon as its client reads them") {
    auto reply = read_reply(ok_line(Value("a"), Value::object({{"number", "12"}}), true));
    REQUIRE(reply);
    CHECK(reply->kind == Reply::Kind::answer);
    CHECK(reply->id == Value("a"));
    CHECK(reply->ok);
    CHECK(reply->more);
    CHECK(to_json(reply->fields) == R"({"number":"12"})");

    reply = read_reply(failure_line(Value(3), {"no-such-user", "bob is not a user"}));
    REQUIRE(reply);
    CHECK_FALSE(reply->ok);
    CHECK(reply->failure.code == "no-such-user");
    CHECK(reply->failure.message == "bob is not a user");

    CHECK(greeting_line(kVocabulary, "1.0") == R"({"confab":1,"daemon":"test-daemon","version":"1.0","caps":["room-add"]})");
    CHECK(read_reply(greeting_line(kVocabulary, "1.0"))->kind == Reply::Kind::greeting);

    CHECK(event_line("opened", 4, Value::object({{"number", "12"}})) == R"({"event":"opened","seq":4,"number":"12"})");
    CHECK(read_reply(event_line("opened", 4, {}))->kind == Reply::Kind::event);

    for (auto line : {"", "[]", "{}", R"({"id":1})", R"({"ok":true})"}) CHECK_FALSE(read_reply(line));
}

TEST_CASE("a plain ok line has no more") { CHECK(ok_line(Value(1), {}) == R"({"id":1,"ok":true})"); }

TEST_CASE("every daemon has the common commands") {
    for (auto name : {"version", "status", "config", "reload", "drain", "log", "metrics", "subscribe", "help"})
        CHECK(find_command(kVocabulary, name));
    CHECK_FALSE(find_command(kVocabulary, "nothing"));
}

TEST_CASE("the manual page's lists") {
    const auto page = mdoc_vocabulary(kVocabulary);
    CHECK(page.find(".It Ic \\&room-add\nAdd a room.\n") != page.npos);
    CHECK(page.find(".It Va \\&number Pq \\&text\nThe number.\n") != page.npos);
    CHECK(page.find("Masked in logs and listings.\n") != page.npos);
    CHECK(page.find(".It Ic \\&opened\nA room opened.\n") != page.npos);
}
