// Any text as a session description: read, written, read again, answered. What is written must read back to the same text.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "sdp/offer_answer.hpp"

using namespace confab;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto session = sdp::Session::parse(text);
    if (!session) return 0;
    const auto written = session->text();
    const auto again = sdp::Session::parse(written);
    if (again) CHECK(again->text() == written, written + "\nbecame\n" + again->text());

    sdp::LocalMedia local;
    local.rtp = *base::SocketAddress::parse("192.0.2.1:4000");
    local.codecs = {{"PCMU", 0, 8000}, {"PCMA", 8, 8000}};
    local.telephone_event = 101;
    local.cryptos = {{1, "AES_CM_128_HMAC_SHA1_80", std::string(30, 'k')}};
    for (bool require_srtp : {false, true}) {
        const auto answered = sdp::answer(*session, local, require_srtp);
        if (!answered) continue;
        CHECK(answered->answer.media.size() == session->media.size(), "lines lost");
        CHECK(answered->answer.media[answered->agreed.line].is_secure() == answered->agreed.local_crypto.has_value(),
              answered->answer.text());
        CHECK(sdp::Session::parse(answered->answer.text()), answered->answer.text());
        const auto reoffer = sdp::offer(local, &answered->answer);
        CHECK(reoffer.media.size() == session->media.size(), "lines lost");
    }
    (void)sdp::read_answer(sdp::offer(local), local, *session);
    return 0;
}
