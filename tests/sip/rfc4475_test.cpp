// The torture messages of RFC 4475, read from CONFAB_CORPORA; expected.tsv there tells what a registrar, a proxy and a user agent must
// do. Here: the part of each verdict that the splitter, the grammar and the forwarding checks decide.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "sip/forward.hpp"
#include "sip/grammar.hpp"
#include "sip/message.hpp"
#include "sip/splice.hpp"
#include "sip/stream_framer.hpp"

using namespace confab;
using namespace confab::sip;

namespace {

std::filesystem::path corpus() {
    const char* set = std::getenv("CONFAB_CORPORA");
    return std::filesystem::path(set ? set : CONFAB_SOURCE_DIR "/../shared/corpora") / "rfc4475";
}

std::string content(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

bool absent() {
    if (std::filesystem::exists(corpus() / "expected.tsv")) return false;
    WARN("the RFC 4475 corpus is not at " << corpus() << " (set CONFAB_CORPORA): nothing tested");
    return true;
}

// Our choice where expected.tsv allows several, and the error where it demands one.
const std::map<std::string, ParseError> kFaults = {
    {"badinv01.dat", ParseError::via},
    {"clerr.dat", ParseError::body_too_short},
    {"ncl.dat", ParseError::content_length},
    {"scalar02.dat", ParseError::cseq},
    {"scalarlg.dat", ParseError::cseq},
    {"quotbal.dat", ParseError::from_to},
    {"ltgtruri.dat", ParseError::uri},
    {"lwsruri.dat", ParseError::uri},
    {"lwsstart.dat", ParseError::uri},
    {"trws.dat", ParseError::start_line},
    {"escruri.dat", ParseError::uri},
    {"badvers.dat", ParseError::version},
    {"mismatch01.dat", ParseError::cseq},
    {"mismatch02.dat", ParseError::cseq},
    {"bigcode.dat", ParseError::status_code},
    {"insuf.dat", ParseError::missing_header},
    {"multi01.dat", ParseError::repeated_header},
    {"mcl01.dat", ParseError::repeated_header},
    {"baddn.dat", ParseError::header_line},
    {"badbranch.dat", ParseError::via},
    {"badaspec.dat", ParseError::from_to},
    {"regbadct.dat", ParseError::contact},
};

// What the codes of one column allow.
struct Verdict {
    bool may_answer_400, may_pass, may_be_silent;
};

Verdict verdict_of(std::string_view column) {
    Verdict verdict{};
    for (auto part : base::split(column, '|')) {
        if (part.starts_with("any!400")) verdict.may_pass = true;
        if (part.starts_with("any!")) continue;
        for (auto code : base::split(part, ',')) {
            if (code == "400" || code == "505")
                verdict.may_answer_400 = true;
            else if (code.starts_with("none"))
                verdict.may_be_silent = true;
            else
                verdict.may_pass = true;
        }
    }
    return verdict;
}

}  // namespace

TEST_CASE("rfc4475: the splitter's verdict on every message") {
    if (absent()) return;
    std::size_t seen = 0;
    const auto table = content(corpus() / "expected.tsv");
    for (auto line : base::split(table, '\n')) {
        const auto columns = base::split(line, '\t');
        if (columns.size() < 8 || columns[0] == "file") continue;
        const std::string file(columns[0]);
        INFO(file);
        ++seen;
        const auto bytes = content(corpus() / file);
        REQUIRE_FALSE(bytes.empty());
        Message message;
        const auto error = split(bytes, message);
        const auto found = kFaults.find(file);
        CHECK(parse_error_text(error) == parse_error_text(found == kFaults.end() ? ParseError::none : found->second));
        CHECK(message.is_request == (columns[3] == "request"));
        const auto proxy = verdict_of(columns[6]);
        if (!message.is_request)
            CHECK_FALSE(message.answerable());
        else if (error == ParseError::none)
            CHECK(proxy.may_pass);
        else
            CHECK(((message.answerable() && proxy.may_answer_400) || proxy.may_be_silent));
    }
    CHECK(seen >= 48);
}

TEST_CASE("rfc4475: fields of the valid ones") {
    if (absent()) return;
    Message m;
    std::string bytes = content(corpus() / "wsinv.dat");
    REQUIRE(split(bytes, m) == ParseError::none);
    CHECK(m.via.host == "192.0.2.2");
    CHECK(m.via.branch == "390skdjuw");
    CHECK(m.from_tag == "98asjd8");
    CHECK(m.to_tag == "1918181833n");
    CHECK(m.cseq == 9);
    CHECK(m.max_forwards == 68);
    CHECK(m.count(HeaderName::via) == 2);
    CHECK(m.body.size() == 150);
    CHECK(parse_name_addr(m.value(HeaderName::contact))->params.get("secondparam") == "");
    CHECK(parse_name_addr(m.value(HeaderName::route))->uri.params.has("lr"));

    bytes = content(corpus() / "intmeth.dat");
    REQUIRE(split(bytes, m) == ParseError::none);
    CHECK(m.method == Method::other);
    CHECK(m.method_token == "!interesting-Method0123456789_*+`.%indeed'~");
    CHECK(parse_uri(m.uri)->host == "example.com");
    CHECK(m.from_tag == "_token~1'+`*%!-.");

    bytes = content(corpus() / "semiuri.dat");
    REQUIRE(split(bytes, m) == ParseError::none);
    CHECK(parse_uri(m.uri)->user == "user;par=u%40example.net");

    bytes = content(corpus() / "esc02.dat");
    REQUIRE(split(bytes, m) == ParseError::none);
    CHECK(m.method == Method::other);

    bytes = content(corpus() / "dblreq.dat");
    REQUIRE(split(bytes, m) == ParseError::none);
    CHECK(m.method == Method::register_);
    CHECK(m.cseq == 8);
    CHECK(m.bytes.size() < bytes.size());

    bytes = content(corpus() / "longreq.dat");
    REQUIRE(split(bytes, m) == ParseError::none);
    CHECK(m.count(HeaderName::via) >= 33);

    bytes = content(corpus() / "mpart01.dat");
    REQUIRE(split(bytes, m) == ParseError::none);
    CHECK(m.body.size() == *m.content_length);
}

TEST_CASE("rfc4475: contacts") {
    if (absent()) return;
    Message m;
    std::string bytes = content(corpus() / "cparam01.dat");
    split(bytes, m);
    auto contact = parse_name_addr(m.value(HeaderName::contact));
    REQUIRE(contact);
    CHECK_FALSE(contact->uri.params.has("unknownparam"));
    CHECK(contact->params.has("unknownparam"));
    bytes = content(corpus() / "cparam02.dat");
    split(bytes, m);
    contact = parse_name_addr(m.value(HeaderName::contact));
    REQUIRE(contact);
    CHECK(contact->uri.params.has("unknownparam"));
    bytes = content(corpus() / "regescrt.dat");
    split(bytes, m);
    contact = parse_name_addr(m.value(HeaderName::contact));
    REQUIRE(contact);
    CHECK_FALSE(contact->uri.headers.empty());
    bytes = content(corpus() / "regbadct.dat");
    split(bytes, m);
    CHECK_FALSE(parse_name_addr(m.value(HeaderName::contact)));
    bytes = content(corpus() / "escnull.dat");
    split(bytes, m);
    std::vector<std::string> keys;
    for (const auto& header : m.headers())
        if (header.id == HeaderName::contact) keys.push_back(*address_key(parse_name_addr(header.value)->uri));
    CHECK(keys == std::vector<std::string>{"sip:%00@host5.example.com", "sip:%00%00@host5.example.com"});
}

TEST_CASE("rfc4475: what a proxy's checks refuse") {
    if (absent()) return;
    const std::map<std::string, int> expected = {{"unkscm.dat", 416}, {"novelsc.dat", 416}, {"bext01.dat", 420}, {"zeromf.dat", 483},
                                                 {"intmeth.dat", 0},  {"inv2543.dat", 0},   {"unksm2.dat", 0},   {"longreq.dat", 0}};
    for (const auto& [file, status] : expected) {
        INFO(file);
        const auto bytes = content(corpus() / file);
        Message message;
        REQUIRE(split(bytes, message) == ParseError::none);
        CHECK(check_request(message, "p." + loop_mark(message)).status == status);
    }
    const auto bytes = content(corpus() / "bcast.dat");
    Message message;
    REQUIRE(split(bytes, message) == ParseError::none);
    CHECK_FALSE(next_via_hop(message));
}

TEST_CASE("rfc4475: untouched messages are forwarded byte by byte") {
    if (absent()) return;
    for (const auto& entry : std::filesystem::directory_iterator(corpus())) {
        if (entry.path().extension() != ".dat") continue;
        INFO(entry.path());
        const auto bytes = content(entry.path());
        Message message;
        split(bytes, message);
        Splice splice(message);
        std::string out;
        splice.write(out);
        CHECK(out == message.bytes);
        CHECK(bytes.starts_with(out));
    }
}

TEST_CASE("rfc4475: as a stream") {
    if (absent()) return;
    const std::map<std::string, StreamFramer::Kind> expected = {
        {"ncl.dat", StreamFramer::Kind::malformed},   {"mcl01.dat", StreamFramer::Kind::malformed},
        {"clerr.dat", StreamFramer::Kind::none},      {"dblreq.dat", StreamFramer::Kind::message},
        {"wsinv.dat", StreamFramer::Kind::message},   {"inv2543.dat", StreamFramer::Kind::malformed},
        {"mpart01.dat", StreamFramer::Kind::message}, {"baddn.dat", StreamFramer::Kind::none}};
    for (const auto& [file, kind] : expected) {
        INFO(file);
        StreamFramer framer(65536);
        framer.append(content(corpus() / file));
        CHECK(framer.next().kind == kind);
        if (file != "dblreq.dat") continue;
        CHECK(framer.next().kind == StreamFramer::Kind::pong);  // the line end between its two messages
        CHECK(framer.next().kind == StreamFramer::Kind::message);
    }
}
