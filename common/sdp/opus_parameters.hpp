// The fmtp of Opus (RFC 7587 §6.1): what one side wants to be sent. Pure.
//
// Each side's parameters speak of the direction towards it. Unknown parameters and values that make no sense count as not given; an absent
// one means what the RFC says: no FEC, no DTX, 48 kHz, no bound on the bitrate.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace confab::sdp {

// One `name=value` of an fmtp value; names are compared without case.
std::optional<std::string_view> format_parameter(std::string_view format_parameters, std::string_view name);

struct OpusParameters {
    std::uint32_t max_playback_rate = 48'000;  // Hz
    std::uint32_t max_average_bitrate = 0;     // bit/s; 0: no bound
    bool in_band_fec = false, dtx = false;     // what its sender wants to receive

    static OpusParameters parse(std::string_view format_parameters);
    // For a side that plays mono and captures at its playback rate.
    std::string text() const;
    bool operator==(const OpusParameters&) const = default;
};

}  // namespace confab::sdp
