#include "script.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace confab::scenario {
namespace {

bool takes_message(const Step& step) {
    if (step.verb == "message") return true;
    return step.verb == "receive" && step.rest.ends_with("<<");
}

class Reader {
public:
    explicit Reader(std::string_view text) : lines_(base::split(text, '\n')) {}

    std::vector<Step> read() {
        for (; at_ < lines_.size(); ++at_) read_line(lines_[at_]);
        return std::move(steps_);
    }

private:
    void read_line(std::string_view line) {
        const auto text = base::trim(line);
        if (text.empty() || line.front() == '#') return;
        if (line.front() == ' ' || line.front() == '\t') {
            if (steps_.empty()) throw Failed("line 1: an indented line belongs to a step");
            steps_.back().details.emplace_back(text);
            return;
        }
        Step step;
        step.line = static_cast<int>(at_ + 1);
        auto rest = text;
        step.verb = take_word(rest);
        step.rest = rest;
        if (takes_message(step)) step.message = read_message();
        steps_.push_back(std::move(step));
    }

    std::string read_message() {
        std::string message;
        for (++at_; at_ < lines_.size() && lines_[at_] != "."; ++at_) {
            message += lines_[at_];
            message += "\r\n";
        }
        return message;
    }

    std::vector<std::string_view> lines_;
    std::size_t at_ = 0;
    std::vector<Step> steps_;
};

}  // namespace

std::vector<Step> parse_script(std::string_view text) { return Reader(text).read(); }

std::string take_word(std::string_view& rest) {
    rest = base::trim(rest);
    const auto end = std::min(rest.find_first_of(" \t"), rest.size());
    std::string word(rest.substr(0, end));
    rest = base::trim(rest.substr(end));
    return word;
}

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    while (!text.empty()) words.push_back(take_word(text));
    return words;
}

}  // namespace confab::scenario
