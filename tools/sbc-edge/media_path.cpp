#include "sbc-edge/media_path.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "media/srtp.hpp"

namespace confab::edge {
namespace {

using media::Side;

constexpr Side other(Side side) { return side == Side::outside ? Side::inside : Side::outside; }
constexpr std::size_t index(Side side) { return static_cast<std::size_t>(side); }

// What belongs to one hop's transport and must not cross (RFC 8839, RFC 5763, RFC 5761): the relay answers for itself.
bool is_hop_by_hop(std::string_view attribute) {
    static constexpr std::array<std::string_view, 11> kNames = {"candidate", "end-of-candidates", "ice-ufrag", "ice-pwd", "ice-options", "ice-lite",
                                                                "ice-mismatch", "remote-candidates", "fingerprint", "setup", "rtcp-mux"};
    const auto name = attribute.substr(0, attribute.find(':'));
    return std::ranges::any_of(kNames, [&](std::string_view known) { return base::iequals(known, name); });
}

std::string with_profile(std::string_view protocol, bool secure) {
    const bool feedback = protocol.ends_with("AVPF");
    return std::string(secure ? "RTP/SAVP" : "RTP/AVP") + (feedback ? "F" : "");
}

}  // namespace

const sdp::Crypto* MediaPath::usable(const sdp::MediaLine& line) const {
    for (const auto& crypto : line.cryptos)
        if (std::ranges::find(suites_, crypto.suite) != suites_.end() && crypto.key.size() == media::srtp_key_size(crypto.suite)) return &crypto;
    return nullptr;
}

std::expected<std::size_t, int> MediaPath::choose_line(Side from, const sdp::Session& session) const {
    for (std::size_t i = 0; i < session.media.size(); ++i) {
        const auto& line = session.media[i];
        if (line.kind != "audio" || line.port == 0 || !line.is_rtp() || !session.address_of(line)) continue;
        if (from == Side::inside ? !line.is_secure() : line.is_secure() && usable(line) != nullptr) return i;
    }
    return std::unexpected(488);
}

const sdp::Crypto& MediaPath::local_crypto(const std::string& suite, base::Random& random) {
    for (const auto& crypto : ours_)
        if (crypto.suite == suite) return crypto;
    std::string key(media::srtp_key_size(suite), '\0');
    random.fill({reinterpret_cast<std::uint8_t*>(key.data()), key.size()});
    ours_.push_back({static_cast<std::uint32_t>(ours_.size() + 1), suite, std::move(key)});
    return ours_.back();
}

void MediaPath::learn(Side from, const sdp::Session& session, const sdp::MediaLine& line) {
    const auto address = session.address_of(line);
    if (!address || address->ip.is_unspecified()) return;
    (from == Side::outside ? settings_.outside : settings_.inside) = address;
}

void MediaPath::rewrite(Side to, sdp::Session& session, std::size_t anchored) {
    const auto& local = local_[index(to)];
    const std::string family = local.ip.family == base::Family::ipv6 ? "IN IP6 " : "IN IP4 ";
    session.origin_address = family + local.ip.text();
    const bool session_hold = session.connection && session.connection->is_unspecified();
    session.connection = local.ip;
    std::erase_if(session.attributes, is_hop_by_hop);
    for (std::size_t i = 0; i < session.media.size(); ++i) {
        auto& line = session.media[i];
        // The old way to hold (RFC 2543) would be lost with the address.
        const bool old_hold = line.connection ? line.connection->is_unspecified() : session_hold;
        line.connection.reset();
        line.cryptos.clear();
        line.rtcp_port.reset();
        std::erase_if(line.attributes, is_hop_by_hop);
        if (i != anchored) {
            line.port = 0;
            continue;
        }
        if (old_hold && line.direction == sdp::Direction::sendrecv) {
            line.direction = sdp::Direction::sendonly;
            line.direction_given = true;
        }
        line.port = local.port;
        line.protocol = with_profile(line.protocol, to == Side::outside);
    }
}

std::expected<std::string, int> MediaPath::offer(Side from, std::string_view text, base::Random& random) {
    auto session = sdp::Session::parse(text);
    if (!session) return std::unexpected(400);
    const auto line = choose_line(from, *session);
    if (!line) return std::unexpected(line.error());
    line_ = *line;
    learn(from, *session, session->media[*line]);
    if (from == Side::outside) {
        outside_protocol_ = session->media[*line].protocol;
        offered_crypto_ = *usable(session->media[*line]);
        local_crypto(offered_crypto_->suite, random);
        rewrite(Side::inside, *session, *line);
        return session->text();
    }
    inside_protocol_ = session->media[*line].protocol;
    offered_crypto_.reset();
    rewrite(Side::outside, *session, *line);
    for (const auto& suite : suites_) session->media[*line].cryptos.push_back(local_crypto(suite, random));
    return session->text();
}

std::expected<std::string, int> MediaPath::answer(Side from, std::string_view text) {
    auto session = sdp::Session::parse(text);
    if (!session) return std::unexpected(400);
    if (!line_ || *line_ >= session->media.size()) return std::unexpected(488);
    auto& line = session->media[*line_];
    if (line.port == 0) {  // refused: nothing to anchor
        rewrite(other(from), *session, session->media.size());
        return session->text();
    }
    std::optional<RelaySettings::Keys> keys;
    if (from == Side::outside) {
        const auto* theirs = line.is_secure() ? usable(line) : nullptr;
        // RFC 4568 §5.1.2: the answer's tag names the offered line that was taken.
        const auto ours = theirs == nullptr ? ours_.end() : std::ranges::find_if(ours_, [&](const auto& crypto) { return crypto.suite == theirs->suite; });
        if (ours == ours_.end()) return std::unexpected(488);
        keys = RelaySettings::Keys{*theirs, *ours};
    } else if (offered_crypto_) {
        const auto ours = std::ranges::find_if(ours_, [&](const auto& crypto) { return crypto.suite == offered_crypto_->suite; });
        keys = RelaySettings::Keys{*offered_crypto_, *ours};
        keys->send.tag = offered_crypto_->tag;
    }
    learn(from, *session, line);
    rewrite(other(from), *session, *line_);
    if (from == Side::inside) {
        line.protocol = outside_protocol_;
        if (keys) line.cryptos = {keys->send};
    } else {
        line.protocol = inside_protocol_;
    }
    if (keys) settings_.keys = keys;
    return session->text();
}

}  // namespace confab::edge
