// A daemon's configuration as its frame handles it: the file, --set, the key `control` that every daemon has, and the program's own check.
#pragma once

#include <string>
#include <vector>

#include "app/program.hpp"

namespace confab::app {

class Configuration {
public:
    explicit Configuration(const Program& program);
    Configuration(const Configuration&) = delete;
    Configuration& operator=(const Configuration&) = delete;

    struct Loaded {
        config::Entries all;  // as read
        config::Entries own;  // the program's: without `control`
        std::string control;  // the socket's path
        config::Problems problems;
    };
    // Throws StartupError where the file cannot be read.
    Loaded load(const std::string& path, const std::vector<std::string>& assignments) const;
    // Where a client of the daemon finds it; nothing is checked but this key. `path` need not exist unless `must_exist`.
    std::string control_path(const std::string& path, bool must_exist) const;

    const config::Table& table() const { return table_; }  // the program's keys and `control`
    std::string default_file() const;

private:
    std::string take_control(const config::Entries& entries, config::Problems& problems) const;

    const Program& program_;
    std::string default_control_;
    config::Table control_table_, table_;
};

std::string text_of(const config::Problems& problems);  // a line each

}  // namespace confab::app
