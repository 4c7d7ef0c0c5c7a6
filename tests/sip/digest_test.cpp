#include "sip/digest.hpp"

#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "base/text.hpp"
#include "sip/wire.hpp"

using namespace confab::sip;
namespace base = confab::base;
using test::at;

namespace {

const DigestPolicy kPolicy{.realm = "confab.example",
                           .algorithms = {DigestAlgorithm::md5, DigestAlgorithm::sha256},
                           .secret = "0123456789abcdef0123456789abcdef",
                           .verifier = 3,
                           .windows = 4};

base::WallTime wall(int seconds) { return at(base::seconds(seconds)).wall; }

std::string without_name(const std::string& line) { return line.substr(line.find(' ') + 1, line.size() - line.find(' ') - 3); }

std::vector<std::string> challenges(Challenger& challenger, base::WallTime now, bool stale = false) {
    std::string text;
    challenger.append_challenges(text, "WWW-Authenticate", now, stale);
    std::vector<std::string> lines;
    for (std::size_t end; (end = text.find("\r\n")) != std::string::npos; text.erase(0, end + 2)) lines.push_back(without_name(text.substr(0, end + 2)));
    return lines;
}

// What a client with the right password would send.
DigestAnswer answer_to(const std::string& challenge, std::uint32_t nc = 1, const char* password = "Secret") {
    const auto parsed = parse_challenge(challenge);
    REQUIRE(parsed);
    std::string line;
    append_authorization(line, "Authorization", *parsed, "alice", password, "REGISTER", "sip:confab.example", nc, "0a4f113b");
    const auto answer = parse_digest_answer(without_name(line));
    REQUIRE(answer);
    return *answer;
}

}  // namespace

TEST_CASE("digest: the vectors of RFC 7616 §3.9.1 and RFC 2617 §3.5") {
    struct Case {
        const char* what;
        const char* user;
        const char* realm;
        const char* password;
        const char* value;
    };
    const Case cases[] = {
        {"RFC 7616 MD5", "Mufasa", "http-auth@example.org", "Circle of Life",
         R"(Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=MD5,
 nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
 qop=auth, response="8ca523f5e9506fed4657c9700eebdbec", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS")"},
        {"RFC 7616 SHA-256", "Mufasa", "http-auth@example.org", "Circle of Life",
         R"(Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=SHA-256,
 nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
 qop=auth, response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS")"},
        {"RFC 2617 MD5", "Mufasa", "testrealm@host.com", "Circle Of Life",
         R"(Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html",
 qop=auth, nc=00000001, cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41")"},
        {"RFC 2617 without qop, as RFC 2069", "Mufasa", "testrealm@host.com", "Circle Of Life",
         R"(Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html",
 response="670fd8c2df070c60b045671b8b24ff02")"},
    };
    for (const auto& row : cases) {
        INFO(row.what);
        const auto answer = parse_digest_answer(row.value);
        REQUIRE(answer);
        CHECK(answer->username == row.user);
        const auto key = ha1(answer->algorithm, row.user, row.realm, row.password);
        CHECK(matches(*answer, key, "GET"));
        CHECK_FALSE(matches(*answer, key, "POST"));
        CHECK_FALSE(matches(*answer, ha1(answer->algorithm, row.user, row.realm, "circle of life"), "GET"));
        CHECK_FALSE(matches(*answer, "", "GET"));
        auto upper = *answer;
        upper.response[0] = static_cast<char>(std::toupper(upper.response[0]));
        CHECK(matches(upper, key, "GET"));
        auto truncated = *answer;
        truncated.response.pop_back();
        CHECK_FALSE(matches(truncated, key, "GET"));
    }
}

TEST_CASE("digest: SHA-512-256 is RFC 7616's, by its HA1") {
    CHECK(ha1(DigestAlgorithm::sha512_256, "u", "r", "p").size() == 64);
    CHECK(digest_hex(DigestAlgorithm::sha512_256, "abc") == "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23");
}

