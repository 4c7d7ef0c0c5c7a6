#include "io/sound_file.hpp"

#include <fcntl.h>
#include <sndfile.h>

#include <cerrno>
#include <filesystem>

#include "io/error.hpp"

namespace confab::io {

namespace {

constexpr std::size_t kFramesAtOnce = 4096;
constexpr int kMostNames = 99;

struct Closer {
    void operator()(SNDFILE* file) const { sf_close(file); }
};
using Handle = std::unique_ptr<SNDFILE, Closer>;

Descriptor open_to_write(const std::string& path, int how) { return Descriptor(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | how, 0640)); }

std::string numbered(const std::filesystem::path& path, int number) {
    return path.parent_path() / (path.stem().string() + '-' + std::to_string(number) + path.extension().string());
}

}  // namespace

std::expected<SoundFile, std::string> read_sound(const std::string& path, base::seconds longest) {
    // Opened by us, because libsndfile says only "System error." where the kernel has a reason.
    const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return std::unexpected(path + ": " + os_error_text(errno));
    SF_INFO facts{};
    const Handle sound(sf_open_fd(file.get(), SFM_READ, &facts, SF_FALSE));
    if (!sound) return std::unexpected(path + ": no sound file that is understood (" + sf_strerror(nullptr) + ")");
    const int coding = facts.format & SF_FORMAT_SUBMASK;
    if (coding == SF_FORMAT_FLOAT || coding == SF_FORMAT_DOUBLE) sf_command(sound.get(), SFC_SET_SCALE_FLOAT_INT_READ, nullptr, SF_TRUE);
    sf_command(sound.get(), SFC_SET_CLIPPING, nullptr, SF_TRUE);
    const auto channels = static_cast<std::size_t>(facts.channels);
    const auto most = static_cast<std::size_t>(facts.samplerate) * static_cast<std::size_t>(longest.count());
    SoundFile read{facts.samplerate, {}};
    std::vector<std::int16_t> frames(kFramesAtOnce * channels);
    for (;;) {
        const auto got = sf_readf_short(sound.get(), frames.data(), static_cast<sf_count_t>(kFramesAtOnce));
        if (got <= 0) return read;
        for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) read.samples.push_back(frames[i * channels]);
        if (read.samples.size() > most) return std::unexpected(path + ": longer than " + std::to_string(longest.count()) + " s");
    }
}

std::expected<std::vector<std::int16_t>, std::string> read_sound(const std::string& path, int sample_rate) {
    auto read = read_sound(path);
    if (!read) return std::unexpected(read.error());
    if (read->sample_rate != sample_rate)
        return std::unexpected(path + ": sampled at " + std::to_string(read->sample_rate) + " Hz, expected " + std::to_string(sample_rate) + " Hz");
    return std::move(read->samples);
}

struct SoundWriter::Impl {
    std::string path;
    Descriptor file;
    Handle sound;  // closed before the descriptor
};

std::expected<SoundWriter, std::string> SoundWriter::create(const std::string& path, int sample_rate, SoundFormat format) {
    return begin(open_to_write(path, O_TRUNC), path, sample_rate, format);
}

std::expected<SoundWriter, std::string> SoundWriter::create_new(const std::string& path, int sample_rate, SoundFormat format) {
    auto name = path;
    auto file = open_to_write(name, O_EXCL);
    for (int number = 2; !file && errno == EEXIST && number <= kMostNames; ++number) {
        name = numbered(path, number);
        file = open_to_write(name, O_EXCL);
    }
    return begin(std::move(file), name, sample_rate, format);
}

std::expected<SoundWriter, std::string> SoundWriter::begin(Descriptor file, const std::string& path, int sample_rate, SoundFormat format) {
    if (!file) return std::unexpected(path + ": " + os_error_text(errno));
    SF_INFO facts{};
    facts.samplerate = sample_rate;
    facts.channels = 1;
    static constexpr int kFormats[] = {SF_FORMAT_WAV | SF_FORMAT_PCM_16, SF_FORMAT_FLAC | SF_FORMAT_PCM_16, SF_FORMAT_OGG | SF_FORMAT_OPUS};
    facts.format = kFormats[static_cast<std::size_t>(format)];
    Handle sound(sf_open_fd(file.get(), SFM_WRITE, &facts, SF_FALSE));
    if (!sound) return std::unexpected(path + ": " + sf_strerror(nullptr));
    sf_command(sound.get(), SFC_SET_UPDATE_HEADER_AUTO, nullptr, SF_TRUE);
    return SoundWriter(std::make_unique<Impl>(path, std::move(file), std::move(sound)));
}

SoundWriter::SoundWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SoundWriter::~SoundWriter() = default;
SoundWriter::SoundWriter(SoundWriter&&) noexcept = default;
SoundWriter& SoundWriter::operator=(SoundWriter&&) noexcept = default;

const std::string& SoundWriter::path() const { return impl_->path; }

std::string SoundWriter::write(std::span<const std::int16_t> samples) {
    errno = 0;
    const auto wanted = static_cast<sf_count_t>(samples.size());
    if (sf_write_short(impl_->sound.get(), samples.data(), wanted) == wanted) return {};
    return impl_->path + ": " + (errno != 0 ? os_error_text(errno) : std::string(sf_strerror(impl_->sound.get())));
}

}  // namespace confab::io
