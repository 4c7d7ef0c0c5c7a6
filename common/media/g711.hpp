// G.711 (ITU-T G.711; RFC 3551 §4.5.14): µ-law and A-law by table, and the level of a frame from its code bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace confab::media {

enum class G711 : std::uint8_t { pcmu, pcma };
std::string_view g711_name(G711 law);
constexpr std::uint8_t static_payload_type(G711 law) { return law == G711::pcmu ? 0 : 8; }

void decode(G711 law, std::span<const std::uint8_t> in, std::span<std::int16_t> out);
void encode(G711 law, std::span<const std::int16_t> in, std::span<std::uint8_t> out);
std::uint8_t silence(G711 law);

// Mean magnitude of the samples, 0…32767, without decoding to a buffer.
int level(G711 law, std::span<const std::uint8_t> in);

}  // namespace confab::media
