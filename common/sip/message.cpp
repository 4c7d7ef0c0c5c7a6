#include "sip/message.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "sip/lexer.hpp"

namespace confab::sip {

std::string_view parse_error_text(ParseError error) {
    switch (error) {
        case ParseError::none:
            return "OK";
        case ParseError::empty:
            return "Empty Message";
        case ParseError::start_line:
            return "Bad Start Line";
        case ParseError::version:
            return "Version Not Supported";
        case ParseError::header_line:
            return "Bad Header Line";
        case ParseError::too_many_headers:
            return "Too Many Headers";
        case ParseError::missing_header:
            return "Missing Mandatory Header";
        case ParseError::repeated_header:
            return "Repeated Header";
        case ParseError::via:
            return "Bad Via";
        case ParseError::from_to:
            return "Bad From Or To";
        case ParseError::call_id:
            return "Bad Call-ID";
        case ParseError::cseq:
            return "Bad CSeq";
        case ParseError::max_forwards:
            return "Bad Max-Forwards";
        case ParseError::content_length:
            return "Bad Content-Length";
        case ParseError::body_too_short:
            return "Body Shorter Than Content-Length";
        case ParseError::status_code:
            return "Bad Status Code";
        case ParseError::uri:
            return "Bad Request-URI";
        case ParseError::expires:
            return "Bad Expires";
        case ParseError::contact:
            return "Bad Contact";
        case ParseError::control_character:
            return "Control Character In Header";
    }
    return {};
}

int status_for(ParseError error) { return error == ParseError::version ? 505 : 400; }

const Header* Message::find(HeaderName name) const {
    for (const auto& header : headers())
        if (header.id == name) return &header;
    return nullptr;
}

const Header* Message::find(std::string_view name) const {
    for (const auto& header : headers())
        if (base::iequals(header.name, name)) return &header;
    return nullptr;
}

std::string_view Message::value(HeaderName name) const {
    const auto* header = find(name);
    return header ? header->value : std::string_view{};
}

std::size_t Message::count(HeaderName name) const {
    std::size_t found = 0;
    for (const auto& header : headers()) found += header.id == name;
    return found;
}

bool Message::answerable() const { return is_request && method != Method::ack && !via.host.empty(); }

namespace {

// False for one that stands twice: elements would disagree about which of them counts.
bool set_once(std::string_view& field, std::string_view value) {
    if (field.data() != nullptr) return false;
    field = value.data() != nullptr ? value : "";
    return true;
}

// `SIP / version /`, with the white space that RFC 3261 allows around the slashes.
bool take_protocol(std::string_view& rest, bool& known_version) {
    using namespace lex;
    const auto protocol = take(rest, run(rest, kToken));
    skip_white(rest);
    if (!base::iequals(protocol, "SIP") || !rest.starts_with('/')) return false;
    rest.remove_prefix(1);
    skip_white(rest);
    known_version = take(rest, run(rest, kToken)) == "2.0";  // another is a fault, but the rest tells where to answer
    skip_white(rest);
    if (!rest.starts_with('/')) return false;
    rest.remove_prefix(1);
    return true;
}

bool take_via_parameter(const lex::Parameter& parameter, TopVia& via) {
    switch (parameter.name.size()) {
        case 5:
            if (base::iequals(parameter.name, "maddr")) return set_once(via.maddr, parameter.value);
            if (!base::iequals(parameter.name, "rport")) return true;
            via.rport_requested = true;
            via.rport = base::parse_number<std::uint16_t>(parameter.value).value_or(0);
            return set_once(via.rport_text, parameter.whole);
        case 6:
            return !base::iequals(parameter.name, "branch") || set_once(via.branch, parameter.value);
        case 8:
            if (!base::iequals(parameter.name, "received")) return true;
            return !parameter.value.empty() && set_once(via.received, parameter.value);
        default:
            return true;
    }
}

}  // namespace

bool read_via(std::string_view value, TopVia& via) {
    using namespace lex;
    via = {};
    auto rest = value;
    skip_white(rest);
    const char* start = rest.data();
    via.value = rest;
    bool known_version = true;
    if (rest.starts_with("SIP/2.0/")) [[likely]] {
        rest.remove_prefix(8);
    } else if (!take_protocol(rest, known_version)) {
        return false;
    }
    skip_white(rest);
    via.transport = take(rest, run(rest, kToken));
    const auto gap = run(rest, kWhite);
    if (via.transport.empty() || gap == 0) return false;
    rest.remove_prefix(gap);
    via.host = take(rest, rest.starts_with('[') ? std::min(rest.find(']'), rest.size() - 1) + 1 : run(rest, kHost));
    if (via.host.empty() || (via.host.front() == '[' && via.host.back() != ']')) return false;
    const char* end = rest.data();
    skip_white(rest);
    if (rest.starts_with(':')) {
        rest.remove_prefix(1);
        skip_white(rest);
        const auto port = base::parse_number<std::uint16_t>(take(rest, run_until(rest, kParamStop)));
        if (!port || *port == 0) return false;
        via.port = *port;
        end = rest.data();
    }
    for (Parameter parameter;;) {
        const auto step = next_parameter(rest, parameter);
        if (step == Step::bad) return false;
        if (step != Step::parameter) break;
        end = rest.data();
        if (!take_via_parameter(parameter, via)) return false;
    }
    via.value = {start, static_cast<std::size_t>(end - start)};
    return known_version;
}

std::string_view peek(std::string_view bytes, HeaderName name) {
    for (auto end = bytes.find('\n'); end != bytes.npos; end = bytes.find('\n')) {
        bytes.remove_prefix(end + 1);
        const auto colon = bytes.find_first_of(":\n");
        if (bytes.starts_with('\r') || bytes.starts_with('\n') || colon == bytes.npos) return {};
        if (bytes[colon] != ':' || header_name_of(base::trim(bytes.substr(0, colon))) != name) continue;
        auto stop = bytes.find('\n', colon);
        while (stop != bytes.npos && stop + 1 < bytes.size() && (bytes[stop + 1] == ' ' || bytes[stop + 1] == '\t')) stop = bytes.find('\n', stop + 1);
        return base::trim(bytes.substr(colon + 1, stop == bytes.npos ? stop : stop - colon - 1));
    }
    return {};
}

}  // namespace confab::sip
