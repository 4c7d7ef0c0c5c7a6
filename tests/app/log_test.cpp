#include "log/log.hpp"

#include <catch2/catch.hpp>

#include "local/value.hpp"

using namespace confab;

namespace {
constexpr base::WallTime kTime{base::milliseconds(1'700'000'000'007)};
}

TEST_CASE("logfmt") {
    CHECK(log::compose_line(log::Format::logfmt, kTime, "conf-x", {base::Severity::warning, "binding added address=sip:a@x", ""}) ==
          R"(time=2023-11-14T22:13:20.007Z level=warning program=conf-x msg="binding added address=sip:a@x")");
    CHECK(log::compose_line(log::Format::logfmt, kTime, "conf-x", {base::Severity::debug, "x", "c1"}) ==
          R"(time=2023-11-14T22:13:20.007Z level=debug program=conf-x call="c1" msg="x")");
}

TEST_CASE("JSON") {
    const auto line = log::compose_line(log::Format::json, kTime, "conf-x", {base::Severity::error, "a \"b\"", "c1"});
    CHECK(line == R"({"time":"2023-11-14T22:13:20.007Z","level":"error","program":"conf-x","call":"c1","msg":"a \"b\""})");
    CHECK(local::parse_json(line));
}

TEST_CASE("no peer forges a line") {
    const base::Note note{base::Severity::info, "a\nlevel=error\r\x1b[2J\x7f\xc2\x9b\xff\"\\", "\n"};
    for (auto format : {log::Format::logfmt, log::Format::json}) {
        const auto line = log::compose_line(format, kTime, "conf-x", note);
        for (char c : line) CHECK((static_cast<unsigned char>(c) >= 0x20 && c != 0x7f));
        CHECK(line.find("\xc2\x9b") == line.npos);
        CHECK(line.find(R"(a\u000alevel=error\u000d\u001b[2J\u007f\u009b)") != line.npos);
    }
    CHECK(local::parse_json(log::compose_line(log::Format::json, kTime, "conf-x", note)));
}

TEST_CASE("a line is cut at 4 KiB, whatever it holds") {
    for (const std::string& text : {std::string(100'000, 'x'), std::string(100'000, '\n'), std::string(100'000, '"')})
        for (auto format : {log::Format::logfmt, log::Format::json}) {
            const auto line = log::compose_line(format, kTime, "conf-x", {base::Severity::info, text, text});
            CHECK(line.size() < 4096);
            CHECK(line.size() > 4000);
            CHECK(line.find("...\"") != line.npos);
            if (format == log::Format::json) CHECK(local::parse_json(line));
        }
}

TEST_CASE("levels by name") {
    for (auto name : {"debug", "info", "warning", "error"}) CHECK(log::set_level(name));
    CHECK_FALSE(log::set_level("loud"));
}