TEST_CASE("digest: names of algorithms") {
    for (auto algorithm : {DigestAlgorithm::md5, DigestAlgorithm::sha256, DigestAlgorithm::sha512_256})
        CHECK(algorithm_of(algorithm_name(algorithm)) == algorithm);
    CHECK(algorithm_of("sha-256") == DigestAlgorithm::sha256);
    CHECK_FALSE(algorithm_of("MD5-sess"));
    CHECK_FALSE(algorithm_of(""));
}

TEST_CASE("digest: what is not an answer we can judge") {
    const std::string good = R"(Digest username="a", realm="r", nonce="n", uri="sip:x", response="00")";
    struct Case {
        const char* what;
        std::string value;
        bool accepted;
    };
    const Case cases[] = {
        {"plain", good, true},
        {"unquoted where quotes are due", "Digest username=a, realm=r, nonce=n, uri=\"sip:x\", response=00", true},
        {"scheme and names in other case", R"(DIGEST Username="a", REALM="r", nonce="n", uri="sip:x", response="00")", true},
        {"qop", good + ", qop=auth, nc=00000001, cnonce=\"c\"", true},
        {"quoted qop and nc", good + R"(, qop="auth", nc="00000001", cnonce="c")", true},
        {"quoted algorithm", good + R"(, algorithm="MD5")", true},
        {"another scheme", "Basic abc", false},
        {"nothing", "", false},
        {"no user", R"(Digest realm="r", nonce="n", uri="sip:x", response="00")", false},
        {"no realm", R"(Digest username="a", nonce="n", uri="sip:x", response="00")", false},
        {"no nonce", R"(Digest username="a", realm="r", uri="sip:x", response="00")", false},
        {"no uri", R"(Digest username="a", realm="r", nonce="n", response="00")", false},
        {"no response", R"(Digest username="a", realm="r", nonce="n", uri="sip:x")", false},
        {"an unknown algorithm", good + ", algorithm=MD5-sess", false},
        {"auth-int", good + ", qop=auth-int, nc=00000001, cnonce=\"c\"", false},
        {"qop without cnonce", good + ", qop=auth, nc=00000001", false},
        {"qop without nc", good + ", qop=auth, cnonce=\"c\"", false},
        {"a short nc", good + ", qop=auth, nc=1, cnonce=\"c\"", false},
        {"a signed nc", good + ", qop=auth, nc=-0000001, cnonce=\"c\"", false},
        {"an nc that is no number", good + ", qop=auth, nc=0000000g, cnonce=\"c\"", false},
        {"a field too long", good + ", cnonce=\"" + std::string(1025, 'x') + "\"", false},
        {"a value too long", good + ", x=\"" + std::string(5000, 'x') + "\"", false},
    };
    for (const auto& row : cases) {
        INFO(row.what);
        CHECK(parse_digest_answer(row.value).has_value() == row.accepted);
    }
}

TEST_CASE("digest: a challenge is offered for each algorithm in order, and the client answers each rightly") {
    Challenger challenger(kPolicy);
    const auto lines = challenges(challenger, wall(0));
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].find("algorithm=MD5,") != std::string::npos);
    CHECK(lines[1].find("algorithm=SHA-256,") != std::string::npos);
    for (const auto& line : lines) {
        const auto parsed = parse_challenge(line);
        REQUIRE(parsed);
        CHECK(parsed->realm == kPolicy.realm);
        CHECK(parsed->qop_auth);
        CHECK_FALSE(parsed->stale);
        const auto answer = answer_to(line);
        CHECK(answer.algorithm == parsed->algorithm);
        CHECK(challenger.judge(answer, wall(1)) == NonceVerdict::good);
        CHECK(matches(answer, ha1(answer.algorithm, "alice", kPolicy.realm, "Secret"), "REGISTER"));
        CHECK_FALSE(matches(answer, ha1(answer.algorithm, "alice", kPolicy.realm, "secret"), "REGISTER"));
        CHECK(challenger.accept_count(answer));
    }
    CHECK(parse_challenge(challenges(challenger, wall(0), true)[0])->stale);
    CHECK(parse_challenge(lines[0])->nonce != parse_challenge(challenges(challenger, wall(0))[0])->nonce);
}

