#include "phone.hpp"
#include "sip-registrar/user_table.hpp"

namespace confab::registrar {
namespace {

using Fields = std::vector<std::string>;

TEST_CASE("a table of users is known by its first line", "[registrar][users]") {
    for (const auto& good : {Fields{"user", "password"}, Fields{"password", "user"}, Fields{" user ", "password"}, Fields{"user", "ha1_md5"},
                             Fields{"user", "ha1_md5", "ha1_sha256", "ha1_sha512_256"}, Fields{"ha1_sha256", "user"}}) {
        CAPTURE(good);
        CHECK(UserTable::from_header(good, "example.org"));
    }
    for (const auto& bad : {Fields{}, Fields{"user"}, Fields{"password"}, Fields{"user", "user", "password"}, Fields{"user", "password", "ha1_md5"},
                            Fields{"user", "password", "mail"}, Fields{"alice", "secret"}, Fields{"User", "Password"}}) {
        CAPTURE(bad);
        CHECK_FALSE(UserTable::from_header(bad, "example.org"));
    }
}

TEST_CASE("a line of the table is a user, and an error never shows the secret", "[registrar][users]") {
    const auto alice = user_with_password("alice", "se,cret");
    const auto by_password = UserTable::from_header(Fields{"password", "user"}, "example.org");
    REQUIRE(by_password);
    CHECK(by_password->user_of(Fields{"se,cret", "alice"}) == alice);

    const auto by_hashes = UserTable::from_header(Fields{"user", "ha1_md5", "ha1_sha256"}, "example.org");
    REQUIRE(by_hashes);
    auto upper = alice.ha1[0];
    for (char& c : upper) c = static_cast<char>(std::toupper(c));
    const auto read = by_hashes->user_of(Fields{"alice", upper, ""});
    REQUIRE(read);
    CHECK(*read == User{"alice", {alice.ha1[0], "", ""}});

    for (const auto& bad : {Fields{"secret-x"}, Fields{"secret-x", "alice", "more"}, Fields{"secret-x", "al ice"}, Fields{"secret-x", ""}, Fields{"", "alice"}}) {
        const auto refused = by_password->user_of(bad);
        CAPTURE(bad);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().find("secret-x") == std::string::npos);
    }
    CHECK_FALSE(by_hashes->user_of(Fields{"alice", "", ""}));
    CHECK_FALSE(by_hashes->user_of(Fields{"alice", "xyz", ""}));
}

TEST_CASE("what is exported can be imported", "[registrar][users]") {
    std::string text;
    append_user_header(text);
    CHECK(text == "user,ha1_md5,ha1_sha256,ha1_sha512_256\r\n");
    text.clear();
    append_user_line(text, {"alice", {"a", "", "c"}});
    CHECK(text == "alice,a,,c\r\n");
}

}  // namespace
}  // namespace confab::registrar
