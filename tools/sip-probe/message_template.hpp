// A message with gaps, cut up once and filled many times: "Call-ID: {call}\r\n". Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace confab::probe {

enum class Gap : std::uint8_t { method, target, local, branch, route, user, tag, to, call, cseq, extra, tail };
inline constexpr std::size_t kGaps = 12;

class MessageTemplate {
public:
    // `text` names gaps by their enumerators in braces; what stands in other braces stays as it is.
    explicit MessageTemplate(std::string_view text);

    std::string_view& operator[](Gap gap) { return values_[static_cast<std::size_t>(gap)]; }  // must live until `append`
    void append(std::string& out) const;

private:
    struct Piece {
        std::string literal;  // then the gap
        std::size_t gap = kGaps;
    };
    std::vector<Piece> pieces_;
    std::array<std::string_view, kGaps> values_{};
};

}  // namespace confab::probe
