#include "sdp/opus_parameters.hpp"

#include "base/text.hpp"

namespace confab::sdp {
namespace {

constexpr std::uint32_t kLowestRate = 8'000, kHighestRate = 48'000;
constexpr std::uint32_t kLowestBitrate = 6'000, kHighestBitrate = 510'000;

std::uint32_t number_in(std::string_view text, std::string_view name, std::uint32_t low, std::uint32_t high, std::uint32_t otherwise) {
    const auto value = format_parameter(text, name);
    const auto number = value ? base::parse_number<std::uint32_t>(*value) : std::nullopt;
    return number && *number >= low && *number <= high ? *number : otherwise;
}

}  // namespace

std::optional<std::string_view> format_parameter(std::string_view format_parameters, std::string_view name) {
    for (const auto part : base::split(format_parameters, ';')) {
        const auto equals = part.find('=');
        if (equals != std::string_view::npos && base::iequals(base::trim(part.substr(0, equals)), name))
            return base::trim(part.substr(equals + 1));
    }
    return std::nullopt;
}

OpusParameters OpusParameters::parse(std::string_view text) {
    OpusParameters out;
    out.max_playback_rate = number_in(text, "maxplaybackrate", kLowestRate, kHighestRate, kHighestRate);
    out.max_average_bitrate = number_in(text, "maxaveragebitrate", kLowestBitrate, kHighestBitrate, 0);
    out.in_band_fec = format_parameter(text, "useinbandfec") == "1";
    out.dtx = format_parameter(text, "usedtx") == "1";
    return out;
}

std::string OpusParameters::text() const {
    std::string out;
    if (max_playback_rate != kHighestRate) {
        const auto rate = std::to_string(max_playback_rate);
        out += "maxplaybackrate=" + rate + ";sprop-maxcapturerate=" + rate + ";";
    }
    if (max_average_bitrate != 0) out += "maxaveragebitrate=" + std::to_string(max_average_bitrate) + ";";
    out += "stereo=0;sprop-stereo=0;useinbandfec=";
    out += in_band_fec ? '1' : '0';
    if (dtx) out += ";usedtx=1";
    return out;
}

}  // namespace confab::sdp
