#include "conf-bridge/prompt_library.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include "io/sound_file.hpp"

namespace confab::bridge {
namespace {

namespace fs = std::filesystem;
constexpr int kSampleRate = 8000;
constexpr std::string_view kSounds = "sounds";

std::string built_directory() {
    std::error_code error;
    return fs::read_symlink("/proc/self/exe", error).parent_path().parent_path() / "share/confab/prompts";
}

bool is_prompt(const std::string& file) {
    return file.ends_with(".wav") && std::ranges::find(kPromptFiles, std::string_view(file).substr(0, file.size() - 4)) != kPromptFiles.end();
}

// The names of directories in `directory`. Where people put files they must be prompts.
std::expected<std::set<std::string>, std::string> survey(const std::string& directory, bool is_own) {
    std::set<std::string> names;
    std::error_code error;
    for (const auto& folder : fs::directory_iterator(directory, error)) {
        if (!folder.is_directory(error)) continue;
        names.insert(folder.path().filename());
        for (const auto& file : fs::directory_iterator(folder, error))
            if (is_own && !is_prompt(file.path().filename())) return std::unexpected(file.path().string() + ": no prompt has this name");
    }
    if (error) return std::unexpected(directory + ": " + error.message());
    return names;
}

// The first of `folders` that has the file.
std::expected<media::Prompt, std::string> read_first(const std::vector<std::string>& folders, std::string_view name) {
    std::error_code error;
    for (const auto& folder : folders) {
        const auto path = folder + '/' + std::string(name) + ".wav";
        if (&folder != &folders.back() && !fs::exists(path, error)) continue;
        auto samples = io::read_sound(path, kSampleRate);
        if (!samples) return std::unexpected(samples.error());
        return std::make_shared<const media::Sound>(media::Sound{kSampleRate, std::move(*samples)});
    }
    return std::unexpected(std::string(name) + ": no such prompt");
}

bool is_speech(std::size_t prompt) {
    return prompt < static_cast<std::size_t>(PromptName::tone_in) || prompt > static_cast<std::size_t>(PromptName::music);
}

}  // namespace

media::Prompt PromptLibrary::joined(std::size_t language, const std::vector<PromptName>& names) const {
    const auto& known = prompts[std::min(language, prompts.size() - 1)];
    if (names.empty()) return nullptr;
    if (names.size() == 1) return known[static_cast<std::size_t>(names.front())];
    auto whole = std::make_shared<media::Sound>();
    for (const auto name : names) {
        const auto& one = *known[static_cast<std::size_t>(name)];
        whole->rate = one.rate;
        whole->samples.insert(whole->samples.end(), one.samples.begin(), one.samples.end());
    }
    return whole;
}

std::expected<PromptLibrary, std::string> read_prompts(const Config& config) {
    const auto built = built_directory();
    auto names = survey(built, false);
    if (!names) return std::unexpected(names.error());
    std::vector<std::string> roots;
    if (!config.prompts.empty()) {
        const auto own = survey(config.prompts, true);
        if (!own) return std::unexpected(own.error());
        names->insert(own->begin(), own->end());
        roots.push_back(config.prompts);
    }
    roots.push_back(built);
    names->erase(std::string(kSounds));
    if (!names->contains(config.language)) return std::unexpected("language = " + config.language + ": no prompts are in this language");

    PromptLibrary library;
    for (const auto& language : *names) {
        std::vector<std::string> folders, sounds;
        for (const auto& root : roots) {
            folders.push_back(root + '/' + language);
            sounds.push_back(root + '/' + std::string(kSounds));
        }
        if (!fs::exists(folders.back()))
            for (const auto& root : roots) folders.push_back(root + '/' + config.language);
        auto& prompts = library.prompts.emplace_back();
        library.languages.push_back(language);
        for (std::size_t i = 0; i < prompts.size(); ++i) {
            auto prompt = read_first(is_speech(i) ? folders : sounds, kPromptFiles[i]);
            if (!prompt) return std::unexpected(prompt.error());
            prompts[i] = std::move(*prompt);
        }
    }
    return library;
}

}  // namespace confab::bridge
