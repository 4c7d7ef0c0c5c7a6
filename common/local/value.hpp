// A JSON value of ours: what control sockets speak. Objects keep their order. Boost.JSON stays behind json.cpp.
#pragma once

#include <cstdint>
#include <expected>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace confab::local {

class Value {
public:
    using Array = std::vector<Value>;
    using Member = std::pair<std::string, Value>;
    using Object = std::vector<Member>;

    Value() = default;
    Value(std::nullptr_t) {}
    Value(bool value) : held_(value) {}
    Value(std::int64_t value) : held_(value) {}
    Value(int value) : held_(static_cast<std::int64_t>(value)) {}
    Value(std::uint32_t value) : held_(static_cast<std::int64_t>(value)) {}
    Value(std::uint64_t value) : held_(static_cast<std::int64_t>(value)) {}
    Value(double value) : held_(value) {}
    Value(std::string value) : held_(std::move(value)) {}
    Value(std::string_view value) : held_(std::string(value)) {}
    Value(const char* value) : held_(std::string(value)) {}
    Value(Array value) : held_(std::move(value)) {}
    static Value object(std::initializer_list<Member> members = {});
    static Value array() { return Value(Array{}); }

    bool is_null() const { return std::holds_alternative<std::monostate>(held_); }
    const bool* as_bool() const { return std::get_if<bool>(&held_); }
    const std::int64_t* as_integer() const { return std::get_if<std::int64_t>(&held_); }
    const double* as_double() const { return std::get_if<double>(&held_); }
    const std::string* as_text() const { return std::get_if<std::string>(&held_); }
    const Array* as_array() const { return std::get_if<Array>(&held_); }
    const Object* as_object() const { return std::get_if<Object>(&held_); }
    Array* as_array() { return std::get_if<Array>(&held_); }

    // Members of an object; the fallback where absent or of another type.
    const Value* find(std::string_view name) const;
    std::string_view text(std::string_view name, std::string_view fallback = {}) const;
    std::int64_t integer(std::string_view name, std::int64_t fallback = 0) const;
    bool flag(std::string_view name, bool fallback = false) const;
    const Array& list(std::string_view name) const;  // empty where absent

    Value& set(std::string_view name, Value value);  // adds or replaces; makes an object of a null; returns *this
    void append(std::string name, Value value);      // adds a member that is known to be new
    void push(Value value);                          // appends; makes an array of a null

    template <class Visitor>
    void visit(Visitor&& visitor) const {
        std::visit(std::forward<Visitor>(visitor), held_);
    }

    bool operator==(const Value&) const = default;

private:
    std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> held_;
};

// One line of JSON, no newline. Depth is bounded (32) and so is the text (1 MiB).
std::expected<Value, std::string> parse_json(std::string_view text);
std::string to_json(const Value& value);
void append_json(std::string& out, const Value& value);

}  // namespace confab::local
