#include "sip/osip_grammar.hpp"

#include <osipparser2/osip_parser.h>

#include <memory>

#include "base/check.hpp"

namespace confab::sip {
namespace {

template <auto Free>
struct Freed {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};
template <class T, auto Free>
using Owned = std::unique_ptr<T, Freed<Free>>;

// What osip can read: no NUL, no line breaks. Empty values crash nothing but mean nothing either.
std::optional<std::string> flattened(std::string_view value) {
    if (value.empty() || value.find('\0') != value.npos) return std::nullopt;
    std::string text(value);
    for (char& c : text)
        if (c == '\r' || c == '\n') c = ' ';
    return text;
}

void be_quiet() {
    static const bool quiet = [] {
        osip_trace_initialize_func(TRACE_LEVEL0, [](const char*, int, osip_trace_level_t, const char*, va_list) {});
        return true;
    }();
    (void)quiet;
}

// `init` and `parse` are osip's pair for one kind of value; the result owns what they made.
template <class T, auto Free, class Init, class Parse>
Owned<T, Free> parsed(std::string_view value, Init init, Parse parse) {
    be_quiet();
    const auto text = flattened(value);
    T* raw = nullptr;
    if (!text || init(&raw) != 0) return nullptr;
    Owned<T, Free> object(raw);
    if (parse(raw, text->c_str()) != 0) return nullptr;
    return object;
}

std::string text_of(const char* text) { return text ? text : ""; }

OsipUri uri_of(const osip_uri_t& uri) { return {text_of(uri.scheme), text_of(uri.username), text_of(uri.host), text_of(uri.port)}; }

auto parsed_address(std::string_view value) { return parsed<osip_from_t, osip_from_free>(value, osip_from_init, osip_from_parse); }
auto parsed_via(std::string_view value) { return parsed<osip_via_t, osip_via_free>(value, osip_via_init, osip_via_parse); }
auto parsed_cseq(std::string_view value) { return parsed<osip_cseq_t, osip_cseq_free>(value, osip_cseq_init, osip_cseq_parse); }
auto parsed_call_id(std::string_view value) {
    return parsed<osip_call_id_t, osip_call_id_free>(value, osip_call_id_init, osip_call_id_parse);
}

}  // namespace

bool osip_accepts_header(HeaderName name, std::string_view value) {
    switch (name) {
        case HeaderName::from:
        case HeaderName::to:
            return parsed_address(value) != nullptr;
        case HeaderName::contact:
            return parsed<osip_contact_t, osip_contact_free>(value, osip_contact_init, osip_contact_parse) != nullptr;
        case HeaderName::route:
        case HeaderName::record_route:
            return parsed<osip_route_t, osip_route_free>(value, osip_route_init, osip_route_parse) != nullptr;
        case HeaderName::via:
            return parsed_via(value) != nullptr;
        case HeaderName::cseq:
            return parsed_cseq(value) != nullptr;
        case HeaderName::call_id:
            return parsed_call_id(value) != nullptr;
        default:
            break;
    }
    CHECK(false, "osip_grammar has no door for header " + std::string(header_name_text(name)));
    return false;
}

std::optional<OsipUri> osip_read_uri(std::string_view text) {
    const auto uri = parsed<osip_uri_t, osip_uri_free>(text, osip_uri_init, osip_uri_parse);
    if (!uri) return std::nullopt;
    return uri_of(*uri);
}

std::optional<OsipAddress> osip_read_address(std::string_view value) {
    const auto address = parsed_address(value);
    if (!address || !address->url) return std::nullopt;
    OsipAddress out{uri_of(*address->url), {}};
    osip_generic_param_t* tag = nullptr;
    char name[] = "tag";  // not written to, but not const either
    if (osip_generic_param_get_byname(&address->gen_params, name, &tag) == 0 && tag) out.tag = text_of(tag->gvalue);
    return out;
}

std::optional<OsipVia> osip_read_via(std::string_view value) {
    const auto via = parsed_via(value);
    if (!via) return std::nullopt;
    OsipVia out{text_of(via->protocol), text_of(via->host), text_of(via->port), {}};
    osip_generic_param_t* branch = nullptr;
    char name[] = "branch";
    if (osip_via_param_get_byname(via.get(), name, &branch) == 0 && branch) out.branch = text_of(branch->gvalue);
    return out;
}

std::optional<OsipCseq> osip_read_cseq(std::string_view value) {
    const auto cseq = parsed_cseq(value);
    if (!cseq) return std::nullopt;
    return OsipCseq{text_of(cseq->number), text_of(cseq->method)};
}

std::optional<std::string> osip_read_call_id(std::string_view value) {
    const auto call_id = parsed_call_id(value);
    if (!call_id) return std::nullopt;
    std::string out = text_of(call_id->number);
    if (call_id->host) out += '@' + std::string(call_id->host);
    return out;
}

}  // namespace confab::sip
