#include "sip/method.hpp"

#include <array>

namespace confab::sip {
namespace {

constexpr std::array<std::string_view, 15> kNames = {"",       "INVITE", "ACK",     "BYE",   "CANCEL", "OPTIONS",   "REGISTER", "PRACK",
                                                     "UPDATE", "INFO",   "MESSAGE", "REFER", "NOTIFY", "SUBSCRIBE", "PUBLISH"};

}  // namespace

Method method_of(std::string_view token) {
    for (std::size_t i = 1; i < kNames.size(); ++i)
        if (kNames[i] == token) return static_cast<Method>(i);
    return Method::other;
}

std::string_view method_name(Method method) { return kNames[static_cast<std::size_t>(method)]; }

}  // namespace confab::sip
