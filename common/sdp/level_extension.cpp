#include "sdp/level_extension.hpp"

#include "base/text.hpp"

namespace confab::sdp {
namespace {

constexpr std::string_view kName = "extmap:";
constexpr std::string_view kUri = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
constexpr std::uint8_t kReserved = 15;

// ID[/DIRECTION] URI [PARAMETERS]
std::optional<LevelExtension> read(std::string_view attribute) {
    if (!attribute.starts_with(kName)) return std::nullopt;
    const auto value = base::trim(attribute.substr(kName.size()));
    const auto space = value.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    const auto rest = base::trim(value.substr(space + 1));
    if (rest.substr(0, rest.find(' ')) != kUri) return std::nullopt;
    const auto number = value.substr(0, space);
    const auto slash = number.find('/');
    const auto direction = slash == std::string_view::npos ? direction_name(Direction::sendrecv) : number.substr(slash + 1);
    const auto id = base::parse_number<std::uint8_t>(number.substr(0, slash));
    if (!id || *id == 0 || *id == kReserved) return std::nullopt;
    if (direction != direction_name(Direction::sendrecv) && direction != direction_name(Direction::sendonly)) return std::nullopt;
    return LevelExtension{*id, std::string(base::trim(rest.substr(kUri.size())))};
}

}  // namespace

std::optional<LevelExtension> LevelExtension::find(const Session& session, const MediaLine& line) {
    for (const auto* attributes : {&line.attributes, &session.attributes})
        for (const auto& attribute : *attributes)
            if (auto found = read(attribute)) return found;
    return std::nullopt;
}

std::string LevelExtension::text() const {
    std::string out = std::string(kName) + std::to_string(id) + "/recvonly " + std::string(kUri);
    return parameters.empty() ? out : out + " " + parameters;
}

}  // namespace confab::sdp
