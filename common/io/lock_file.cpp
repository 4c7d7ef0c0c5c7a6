#include "io/lock_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "io/error.hpp"

namespace confab::io {
namespace {

// The holder has written its number; it is not there yet, or no longer, only for a moment.
std::string holder_of(int file) {
    char text[32];
    const auto got = ::pread(file, text, sizeof text, 0);
    return got > 0 ? " (process " + std::string(text, static_cast<std::size_t>(got)) + ")" : "";
}

}  // namespace

LockFile::LockFile(const std::string& path) : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {
    if (!file_) throw StartupError(errno == EACCES || errno == EROFS ? kPermission : kOsError, path + ": " + os_error_text(errno));
    if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) throw StartupError(kUnavailable, path + ": another program" + holder_of(file_.get()) + " holds it; its directory is in use");
        throw StartupError(kOsError, path + ": " + os_error_text(errno));
    }
    const auto number = std::to_string(::getpid());
    if (::ftruncate(file_.get(), 0) != 0 || ::pwrite(file_.get(), number.data(), number.size(), 0) < 0)
        throw StartupError(kOsError, path + ": " + os_error_text(errno));
}

}  // namespace confab::io
