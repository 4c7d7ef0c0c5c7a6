// A file that grows at its end: logs and journals of lines. Errors are sentences. `sync` may run in another thread than `append`.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "io/descriptor.hpp"

namespace confab::io {

class AppendFile {
public:
    using Result = std::expected<void, std::string>;

    // Makes it where it is missing, readable for its group.
    static std::expected<AppendFile, std::string> open(const std::string& path);

    // All or nothing: what a full disk took of a text is cut off again.
    Result append(std::string_view text);
    Result sync();  // on disk when it returns
    std::uint64_t size() const { return size_; }

    std::expected<std::string, std::string> read(std::uint64_t from, std::size_t most) const;
    // A last line without its end is the trace of a fall: it goes.
    Result cut_unfinished_line();

private:
    AppendFile(Descriptor file, std::string path, std::uint64_t size) : file_(std::move(file)), path_(std::move(path)), size_(size) {}
    Result failure() const;

    Descriptor file_;
    std::string path_;
    std::uint64_t size_ = 0;
};

}  // namespace confab::io
