// Sound files through libsndfile: mono. Reading converts channels by taking the first; a rate other than the wanted one is an error.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "io/descriptor.hpp"

namespace confab::io {

std::expected<std::vector<std::int16_t>, std::string> read_sound(const std::string& path, int sample_rate);

struct SoundFile {
    int sample_rate = 0;
    std::vector<std::int16_t> samples;
};
std::expected<SoundFile, std::string> read_sound(const std::string& path, base::seconds longest = base::seconds(3600));

enum class SoundFormat : std::uint8_t { wav, flac, opus };  // 16-bit PCM; FLAC; Opus in Ogg (8000, 12000, 16000, 24000 or 48000 samples a second)

// Written as it comes, finished on destruction. What a crash leaves behind is playable up to the last second or so: a WAV's header follows its
// length, the other two are streams.
class SoundWriter {
public:
    // A file that is there is overwritten.
    static std::expected<SoundWriter, std::string> create(const std::string& path, int sample_rate, SoundFormat format = SoundFormat::wav);
    // Nothing is overwritten: where NAME.wav is there, it is NAME-2.wav, NAME-3.wav and so on, up to a bound.
    static std::expected<SoundWriter, std::string> create_new(const std::string& path, int sample_rate, SoundFormat format = SoundFormat::wav);
    ~SoundWriter();
    SoundWriter(SoundWriter&&) noexcept;
    SoundWriter& operator=(SoundWriter&&) noexcept;
    const std::string& path() const;
    // Empty: all of it was written, or at least taken. Otherwise why not.
    std::string write(std::span<const std::int16_t> samples);

private:
    struct Impl;
    explicit SoundWriter(std::unique_ptr<Impl> impl);
    static std::expected<SoundWriter, std::string> begin(Descriptor file, const std::string& path, int sample_rate, SoundFormat format);
    std::unique_ptr<Impl> impl_;
};

}  // namespace confab::io
