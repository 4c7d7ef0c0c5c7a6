// A directory, or whatever a file stands for, that one program at a time may use. The kernel lets go when the program ends, however it ends.
#pragma once

#include <string>

#include "io/descriptor.hpp"

namespace confab::io {

class LockFile {
public:
    // Creates the file, mode 0600. Throws StartupError, which names who holds it.
    explicit LockFile(const std::string& path);

private:
    Descriptor file_;
};

}  // namespace confab::io
