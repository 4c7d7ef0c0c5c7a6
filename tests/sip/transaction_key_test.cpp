#include "sip/transaction_key.hpp"

#include <catch2/catch.hpp>

using namespace confab::sip;

// The reference implementation's vectors_sip128: key 00…0f, input 00, 01, … of growing length; here as little-endian words.
TEST_CASE("SipHash-2-4-128 gives the reference vectors") {
    const SipHashSecret secret{0x0706050403020100, 0x0f0e0d0c0b0a0908};
    std::string text;
    CHECK(sip_hash(secret, text) == TransactionKey{0xe6a825ba047f81a3, 0x930255c71472f66d});
    text.push_back('\0');
    CHECK(sip_hash(secret, text) == TransactionKey{0x44af996bd8c187da, 0x45fc229b11597634});
}

TEST_CASE("another secret gives another key") {
    CHECK_FALSE(sip_hash({1, 2}, "text") == sip_hash({1, 3}, "text"));
    CHECK_FALSE(sip_hash({1, 2}, "12345678") == sip_hash({1, 2}, "12345679"));
}