TEST_CASE("digest: a user and a realm with quotes survive the way there and back") {
    auto policy = kPolicy;
    policy.realm = "the \"best\" \\ realm";
    Challenger challenger(policy);
    const auto parsed = parse_challenge(challenges(challenger, wall(0))[0]);
    REQUIRE(parsed);
    CHECK(parsed->realm == policy.realm);
    std::string line;
    append_authorization(line, "Proxy-Authorization", *parsed, "al\"ice\\", "p", "INVITE", "sip:x", 1, "c");
    CHECK(line.starts_with("Proxy-Authorization: Digest "));
    const auto answer = parse_digest_answer(without_name(line));
    REQUIRE(answer);
    CHECK(answer->username == "al\"ice\\");
    CHECK(matches(*answer, ha1(DigestAlgorithm::md5, "al\"ice\\", policy.realm, "p"), "INVITE"));
}

TEST_CASE("digest: what a client makes of a challenge") {
    struct Case {
        const char* value;
        bool usable, qop, stale;
    };
    const Case cases[] = {
        {R"(Digest realm="r", nonce="n")", true, false, false},
        {R"(Digest realm="r", nonce="n", qop="auth,auth-int", stale=TRUE)", true, true, true},
        {R"(Digest realm="r", nonce="n", qop="auth-int, auth")", true, true, false},
        {R"(Digest realm="r", nonce="n", qop=auth, stale=false)", true, true, false},
        {R"(Digest realm="r", nonce="n", qop="auth-int")", false, false, false},
        {R"(Digest realm="r", nonce="n", algorithm=MD5-sess)", false, false, false},
        {R"(Digest realm="r")", false, false, false},
        {R"(Digest nonce="n")", false, false, false},
        {R"(Basic realm="r")", false, false, false},
    };
    for (const auto& row : cases) {
        INFO(row.value);
        const auto challenge = parse_challenge(row.value);
        REQUIRE(challenge.has_value() == row.usable);
        if (!challenge) continue;
        CHECK(challenge->qop_auth == row.qop);
        CHECK(challenge->stale == row.stale);
    }
}

TEST_CASE("digest: without qop the client leaves out nc and cnonce; opaque is returned") {
    const auto challenge = parse_challenge(R"(Digest realm="r", nonce="n", opaque="o")");
    std::string line;
    append_authorization(line, "Authorization", *challenge, "u", "p", "REGISTER", "sip:x", 1, "c");
    CHECK(line.find("nc=") == std::string::npos);
    CHECK(line.find("cnonce=") == std::string::npos);
    CHECK(line.find("opaque=\"o\"") != std::string::npos);
    CHECK(line.ends_with("\r\n"));
    CHECK(matches(*parse_digest_answer(without_name(line)), ha1(DigestAlgorithm::md5, "u", "r", "p"), "REGISTER"));
}

