// Start-up failures: what the operator must mend, with the exit code that says whose fault it is (sysexits). Thrown only while a program starts,
// caught once in `app`.
#pragma once

#include <stdexcept>
#include <string>

namespace confab::io {

enum Exit : int { kOk = 0, kUsage = 64, kUnavailable = 69, kBug = 70, kOsError = 71, kIoError = 74, kPermission = 77, kConfig = 78 };

class StartupError : public std::runtime_error {
public:
    StartupError(int exit_code, const std::string& sentence) : std::runtime_error(sentence), exit_code_(exit_code) {}
    int exit_code() const { return exit_code_; }

private:
    int exit_code_;
};

std::string os_error_text(int error_number);  // "Address already in use"

}  // namespace confab::io
