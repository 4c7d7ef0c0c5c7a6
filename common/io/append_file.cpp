#include "io/append_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "io/error.hpp"

namespace confab::io {

std::expected<AppendFile, std::string> AppendFile::open(const std::string& path) {
    // Non-blocking, so that a FIFO in the wrong place cannot hang a start.
    Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640));
    struct stat facts {};
    if (!file || fstat(file.get(), &facts) != 0) return std::unexpected(path + ": " + os_error_text(errno));
    if (!S_ISREG(facts.st_mode)) return std::unexpected(path + ": not a regular file");
    return AppendFile(std::move(file), path, static_cast<std::uint64_t>(facts.st_size));
}

AppendFile::Result AppendFile::failure() const { return std::unexpected(path_ + ": " + os_error_text(errno)); }

AppendFile::Result AppendFile::append(std::string_view text) {
    auto rest = text;
    while (!rest.empty()) {
        const auto put = ::write(file_.get(), rest.data(), rest.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) {
            auto failed = failure();
            if (rest.size() != text.size() && ftruncate(file_.get(), static_cast<off_t>(size_)) != 0) return failure();
            return failed;
        }
        rest.remove_prefix(static_cast<std::size_t>(put));
    }
    size_ += text.size();
    return {};
}

AppendFile::Result AppendFile::sync() { return fdatasync(file_.get()) == 0 ? Result() : failure(); }

std::expected<std::string, std::string> AppendFile::read(std::uint64_t from, std::size_t most) const {
    std::string text(std::min<std::uint64_t>(most, size_ - std::min(from, size_)), '\0');
    std::size_t taken = 0;
    while (taken < text.size()) {
        const auto got = pread(file_.get(), text.data() + taken, text.size() - taken, static_cast<off_t>(from + taken));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return std::unexpected(path_ + ": " + os_error_text(errno));
        if (got == 0) break;
        taken += static_cast<std::size_t>(got);
    }
    text.resize(taken);
    return text;
}

AppendFile::Result AppendFile::cut_unfinished_line() {
    constexpr std::size_t kStep = 65'536;
    auto end = size_;
    while (end > 0) {
        const auto from = end - std::min<std::uint64_t>(end, kStep);
        const auto text = read(from, static_cast<std::size_t>(end - from));
        if (!text) return std::unexpected(text.error());
        const auto newline = text->rfind('\n');
        end = newline == std::string::npos ? from : from + newline + 1;
        if (newline != std::string::npos) break;
    }
    if (end == size_) return {};
    if (ftruncate(file_.get(), static_cast<off_t>(end)) != 0) return failure();
    size_ = end;
    return {};
}

}  // namespace confab::io
