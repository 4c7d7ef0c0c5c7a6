#include "sip/stream_framer.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace confab::sip;
using Kind = StreamFramer::Kind;

namespace {

std::string message(std::string_view length_line, std::string_view body) {
    return "OPTIONS sip:a SIP/2.0\r\nVia: x\r\n" + std::string(length_line) + "\r\n\r\n" + std::string(body);
}

struct Owned {
    Kind kind;
    std::string bytes;
    bool operator==(const Owned&) const = default;
};

std::vector<Owned> frames(std::string_view bytes, std::size_t chunk, std::size_t limit = 4096) {
    StreamFramer framer(limit);
    std::vector<Owned> out;
    for (std::size_t at = 0; at < bytes.size(); at += chunk) {
        framer.append(bytes.substr(at, chunk));
        for (auto frame = framer.next(); frame.kind != Kind::none; frame = framer.next())
            if (frame.kind != Kind::pong) out.push_back({frame.kind, std::string(frame.bytes)});
    }
    return out;
}

}  // namespace

TEST_CASE("framer: any chunking gives the same frames") {
    const auto a = message("Content-Length: 5", "hello"), b = message("l :  0", ""), c = message("CONTENT-LENGTH:\r\n 3", "a\r\n");
    const auto stream = a + "\r\n\r\n" + b + "\r\n" + c + a;
    const std::vector<Owned> expected = {{Kind::message, a}, {Kind::ping, ""}, {Kind::message, b}, {Kind::message, c}, {Kind::message, a}};
    for (std::size_t chunk : {stream.size(), std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}, std::size_t{64}}) {
        INFO(chunk);
        CHECK(frames(stream, chunk) == expected);
    }
}

TEST_CASE("framer: keepalives") {
    StreamFramer framer(1000);
    framer.append("\r\n");
    CHECK(framer.next().kind == Kind::pong);
    CHECK(framer.next().kind == Kind::none);
    framer.append("\r\n");
    CHECK(framer.next().kind == Kind::ping);
    framer.append("\r\n\r\n\r\n\r");
    CHECK(framer.next().kind == Kind::ping);
    CHECK(framer.next().kind == Kind::pong);
    CHECK(framer.next().kind == Kind::none);
    CHECK(framer.buffered() == 1);
}

TEST_CASE("framer: lost framing") {
    struct Row {
        const char* what;
        std::string stream;
        Kind kind;
    };
    const Row rows[] = {
        {"no length", message("X: y", ""), Kind::malformed},
        {"negative", message("Content-Length: -1", ""), Kind::malformed},
        {"not a number", message("Content-Length: 1x", ""), Kind::malformed},
        {"beyond 32 bits", message("Content-Length: 4294967296", ""), Kind::malformed},
        {"contradiction", message("Content-Length: 1\r\nl: 2", ""), Kind::malformed},
        {"body too large", message("Content-Length: 990", ""), Kind::too_large},
        {"huge body", message("Content-Length: 4294967295", ""), Kind::too_large},
        {"endless head", "X" + std::string(1000, 'y'), Kind::too_large},
        {"large head", message("Content-Length: 0\r\nX: " + std::string(1000, 'y'), ""), Kind::too_large},
    };
    for (const auto& row : rows) {
        INFO(row.what);
        for (std::size_t chunk : {row.stream.size(), std::size_t{1}}) {
            const auto found = frames(row.stream + "\r\n\r\n", chunk, 1000);
            REQUIRE(found.size() == 1);
            CHECK(found[0].kind == row.kind);
            CHECK(found[0].bytes == (row.kind == Kind::malformed ? row.stream : ""));
        }
    }
}

TEST_CASE("framer: a message of exactly the limit passes") {
    const auto text = message("Content-Length: 100", std::string(100, 'x'));
    CHECK(frames(text, 10, text.size()) == std::vector<Owned>{{Kind::message, text}});
    CHECK(frames(text, 10, text.size() - 1) == std::vector<Owned>{{Kind::too_large, ""}});
}

TEST_CASE("framer: equal repeated lengths are one length") {
    const auto text = message("Content-Length: 2\r\nl: 2", "ab");
    CHECK(frames(text, text.size()) == std::vector<Owned>{{Kind::message, text}});
}
