// One call's session descriptions as they cross the border: SRTP outside, plain RTP inside, our relay's addresses on both (RFC 3264, RFC 4568).
//
// Pure. The first usable audio line is anchored; every other line crosses with port 0 and is answered in its place. What does not concern the
// border (codecs, fmtp, direction, unknown attributes) passes unchanged. Errors are SIP codes.
#pragma once

#include <array>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "media/relay.hpp"
#include "sdp/session.hpp"

namespace confab::edge {

// What a relay must know after an offer or an answer has passed.
struct RelaySettings {
    struct Keys {
        sdp::Crypto receive, send;
        bool operator==(const Keys& other) const {
            return receive.suite == other.receive.suite && receive.key == other.receive.key && send.key == other.send.key;
        }
    };
    std::optional<base::SocketAddress> outside, inside;  // where the peers want their media
    std::optional<Keys> keys;
    bool operator==(const RelaySettings&) const = default;
};

class MediaPath {
public:
    MediaPath(base::SocketAddress outside, base::SocketAddress inside, std::vector<std::string> suites) : local_{outside, inside}, suites_(std::move(suites)) {}

    // A description that `from` sent, as the other side shall see it. 488: no SRTP outside, or no audio; 400: malformed.
    std::expected<std::string, int> offer(media::Side from, std::string_view sdp, base::Random& random);
    std::expected<std::string, int> answer(media::Side from, std::string_view sdp);

    const RelaySettings& settings() const { return settings_; }

private:
    std::expected<std::size_t, int> choose_line(media::Side from, const sdp::Session& session) const;
    void rewrite(media::Side to, sdp::Session& session, std::size_t line);
    void learn(media::Side from, const sdp::Session& session, const sdp::MediaLine& line);
    const sdp::Crypto* usable(const sdp::MediaLine& line) const;
    const sdp::Crypto& local_crypto(const std::string& suite, base::Random& random);

    std::array<base::SocketAddress, 2> local_;
    std::vector<std::string> suites_;
    std::vector<sdp::Crypto> ours_;              // one a suite, made when first needed, kept for the call: a re-offer must not restart SRTP
    std::string outside_protocol_ = "RTP/SAVP";
    std::string inside_protocol_ = "RTP/AVP";
    std::optional<std::size_t> line_;            // anchored line of the offer under way
    std::optional<sdp::Crypto> offered_crypto_;  // the outside's, while its offer is unanswered
    RelaySettings settings_;
};

}  // namespace confab::edge