TEST_CASE("nonce: what is good, stale or forged") {
    Challenger challenger(kPolicy);
    const auto answer = answer_to(challenges(challenger, wall(1000))[0]);
    const auto change = [&](auto edit) {
        auto other = answer;
        edit(other);
        return other;
    };
    struct Case {
        const char* what;
        DigestAnswer answer;
        int when;
        NonceVerdict verdict;
    };
    const Case cases[] = {
        {"at once", answer, 1000, NonceVerdict::good},
        {"at the end of its life", answer, 1300, NonceVerdict::good},
        {"after it", answer, 1301, NonceVerdict::stale},
        {"from a site whose clock is a little ahead", answer, 980, NonceVerdict::good},
        {"from the future", answer, 900, NonceVerdict::stale},
        {"for another algorithm", change([](auto& a) { a.algorithm = DigestAlgorithm::sha256; }), 1000, NonceVerdict::forged},
        {"for an algorithm not offered", change([](auto& a) { a.algorithm = DigestAlgorithm::sha512_256; }), 1000, NonceVerdict::forged},
        {"for another realm", change([](auto& a) { a.realm = "other"; }), 1000, NonceVerdict::forged},
        {"changed at the front", change([](auto& a) { a.nonce[9] ^= 1; }), 1000, NonceVerdict::forged},
        {"changed at the back", change([](auto& a) { a.nonce[30] ^= 1; }), 1000, NonceVerdict::forged},
        {"cut", change([](auto& a) { a.nonce.pop_back(); }), 1000, NonceVerdict::forged},
        {"longer", change([](auto& a) { a.nonce += "A"; }), 1000, NonceVerdict::forged},
        {"not base64url", change([](auto& a) { a.nonce[3] = '!'; }), 1000, NonceVerdict::forged},
        {"empty", change([](auto& a) { a.nonce.clear(); }), 1000, NonceVerdict::forged},
    };
    for (const auto& row : cases) {
        INFO(row.what);
        CHECK(challenger.judge(row.answer, wall(row.when)) == row.verdict);
    }
}

TEST_CASE("nonce: sites with the same secret know each other's, others do not") {
    Challenger here(kPolicy);
    auto elsewhere = kPolicy;
    elsewhere.verifier = 4;
    auto stranger = kPolicy;
    stranger.secret = "another secret of 16 octets";
    const auto answer = answer_to(challenges(here, wall(0))[0]);
    CHECK(Challenger(elsewhere).judge(answer, wall(0)) == NonceVerdict::stale);
    CHECK(Challenger(stranger).judge(answer, wall(0)) == NonceVerdict::forged);
}

TEST_CASE("nonce count: each number once, within a window of 64, in any order") {
    Challenger challenger(kPolicy);
    const auto challenge = challenges(challenger, wall(0))[0];
    const std::pair<std::uint32_t, bool> steps[] = {{0, false}, {5, true},   {5, false},  {1, true},   {1, false},  {4, true},  {6, true},
                                                    {70, true}, {70, false}, {7, true},   {6, false},  {7, false},  {69, true}, {8, true},
                                                    {500, true}, {436, false}, {437, true}, {437, false}, {70, false}, {0xffffffff, true}, {0xffffffff, false}};
    for (const auto& [nc, accepted] : steps) {
        INFO(nc);
        CHECK(challenger.accept_count(answer_to(challenge, nc)) == accepted);
    }
}

TEST_CASE("nonce count: without qop a nonce serves once") {
    Challenger challenger(kPolicy);
    auto answer = answer_to(challenges(challenger, wall(0))[0]);
    answer.qop.clear();
    CHECK(challenger.accept_count(answer));
    CHECK_FALSE(challenger.accept_count(answer));
    auto other = answer_to(challenges(challenger, wall(0))[0]);
    CHECK(challenger.accept_count(other));
    other.qop.clear();
    CHECK_FALSE(challenger.accept_count(other));
}

TEST_CASE("nonce count: a nonce that was forgotten for room does not come back as new") {
    Challenger challenger(kPolicy);  // keeps four
    std::vector<DigestAnswer> answers;
    for (int i = 0; i < 5; ++i) answers.push_back(answer_to(challenges(challenger, wall(i))[0]));
    for (const auto& answer : answers) CHECK(challenger.accept_count(answer));
    CHECK_FALSE(challenger.accept_count(answers[0]));
    for (const auto& answer : answers) CHECK_FALSE(challenger.accept_count(answer));
    const auto fresh = answer_to(challenges(challenger, wall(6))[0]);
    CHECK(challenger.accept_count(fresh));
}

TEST_CASE("nonce count: nothing that is not a nonce is counted") {
    Challenger challenger(kPolicy);
    DigestAnswer answer;
    answer.qop = "auth";
    answer.nc = 1;
    answer.nonce = "short";
    CHECK_FALSE(challenger.accept_count(answer));
}

