#include "sip-proxy/explain.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "sip/compose.hpp"

namespace confab::proxy {
namespace {

std::string with_line_ends(std::string text) {
    if (text.find("\r\n") != std::string::npos) return text;
    std::string out;
    for (char c : text) out += c == '\n' ? std::string("\r\n") : std::string(1, c);
    if (out.find("\r\n\r\n") == std::string::npos) out += out.ends_with("\r\n") ? "\r\n" : "\r\n\r\n";
    return out;
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    for (auto line : base::split(text, '\n')) lines.push_back(base::trim(line));
    while (!lines.empty() && lines.back().empty()) lines.pop_back();
    return lines;
}

// Lines of `these` that have no like in `those`, each like counting once.
std::vector<std::string_view> without(const std::vector<std::string_view>& these, std::vector<std::string_view> those) {
    std::vector<std::string_view> left;
    for (auto line : these) {
        const auto twin = std::ranges::find(those, line);
        if (twin == those.end())
            left.push_back(line);
        else
            those.erase(twin);
    }
    return left;
}

}  // namespace

Rehearsal::Rehearsal(const Core& live, std::vector<config::Listener> listeners, const std::string& secret, const base::Seed& seed, Scene scene)
    : core_(live.config(), listeners, secret, seed), listeners_(std::move(listeners)), scene_(std::move(scene)) {
    scene_.message = with_line_ends(std::move(scene_.message));
    core_.rehearse(live, scene_.user);
}

// Where the message came from: what was said, else what its Via says, at the first listener that could have taken it.
sip::Hop Rehearsal::source() const {
    sip::Hop hop{sip::Transport::udp, {*base::IpAddress::parse("127.0.0.1"), 5060}, {}, 0};
    sip::Message message;
    sip::split(scene_.message, message);
    if (scene_.source) {
        hop = hop_of_peer(*scene_.source);
    } else if (const auto ip = base::IpAddress::parse(message.via.host)) {
        hop.transport = message.via.transport == "TLS" ? sip::Transport::tls : message.via.transport == "TCP" ? sip::Transport::tcp : sip::Transport::udp;
        hop.peer = {*ip, message.via.port != 0 ? message.via.port : sip::default_port(hop.transport)};
    }
    const auto takes = [&](const config::Listener& listener) {
        return listener.transport == sip::param_name(hop.transport) && listener.address.ip.family == hop.peer.ip.family;
    };
    const auto found = std::ranges::find_if(listeners_, takes);
    hop.listener = found == listeners_.end() ? std::uint16_t{0} : static_cast<std::uint16_t>(found - listeners_.begin());
    return hop;
}

void Rehearsal::begin(base::Now now) {
    effects_.trace = &decisions_;
    const auto from = source();
    const auto& listener = listeners_[from.listener];
    decisions_.push_back({"listener", listener.text() + ", from " + std::string(sip::param_name(from.transport)) + ':' + from.peer.text() +
                                          (core_.is_trusted(from) ? " (trusted)" : "")});
    core_.receive(now, from, scene_.message, false, effects_);
    collect();
}

void Rehearsal::answer(base::Now now, std::uint64_t question, const Answer& answer) {
    core_.answer(now, question, answer, effects_);
    collect();
}

void Rehearsal::resolved(base::Now now, std::uint64_t number, const Located& located) {
    core_.resolved(now, number, located, effects_);
    collect();
}

void Rehearsal::collect() {
    for (const auto& entry : effects_.transmit.entries()) show_sent(entry.to, effects_.transmit.bytes(entry));
    for (const auto& note : effects_.notes) decisions_.push_back({"note", note.text});
    effects_.transmit.clear();
    effects_.notes.clear();
    effects_.records.clear();
    effects_.vouched.clear();
}

void Rehearsal::show_sent(const sip::Hop& to, std::string_view bytes) {
    const PasscodePlaces places{core_.config().passcode_header, core_.config().passcode_parameter};
    const auto show = [&](std::string_view step, std::string_view sign, std::string_view line) {
        decisions_.push_back({step, std::string(sign) + masked(line, places)});
    };
    const auto sent = lines_of(bytes), received = lines_of(scene_.message);
    decisions_.push_back({"send", std::string(sip::param_name(to.transport)) + ':' + to.peer.text() + ", " + std::to_string(bytes.size()) + " octets"});
    if (!sent.empty() && !sent.front().starts_with("SIP/2.0 ")) {
        for (auto line : without(received, sent)) show("edit", "- ", line);
        for (auto line : without(sent, received)) show("edit", "+ ", line);
    }
    for (auto line : sent) show("bytes", "", line);
}

std::string invite_to(std::string_view uri) {
    const auto to = '<' + std::string(uri) + '>';
    sip::RequestParts parts;
    parts.method = sip::Method::invite;
    parts.uri = uri;
    parts.via_sent_by = "127.0.0.1:5060";
    parts.branch = "z9hG4bKroute";
    parts.from = "<sip:caller@127.0.0.1>;tag=route";
    parts.to = to;
    parts.call_id = "route";
    std::string out;
    sip::append_request(out, parts);
    return out;
}

}  // namespace confab::proxy
