// What a REGISTER asks for (RFC 3261 §10.3 steps 6 and 7, RFC 3327, RFC 5626 §4): its contacts with their lifetimes, and its Path. Pure.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "sip/bindings.hpp"
#include "sip/grammar.hpp"
#include "sip/message.hpp"

namespace confab::registrar {

struct ContactPolicy {
    base::seconds least{60}, most{3600}, usual{3600};
    std::size_t contacts = 10;  // in one request
    std::size_t contact_length = 512, path_length = 2048;
};

struct Refusal {
    int status = 400;
    std::string_view reason{};
};

struct Registration {
    bool has_flow = false;  // a contact names an instance and a reg-id
    enum class Kind : std::uint8_t { query, update, remove_all } kind = Kind::query;
    std::vector<sip::BindingRequest> contacts;  // slices of the request, the URIs byte for byte as they came
};

std::expected<Registration, Refusal> read_registration(const sip::Message& request, const ContactPolicy& policy);

// RFC 5626 §6: whether the element next to the client keeps its flow: ourselves, or one that left a Path with `ob`.
bool keeps_flow(const sip::Message& request, std::string_view path);

// All Path values joined by ", "; "" without any.
std::expected<std::string, Refusal> read_path(const sip::Message& request, const ContactPolicy& policy);

// Whether an option tag stands in a header such as Supported.
bool has_option(const sip::Message& request, sip::HeaderName header, std::string_view option);

// The option tags of Require that a registrar here does not know, joined by ", ".
std::string unknown_requirements(const sip::Message& request);

// `Contact: <uri>;expires=n;q=…;+sip.instance="…";reg-id=n`, without the line's end.
void append_contact(std::string& out, const sip::Binding& binding, base::WallTime now);

// `Date: Sat, 13 Nov 2010 23:29:00 GMT` (RFC 3261 §20.17).
void append_date(std::string& out, base::WallTime now);

// The key under which an address is kept here: sip:user@host, without the port that clients without DNS write. Empty for what is no address.
std::optional<std::string> address_of(const sip::Uri& uri);

std::int64_t seconds_left(const sip::Binding& binding, base::WallTime now);

}  // namespace confab::registrar
