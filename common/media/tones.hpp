// Tones: DTMF found in a leg's sound (ITU-T Q.23, Q.24), and beeps as PCM. Sound is 8 kHz where it is listened to, of any rate where it is
// made. Nothing in DtmfDetector allocates; one detector belongs to one leg.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace confab::media {

// Each digit is told once, when it has lasted about 40 ms, however long it stays; voices and music rarely pass for one.
class DtmfDetector {
public:
    DtmfDetector();
    ~DtmfDetector();
    DtmfDetector(DtmfDetector&&) noexcept;
    DtmfDetector& operator=(DtmfDetector&&) noexcept;

    // 20 ms of 8 kHz sound at most. A digit: 0…9, *, #, A…D.
    std::optional<char> hear(std::span<const std::int16_t> sound);
    // Silence that nobody decoded: it ends a digit, so that the same one may come again. Costs nothing after the first time.
    void rest();

private:
    struct State;
    std::unique_ptr<State> state_;
};

struct Tone {
    double hertz = 0;         // 0: a pause
    double second_hertz = 0;  // 0: one tone only
    unsigned milliseconds = 0;
    double level = -20;  // dBov of each, as the root mean square
};
// One behind the other, each fading in and out within 5 ms, so that nothing clicks.
std::vector<std::int16_t> make_tones(std::span<const Tone> tones, std::uint32_t rate);

// A DTMF digit as tones; a pause of that length for what is none.
Tone dtmf_tone(char digit, unsigned milliseconds, double level = -10);

}  // namespace confab::media
