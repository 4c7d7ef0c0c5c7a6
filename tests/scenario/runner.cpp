#include "runner.hpp"

#include <algorithm>
#include <regex>

#include "base/text.hpp"
#include "config/values.hpp"
#include "sip/compose.hpp"
#include "sip/digest.hpp"
#include "sip/message.hpp"

namespace confab::scenario {
namespace {

struct Assignment {
    std::string name, value;
};

std::optional<Assignment> assignment_of(const std::string& word) {
    const auto equals = word.find('=');
    if (equals == std::string::npos) return std::nullopt;
    return Assignment{word.substr(0, equals), word.substr(equals + 1)};
}

std::string text_of(const local::Value& value) { return value.as_text() ? *value.as_text() : local::to_json(value); }

void require(bool condition, const std::string& what) {
    if (!condition) throw Failed(what);
}

std::vector<std::string> lines_of(std::string_view head) {
    std::vector<std::string> lines;
    for (auto line : base::split(head, '\n')) lines.emplace_back(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line);
    return lines;
}

std::string_view head_of(std::string_view bytes) { return bytes.substr(0, std::min(bytes.find("\r\n\r\n"), bytes.size())); }

std::string digest_response(const std::vector<std::string>& words) {
    require(words.size() == 10, "digest takes ALGORITHM USER REALM PASSWORD METHOD URI NONCE NC CNONCE");
    const auto algorithm = sip::algorithm_of(words[1]);
    require(algorithm.has_value(), "no such algorithm: " + words[1]);
    const auto ha1 = sip::digest_hex(*algorithm, words[2] + ":" + words[3] + ":" + words[4]);
    const auto ha2 = sip::digest_hex(*algorithm, words[5] + ":" + words[6]);
    return sip::digest_hex(*algorithm, ha1 + ":" + words[7] + ":" + words[8] + ":" + words[9] + ":auth:" + ha2);
}

}  // namespace

void Runner::play_all(std::string_view text) {
    for (const auto& step : parse_script(text)) {
        try {
            play(step);
        } catch (const std::exception& failure) {
            throw Failed("line " + std::to_string(step.line) + ": " + failure.what());
        }
    }
}

void Runner::run(std::string_view text) {
    play_all(text);
    require(subject_ != nullptr, "the script has no subject");
    collect();
    require(unseen_.empty(),
            unseen_.empty() ? "" : "the end: unseen message to " + unseen_.front().to.peer.text() + "\n" + unseen_.front().bytes);
    require(subject_->asked.empty(), "the end: unseen question");
}

void Runner::play(const Step& step) {
    if (step.verb == "subject") {
        subject_name_ = step.rest;
    } else if (step.verb == "config") {
        config_ += step.rest + '\n';
    } else if (step.verb == "message") {
        messages_[step.rest] = step.message;
    } else if (step.verb == "include") {
        play_all(load_(step.rest));
    } else if (step.verb == "let") {
        let(step.rest);
    } else {
        start();
        if (step.verb == "receive") return receive(step);
        if (step.verb == "reply") return reply(step);
        if (step.verb == "expect") return expect(step);
        if (step.verb == "ask") return expect_ask(fill(step.rest));
        if (step.verb == "answer") return answer(fill(step.rest));
        if (step.verb == "time" || step.verb == "wait") return pass(step.rest, step.verb == "wait");
        if (step.verb == "status") return check_status(step.rest);
        if (step.verb == "do") return subject_->command(now_, words_of(fill(step.rest)));
        require(step.verb == "fail", "no such verb: " + step.verb);
        const auto words = words_of(step.rest);
        auto failed = hop(words.at(0), words.at(1));
        if (words.size() > 2 && words[2].starts_with("flow=")) failed.flow.value = std::stoull(words[2].substr(5));
        subject_->flow_failed(now_, failed);
    }
}

void Runner::start() {
    if (subject_) return;
    config::Problems problems;
    const auto entries = config::split("scenario", config_, problems);
    require(problems.empty(), "config KEY = VALUE or config [SECTION NAME]");
    static const std::map<std::string, std::unique_ptr<Subject> (*)(const config::Entries&), std::less<>> kSubjects = {
        {"bridge", make_bridge}, {"proxy", make_proxy}, {"registrar", make_registrar}};
    const auto make = kSubjects.find(subject_name_);
    require(make != kSubjects.end(), "subject bridge, proxy or registrar");
    subject_ = make->second(entries);
}

void Runner::let(std::string_view rest) {
    const auto name = take_word(rest);
    require(take_word(rest) == "=", "let NAME = TEXT");
    const auto text = fill(rest);
    const auto words = words_of(text);
    variables_[name] = !words.empty() && words.front() == "digest" ? digest_response(words) : text;
}

std::string Runner::fill(std::string_view text, const Variables* local) const {
    std::string out;
    while (true) {
        const auto open = text.find("${");
        out += text.substr(0, open);
        if (open == std::string_view::npos) return out;
        const auto close = text.find('}', open);
        require(close != std::string_view::npos, "${ without }");
        const auto name = text.substr(open + 2, close - open - 2);
        const Variables& scope = local != nullptr && local->contains(name) ? *local : variables_;
        const auto found = scope.find(name);
        require(found != scope.end(), "no variable " + std::string(name));
        out += found->second;
        text.remove_prefix(close + 1);
    }
}

sip::Hop Runner::hop(std::string_view transport, std::string_view peer) const {
    const auto address = base::SocketAddress::parse(fill(peer));
    require(address.has_value(), "not an address: " + std::string(peer));
    require(transport == "udp" || transport == "tcp", "udp or tcp: " + std::string(transport));
    return {transport == "tcp" ? sip::Transport::tcp : sip::Transport::udp, *address, {1}, 0};
}

void Runner::receive(const Step& step) {
    std::string_view rest = step.rest;
    const auto transport = take_word(rest);
    auto source = hop(transport, take_word(rest));
    Variables local;
    std::string text = step.message;
    for (const auto& word : words_of(fill(rest))) {
        const auto assignment = assignment_of(word);
        if (!assignment) {
            if (word == "<<") continue;
            require(messages_.contains(word), "no message " + word);
            text = messages_[word];
        } else if (assignment->name == "flow") {
            source.flow.value = std::stoull(assignment->value);
        } else if (assignment->name == "listener") {
            source.listener = static_cast<std::uint16_t>(std::stoul(assignment->value));
        } else {
            local[assignment->name] = assignment->value;
        }
    }
    const auto body = text.find("\r\n\r\n");
    local.emplace("length", std::to_string(body == std::string::npos ? 0 : fill(text.substr(body + 4), &local).size()));
    const auto bytes = fill(text, &local);
    subject_->receive(now_, source, bytes, sip::is_stream(source.transport));
}

void Runner::reply(const Step& step) {
    collect();
    std::string_view rest = step.rest;
    const auto peer = fill(take_word(rest));
    const auto found = last_request_.find(peer);
    require(found != last_request_.end(), "no request went to " + peer);
    sip::ResponseParts parts;
    parts.status = std::stoi(take_word(rest));
    auto source = found->second.to;
    std::string tag = "peer", headers;
    for (const auto& word : words_of(fill(rest))) {
        const auto assignment = assignment_of(word);
        require(assignment.has_value(), "NAME=TEXT: " + word);
        if (assignment->name == "tag") tag = assignment->value;
        if (assignment->name == "listener") source.listener = static_cast<std::uint16_t>(std::stoul(assignment->value));
    }
    std::string body;
    for (const auto& detail : step.details) {
        require(detail.starts_with("+ ") || detail.starts_with("= "), "+ Header: value, or = TEXT of the body");
        (detail.front() == '+' ? headers : body) += fill(detail.substr(2)) + "\r\n";
    }
    parts.to_tag = tag;
    parts.headers = headers;
    if (!body.empty()) parts.content_type = "application/sdp";
    parts.body = body;
    sip::Message request;
    require(sip::split(found->second.bytes, request) == sip::ParseError::none, "the request to " + peer + " is malformed");
    std::string response;
    sip::append_response(response, request, source, parts);
    subject_->receive(now_, source, response, sip::is_stream(source.transport));
}

void Runner::collect() {
    for (auto& sent : subject_->sent) {
        const auto peer = sent.to.peer.text();
        if (!sent_before_.insert(peer + "\n" + sent.bytes).second) continue;
        const bool answerable = !sent.bytes.starts_with("SIP/") && !sent.bytes.starts_with("ACK ") && !sent.bytes.starts_with("CANCEL ");
        if (answerable) last_request_[peer] = sent;
        unseen_.push_back(std::move(sent));
    }
    subject_->sent.clear();
}

Sent Runner::take_sent() {
    require(!unseen_.empty(), "nothing was sent");
    auto sent = std::move(unseen_.front());
    unseen_.erase(unseen_.begin());
    return sent;
}

void Runner::expect(const Step& step) {
    collect();
    std::string_view rest = step.rest;
    const auto peer = fill(take_word(rest));
    if (peer == "nothing") {
        return require(unseen_.empty(),
                       unseen_.empty() ? "" : "a message to " + unseen_.front().to.peer.text() + "\n" + unseen_.front().bytes);
    }
    const auto sent = take_sent();
    const auto start = sent.bytes.substr(0, sent.bytes.find("\r\n"));
    require(sent.to.peer.text() == peer, "to " + sent.to.peer.text() + ": " + sent.bytes);
    require(std::regex_search(start, std::regex("^" + fill(rest))), "start line of\n" + sent.bytes);
    expect_details(step, sent);
}

void Runner::expect_details(const Step& step, const Sent& sent) {
    const auto lines = lines_of(head_of(sent.bytes));
    for (const auto& detail : step.details) {
        std::string_view rest = detail;
        const auto verb = take_word(rest);
        if (verb == "has") {
            std::string name, pattern(rest);
            if (const auto arrow = pattern.rfind(" -> "); arrow != std::string::npos) {
                name = pattern.substr(arrow + 4);
                pattern.resize(arrow);
            }
            std::smatch match;
            const std::regex regex(fill(pattern), std::regex::icase);
            const auto found = std::ranges::find_if(lines, [&](const std::string& line) { return std::regex_search(line, match, regex); });
            require(found != lines.end(), "no line like " + pattern + " in\n" + sent.bytes);
            if (!name.empty()) variables_[name] = match[match.size() > 1 ? 1 : 0];
        } else if (verb == "line") {
            require(std::ranges::find(lines, fill(rest)) != lines.end(), "no line " + fill(rest) + " in\n" + sent.bytes);
        } else if (verb == "lacks") {
            const auto has = [&](const std::string& line) { return base::istarts_with(line, std::string(rest) + ":"); };
            require(std::ranges::none_of(lines, has), std::string(rest) + " is there in\n" + sent.bytes);
        } else {
            require(verb == "body", "has, line, lacks or body: " + verb);
            require(std::regex_search(sent.bytes.substr(std::min(sent.bytes.find("\r\n\r\n"), sent.bytes.size())), std::regex(fill(rest))),
                    "body of\n" + sent.bytes);
        }
    }
}

void Runner::expect_ask(std::string_view rest) {
    require(!subject_->asked.empty(), "nothing was asked");
    asked_ = std::move(subject_->asked.front());
    subject_->asked.erase(subject_->asked.begin());
    const auto what = asked_->daemon + " " + asked_->command + " " + local::to_json(asked_->arguments);
    require(take_word(rest) == asked_->daemon && take_word(rest) == asked_->command, "asked: " + what);
    for (const auto& word : words_of(rest)) {
        const auto wanted = assignment_of(word);
        const auto* value = wanted ? asked_->arguments.find(wanted->name) : nullptr;
        require(value != nullptr && text_of(*value) == wanted->value, word + ", asked: " + what);
    }
}

void Runner::answer(std::string_view rest) {
    require(asked_.has_value(), "answer what?");
    const auto question = asked_->id;
    if (rest.starts_with("failure "))
        return subject_->answer(now_, question, std::unexpected(local::Failure{std::string(rest.substr(8)), "scripted"}));
    const auto value = local::parse_json(rest);
    require(value.has_value(), value ? "" : value.error());
    subject_->answer(now_, question, *value);
}

void Runner::pass(std::string_view rest, bool until_sent) {
    const auto duration = config::Value<base::milliseconds>::parse(rest);
    require(duration.has_value(), "time DURATION, wait DURATION");
    const auto end = now_.steady + *duration;
    constexpr int kMostTimers = 100'000;
    for (int fired = 0; fired < kMostTimers; ++fired) {
        const auto deadline = subject_->next_deadline();
        const auto to = std::max(now_.steady, std::min(deadline.value_or(end), end));
        now_.wall += std::chrono::duration_cast<base::milliseconds>(to - now_.steady);
        now_.steady = to;
        if (!deadline || *deadline > end) return;
        subject_->expire(now_);
        if (until_sent && !subject_->sent.empty()) return;
    }
    throw Failed("timers do not end");
}

void Runner::check_status(std::string_view rest) {
    const auto status = subject_->status();
    for (const auto& word : words_of(rest)) {
        const auto wanted = assignment_of(word);
        require(wanted.has_value(), "status NAME=TEXT");
        const auto* value = status.find(wanted->name);
        require(value != nullptr && text_of(*value) == wanted->value, word + " is not so: " + local::to_json(status));
    }
}

}  // namespace confab::scenario