TEST_CASE("digest: SHA-512-256 answers are checked like the others (RFC 8760)") {
    auto policy = kPolicy;
    policy.algorithms = {DigestAlgorithm::sha512_256};
    Challenger challenger(policy);
    const auto answer = answer_to(challenges(challenger, wall(0))[0]);
    CHECK(answer.response.size() == 64);
    CHECK(challenger.judge(answer, wall(0)) == NonceVerdict::good);
    CHECK(matches(answer, ha1(DigestAlgorithm::sha512_256, "alice", policy.realm, "Secret"), "REGISTER"));
    CHECK_FALSE(matches(answer, ha1(DigestAlgorithm::sha512_256, "alice", policy.realm, "Secret"), "INVITE"));
}

TEST_CASE("digest: fields are slices of the value; only escapes need room of their own") {
    std::string scratch;
    const std::string plain = R"(Digest username="alice", realm="r", nonce="n", uri="sip:x", response="00")";
    const auto fields = read_digest(plain, scratch);
    REQUIRE(fields);
    CHECK(fields->username.data() == plain.data() + plain.find("alice"));
    CHECK(scratch.empty());
    const std::string escaped = R"(Digest username="a\"l\\i", realm="r\"", nonce="n", uri="sip:x", response="00", username="second")";
    const auto undone = read_digest(escaped, scratch);
    REQUIRE(undone);
    CHECK(undone->username == "a\"l\\i");
    CHECK(undone->realm == "r\"");
    CHECK_FALSE(read_digest(R"(Digest username="alice, realm="r", nonce="n", uri="sip:x", response="00)", scratch));
}

TEST_CASE("digest: a server proves itself, and gives the next nonce in time (RFC 7615)") {
    // RFC 2617 §3.2.3: the same with an empty method.
    const auto answer = parse_digest_answer(
        R"(Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1")");
    REQUIRE(answer);
    const auto key = ha1(DigestAlgorithm::md5, "Mufasa", "testrealm@host.com", "Circle Of Life");
    const auto ha2 = digest_hex(DigestAlgorithm::md5, ":/dir/index.html");
    CHECK(rspauth(*answer, key) == digest_hex(DigestAlgorithm::md5, key + ":" + answer->nonce + ":00000001:0a4f113b:auth:" + ha2));

    Challenger challenger(kPolicy);
    auto ours = answer_to(challenges(challenger, wall(0))[0], 7);
    ours.cnonce = "c\"d";
    std::string line;
    challenger.append_info(line, "Authentication-Info", ours, "abc", wall(100));
    CHECK(line == "Authentication-Info: qop=auth, rspauth=\"abc\", cnonce=\"c\\\"d\", nc=00000007\r\n");
    line.clear();
    challenger.append_info(line, "Authentication-Info", ours, "abc", wall(151));
    const auto at = line.find("nextnonce=\"");
    REQUIRE(at != line.npos);
    auto next = ours;
    next.nonce = line.substr(at + 11, 43);
    CHECK(challenger.judge(next, wall(400)) == NonceVerdict::good);
    line.clear();
    ours.qop.clear();
    CHECK(rspauth(ours, key).empty());
    challenger.append_info(line, "Authentication-Info", ours, "", wall(151));
    CHECK(line.empty());
}

TEST_CASE("nonce: a verifier drawn at start is none that can be configured, and makes older nonces stale") {
    base::Random random(base::Seed{1});
    auto first = kPolicy, second = kPolicy;
    first.verifier = random_verifier(random);
    second.verifier = random_verifier(random);
    CHECK(first.verifier >= kConfiguredVerifiers);
    CHECK(first.verifier != second.verifier);
    Challenger before(first), after(second);
    const auto answer = answer_to(challenges(before, wall(0))[0]);
    CHECK(before.judge(answer, wall(0)) == NonceVerdict::good);
    CHECK(after.judge(answer, wall(0)) == NonceVerdict::stale);
}
