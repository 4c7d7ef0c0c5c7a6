// Configuration keys as rows of one table: parser, `-t`, --help, manual page and example file all derive from the row.
//
// A tool declares a struct and its rows (tools/<tool>/config.hpp):
//     struct Config { std::string realm; base::seconds nonce_lifetime; std::vector<Listener> listen; };
//     inline const config::Table kKeys = {config::key("realm", &Config::realm, "example.org", "Digest realm, the same at all sites"), …};
// A vector member makes a repeated key. An empty `fallback` with `required` set must be given. New value types specialise `Value`.
//
// A row may also stand for sections `[kind NAME]`: it holds rows of its own, and each section of the file, in the file's order, fills one
// element of a vector member, whose `name` is NAME. Names are unique among sections of one kind.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/socket_address.hpp"
#include "config/source.hpp"
#include "config/values.hpp"

namespace confab::config {

struct Key {
    std::string_view name;
    std::string expected;           // the type in words, as a problem reports it: "a duration (200ms, 5s, 2m, 1h)"
    std::string_view fallback;      // default, as text; list keys: values separated by one space
    std::string_view help;          // one or two sentences, for manual page and example
    bool repeated = false;
    bool required = false;
    bool live = false;              // a reload takes it over
    bool secret = false;            // listings show **** for its value
    std::function<bool(void* config, std::string_view value)> set;  // false: not what was expected
    std::function<void(void* config)> clear;                        // lists: forget the defaults
    bool in_milliseconds = false;                                   // how a bound is worded
    std::string_view sample{};                                      // a value for the example file, where there is no default
    std::vector<Key> rows{};                                        // sections: the keys of one
    std::function<void*(void* config, std::string name)> open{};    // sections: appends an element and gives it

    Key& is_live() { live = true; return *this; }
    Key& is_required() { required = true; return *this; }
    Key& is_secret() { secret = true; return *this; }
    Key& such_as(std::string_view value) { sample = value; return *this; }
    // Numbers and durations (in milliseconds): inclusive bounds.
    Key& between(std::int64_t low, std::int64_t high);
    std::function<std::optional<std::int64_t>(std::string_view)> measure;
};
using Table = std::vector<Key>;

// `Config` is named where the member is one that it inherits: key<Config>("listen", &Config::listen, …).
template <class Config = void, class Owner, class T>
Key key(std::string_view name, T Owner::*member, std::string_view fallback, std::string_view help) {
    using Holder = std::conditional_t<std::is_void_v<Config>, Owner, Config>;
    Key row{.name = name, .expected = std::string(Value<T>::expected()), .fallback = fallback, .help = help,
            .repeated = false, .required = false, .live = false, .set = {}, .clear = {}, .in_milliseconds = kIsDuration<T>, .measure = {}};
    row.set = [member](void* config, std::string_view text) {
        auto value = Value<T>::parse(text);
        if (value) static_cast<Holder*>(config)->*member = std::move(*value);
        return value.has_value();
    };
    if constexpr (requires(T value) { measure_of(value); }) {
        row.measure = [](std::string_view text) -> std::optional<std::int64_t> {
            auto value = Value<T>::parse(text);
            return value ? std::optional(measure_of(*value)) : std::nullopt;
        };
    }
    return row;
}

template <class Config = void, class Owner, class T>
Key key(std::string_view name, std::vector<T> Owner::*member, std::string_view fallback, std::string_view help) {
    using Holder = std::conditional_t<std::is_void_v<Config>, Owner, Config>;
    Key row{.name = name, .expected = std::string(Value<T>::expected()), .fallback = fallback, .help = help,
            .repeated = true, .required = false, .live = false, .set = {}, .clear = {}, .in_milliseconds = kIsDuration<T>, .measure = {}};
    row.set = [member](void* config, std::string_view text) {
        auto value = Value<T>::parse(text);
        if (value) (static_cast<Holder*>(config)->*member).push_back(std::move(*value));
        return value.has_value();
    };
    row.clear = [member](void* config) { (static_cast<Holder*>(config)->*member).clear(); };
    return row;
}

// Appends the rows of a part that Config inherits.
template <class Config, class Part>
void append(Table& table, const Table& rows) {
    const auto part_of = [](void* config) -> void* { return static_cast<Part*>(static_cast<Config*>(config)); };
    for (auto row : rows) {
        row.set = [part_of, set = std::move(row.set)](void* config, std::string_view text) { return set(part_of(config), text); };
        if (row.clear) row.clear = [part_of, clear = std::move(row.clear)](void* config) { clear(part_of(config)); };
        table.push_back(std::move(row));
    }
}

// The sections of one kind: `rows` are the keys of one.
template <class Config, class Element>
Key section(std::string_view kind, std::vector<Element> Config::*member, std::string_view help, Table rows) {
    Key row{.name = kind, .expected = "[" + std::string(kind) + " NAME]", .fallback = {}, .help = help, .repeated = true, .set = {},
            .clear = {}, .measure = {}};
    row.rows = std::move(rows);
    row.clear = [member](void* config) { (static_cast<Config*>(config)->*member).clear(); };
    row.open = [member](void* config, std::string name) -> void* {
        auto& element = (static_cast<Config*>(config)->*member).emplace_back();
        element.name = std::move(name);
        return &element;
    };
    return row;
}

// Applies defaults, then entries; every problem is reported, unknown keys and sections among them.
void apply(const Table& table, void* config, const Entries& entries, Problems& problems);

template <class Config>
Config read(const Table& table, const Entries& entries, Problems& problems) {
    Config config{};
    apply(table, &config, entries, problems);
    return config;
}

// What is in force: the value of each key, one pair for each value of a list, in the table's order. A section's pairs have its kind for
// their key and "NAME key = value" for their value.
std::vector<std::pair<std::string_view, std::string>> effective(const Table& table, const Entries& entries);

// Where a cross-check between keys speaks: the place of the key's last entry in `section` ("kind name", "" for the top); where it is not
// given, the section's own place, or the file's name with line 0.
Place place_of(const Entries& entries, std::string_view key, std::string_view section = {});
void complain(const Entries& entries, Problems& problems, std::string_view key, std::string expected, std::string got);

std::string example_file(std::string_view program, const Table& table);  // every key, commented out at its default, with its help
std::string mdoc_list(const Table& table);                               // .Bl -tag … for the manual page

}  // namespace confab::config
