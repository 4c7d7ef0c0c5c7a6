// What io's tests stand on: a loop that runs until something is so or a deadline is over, a folder that goes away, certificates.
#pragma once

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "base/socket_address.hpp"
#include "io/loop.hpp"

namespace confab::test {

inline base::SocketAddress loopback(std::uint16_t port = 0) { return {*base::IpAddress::parse("127.0.0.1"), port}; }
inline base::SocketAddress loopback6(std::uint16_t port = 0) { return {*base::IpAddress::parse("::1"), port}; }

// True as soon as `is_so`, false when the deadline is over.
inline bool run_until(io::Loop& loop, const std::function<bool()>& is_so, base::milliseconds deadline = base::seconds(20)) {
    const auto end = loop.now().steady + deadline;
    bool so = false;
    std::function<void()> look;
    io::Timer again(loop, [&] { look(); });
    look = [&] {
        so = is_so();
        if (so || loop.now().steady > end) return loop.stop();
        again.after(base::milliseconds(1));
    };
    loop.post(look);
    loop.run();
    return so;
}

// What is ready now is handled, and what that made ready.
inline void settle(io::Loop& loop) {
    int rounds = 0;
    run_until(loop, [&] { return ++rounds > 20; });
}

class Folder {
public:
    Folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "confab-io-XXXXXX").string();
        REQUIRE(mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string operator/(const std::string& name) const { return path_ + "/" + name; }
    std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(*this / name, std::ios::binary) << text;
        return *this / name;
    }

private:
    std::string path_;
};

// Self-signed, so each is its own root.
struct Certificate {
    std::string certificate, key;
};
inline Certificate make_certificate(const Folder& folder, const std::string& name, const std::string& alternative_names) {
    Certificate made{folder / (name + ".crt"), folder / (name + ".key")};
    const std::string command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=" + name +
                                " -addext subjectAltName=" + alternative_names + " -keyout " + made.key + " -out " + made.certificate +
                                " >/dev/null 2>&1";
    REQUIRE(std::system(command.c_str()) == 0);
    return made;
}

}  // namespace confab::test
