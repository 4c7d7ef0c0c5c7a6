#include "app/configuration.hpp"

#include "io/file.hpp"

namespace confab::app {
namespace {

constexpr std::size_t kFileLimit = 1 << 20;

struct Control {
    config::ControlAddress control;
};

std::string read_file(const std::string& path) {
    auto text = io::read_file(path, kFileLimit);
    if (!text) throw io::StartupError(io::kConfig, text.error());
    return std::move(*text);
}

config::Entries only_control(const config::Entries& entries, bool keep) {
    config::Entries out;
    for (const auto& entry : entries)
        if (entry.key.empty() ? (!keep || entry.section.empty()) : (entry.section.empty() && entry.key == "control") == keep)
            out.push_back(entry);
    return out;
}

}  // namespace

Configuration::Configuration(const Program& program)
    : program_(program), default_control_("unix:/run/confab/" + std::string(program.name) + ".sock"), table_(*program.keys) {
    control_table_.push_back(config::key("control", &Control::control, default_control_, "Where the daemon answers its control socket."));
    control_table_.front().expected = "unix:PATH";
    table_.insert(table_.begin(), control_table_.front());
}

std::string Configuration::default_file() const { return "/etc/confab/" + std::string(program_.name) + ".conf"; }

std::string Configuration::take_control(const config::Entries& entries, config::Problems& problems) const {
    const auto mine = only_control(entries, true);
    const auto address = config::read<Control>(control_table_, mine, problems).control;
    if (address.kind != config::ControlAddress::Kind::unix_path)
        problems.push_back({config::place_of(mine, "control"), "control", "unix:PATH", address.text()});
    return address.path;
}

Configuration::Loaded Configuration::load(const std::string& path, const std::vector<std::string>& assignments) const {
    const auto text = read_file(path);
    Loaded loaded;
    loaded.all = config::split(path, text, loaded.problems);
    for (const auto& assignment : assignments) config::override_with(loaded.all, assignment, loaded.problems);
    loaded.own = only_control(loaded.all, false);
    loaded.control = take_control(loaded.all, loaded.problems);
    program_.check(loaded.own, loaded.problems);
    config::in_file_order(loaded.problems);
    return loaded;
}

std::string Configuration::control_path(const std::string& path, bool must_exist) const {
    const auto text = must_exist ? std::expected<std::string, std::string>(read_file(path)) : io::read_file(path, kFileLimit);
    config::Problems ignored;
    const auto entries = config::split(path, text ? *text : "", ignored);
    config::Problems problems;
    auto control = take_control(entries, problems);
    if (!problems.empty()) throw io::StartupError(io::kConfig, problems.front().text());
    return control;
}

std::string text_of(const config::Problems& problems) {
    std::string out;
    for (const auto& problem : problems) out += problem.text() + "\n";
    return out;
}

}  // namespace confab::app
