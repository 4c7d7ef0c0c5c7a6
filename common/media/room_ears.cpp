#include <algorithm>
#include <cmath>

#include "media/room_parts.hpp"

namespace confab::media {
namespace {

constexpr unsigned kBack = 10;        // ticks in which a private encoder heard what all hear, until its state is theirs
constexpr unsigned kLongBack = 1500;  // and for a pause of all, where only silence brings the states together

}  // namespace

float factor_of(int decibels) { return decibels == 0 ? 1 : std::pow(10.0f, static_cast<float>(decibels) / 20); }

Audience::Audience(const CodecFormat& format, int decibels, bool hears_mix)
    : volume(decibels),
      hears(hears_mix),
      gain(hears_mix ? factor_of(decibels) : 0),
      rate(rate_index(format.rate)),
      length(tick_samples(format.rate)),
      ear(format) {}

void Room::Impl::seat(Leg& leg) {
    const auto fits = [&leg](const auto& one) {
        return one->ear.format() == leg.format.codec && one->hears == leg.hears_mix() && (!one->hears || one->volume == leg.volume);
    };
    auto found = std::ranges::find_if(audiences, fits);
    if (found == audiences.end()) {
        audiences.push_back(std::make_unique<Audience>(leg.format.codec, leg.hears_mix() ? leg.volume : 0, leg.hears_mix()));
        found = std::prev(audiences.end());
    }
    leg.audience = found->get();
    ++leg.audience->members;
    if (!leg.ear) {
        leg.hears = leg.audience->gain;
        ++leg.audience->listeners;
    }
}

void Room::Impl::unseat(Leg& leg) {
    if (!leg.ear) --leg.audience->listeners;
    if (--leg.audience->members > 0) return;
    const auto at = std::ranges::find(audiences, leg.audience, [](const auto& one) { return one.get(); });
    closed.push_back(std::move(*at));
    audiences.erase(at);
}

// It hears something else from now on: with a private ear, so that nothing jumps.
void Room::Impl::reseat(Leg& leg) {
    go_private(leg);
    unseat(leg);
    seat(leg);
}

void Room::Impl::go_private(Leg& leg) {
    leg.ear_idle = 0;
    if (leg.ear) return;
    auto& audience = *leg.audience;
    if (audience.spare.empty()) audience.spare.push_back(std::make_unique<Ear>(audience.ear.format()));
    leg.ear = std::move(audience.spare.back());
    audience.spare.pop_back();
    leg.ear->take_state(audience.ear);
    --audience.listeners;
    private_ears.push_back(&leg);
}

void Room::Impl::go_shared(Leg& leg) {
    auto& audience = *leg.audience;
    const bool differs = leg.ear->has_state() || !leg.ear->at_rest() || !audience.ear.at_rest();
    if (leg.ear_idle < (differs ? kBack : 1)) return;
    if (leg.ear->settles_in_silence() && audience.listeners > 0 && !leg.ear->is_silent() && leg.ear_idle < kLongBack) return;
    if (audience.listeners++ == 0) audience.ear.take_state(*leg.ear);  // it slept
    audience.spare.push_back(std::move(leg.ear));
}

}  // namespace confab::media
