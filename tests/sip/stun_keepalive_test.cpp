#include "sip/stun_keepalive.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <string>
#include <vector>

#include "base/text.hpp"

using namespace confab;
using namespace confab::sip;
using base::SocketAddress;

namespace {

using Octets = std::vector<std::uint8_t>;

Octets octets(std::string_view hex) {
    std::string plain;
    for (char c : hex)
        if (c != ' ') plain += c;
    const auto text = base::unhex(plain).value();
    return {text.begin(), text.end()};
}

// RFC 5769's transaction id, and its address and port.
const std::string kId = "b7e7a701bc34d686fa87dfae";
const auto kSource4 = SocketAddress::parse("192.0.2.1:32853").value();
const auto kSource6 = SocketAddress::parse("[2001:db8:1234:5678:11:2233:4455:6677]:32853").value();
// RFC 5769 §2.1: it carries PRIORITY (0x0024), which must be understood, and a right FINGERPRINT.
const std::string kSample = "00010058 2112a442" + kId +
                            "80220010 5354554e207465737420636c69656e74 00240004 6e0001ff 80290008 932ff9b151263b36"
                            "00060009 6576746a3a68367659202020 00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2 80280004 e57a3bcf";

std::string answer(const Octets& request, const SocketAddress& source = kSource4) {
    std::array<std::uint8_t, kStunAnswerSize> out{};
    const auto length = answer_stun(request, source, out);
    if (!length) return "none";
    return base::hex({reinterpret_cast<const char*>(out.data()), *length});
}

}  // namespace

TEST_CASE("stun: a Binding request is answered with its source") {
    CHECK(answer(octets("00010000 2112a442" + kId)) == "0101000c2112a442" + kId + "002000080001a147e112a643");
    CHECK(answer(octets("00010000 2112a442" + kId), kSource6) ==
          "010100182112a442" + kId + "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9");
}

TEST_CASE("stun: FINGERPRINT is checked and answered in kind; what must be understood and is not gets 420") {
    const auto sample = octets(kSample);
    const auto text = answer(sample);
    CHECK(text.substr(0, 16) == "0111002c2112a442");
    CHECK(text.substr(40, 16) == "0009001500000414");
    CHECK(text.substr(96, 24) == "000a0002002400008028" "0004");
    for (std::size_t at = 0; at < sample.size(); ++at) {
        if (at == 100 || at == 101) continue;  // its type: then it is none, but an attribute that may be passed over
        auto broken = sample;
        broken[at] ^= 0x10;
        INFO(at);
        CHECK(answer(broken) == "none");
    }
}

TEST_CASE("stun: nothing else is answered, cut requests neither") {
    CHECK(answer(octets("00110000 2112a442" + kId)) == "none");            // an indication
    CHECK(answer(octets("01010000 2112a442" + kId)) == "none");            // an answer: two of us must not talk for ever
    CHECK(answer(octets("00010000 2112a443" + kId)) == "none");            // RFC 3489
    CHECK(answer(octets("00010004 2112a442" + kId)) == "none");            // length beyond the end
    CHECK(answer(octets("00010004 2112a442" + kId + "80220001")) == "none");
    CHECK(answer(octets("00010008 2112a442" + kId + "8022000141000000")) != "none");
    const auto sample = octets(kSample);
    for (std::size_t length = 0; length < sample.size(); ++length) CHECK(answer({sample.begin(), sample.begin() + static_cast<std::ptrdiff_t>(length)}) == "none");
    std::array<std::uint8_t, kStunAnswerSize - 1> small{};
    CHECK_FALSE(answer_stun(octets("00010000 2112a442" + kId), kSource4, small));
}

TEST_CASE("stun: a datagram is SIP, blank or STUN by its first octets") {
    const auto kind = [](std::string_view text) { return kind_of({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}); };
    using namespace std::string_view_literals;
    CHECK(kind("") == DatagramKind::blank);
    CHECK(kind("\r\n\r\n") == DatagramKind::blank);
    CHECK(kind("\0\0\0\0"sv) == DatagramKind::blank);
    CHECK(kind("\r\nOPTIONS") == DatagramKind::message);
    CHECK(kind("OPTIONS sip:a") == DatagramKind::message);
    CHECK(kind("\x01") == DatagramKind::message);
    CHECK(kind_of(octets("00010000 2112a442" + kId)) == DatagramKind::stun);
    CHECK(kind_of(octets("01010000 2112a442" + kId)) == DatagramKind::stun);
    CHECK(kind_of(octets(std::string(48, '0'))) == DatagramKind::blank);
}
