// Sound files through libsndfile: 16-bit mono. Reading converts channels by taking the first; a rate other than the wanted one is an error.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace confab::io {

std::expected<std::vector<std::int16_t>, std::string> read_sound(const std::string& path, int sample_rate);

class SoundWriter {  // WAV, written as it comes, finished on destruction
public:
    static std::expected<SoundWriter, std::string> create(const std::string& path, int sample_rate);
    ~SoundWriter();
    SoundWriter(SoundWriter&&) noexcept;
    SoundWriter& operator=(SoundWriter&&) noexcept;
    void write(std::span<const std::int16_t> samples);

private:
    struct Impl;
    explicit SoundWriter(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace confab::io
