// What was measured of each leg, for the socket: the media thread's last report, and how long a member talked.
#include <algorithm>
#include <cmath>

#include "conf-bridge/core.hpp"

namespace confab::bridge {
namespace {

constexpr double kFullScale = 32'768;
constexpr int kSilence = -127;  // dBov, as RFC 6464 tells it

int decibels(int level) { return level <= 0 ? kSilence : static_cast<int>(std::lround(20 * std::log10(level / kFullScale))); }

// In tenths of a percent; null until something was expected.
local::Value loss_of(const media::LegReport& report) {
    const auto expected = report.received + report.lost;
    if (expected == 0) return nullptr;
    return static_cast<double>(report.lost * 1000 / expected) / 10;
}

}  // namespace

void Core::measured(std::span<const LegSample> samples) {
    for (const auto& sample : samples)
        if (Leg* leg = find(sample.leg)) leg->report = sample.report;
}

std::uint64_t Core::talked_ms(base::Now now, const Leg& leg) const {
    const auto going_on = leg.talking ? now.steady - leg.talks_since : base::Duration{};
    return static_cast<std::uint64_t>(std::chrono::duration_cast<base::milliseconds>(leg.talked + going_on).count());
}

local::Value Core::measured_row(base::Now now, const Leg& leg) const {
    const auto& report = leg.report;
    return local::Value::object({{"member", leg.member},
                                 {"identity", shown(leg)},
                                 {"codec", leg.agreed ? leg.agreed->codec.name : std::string()},
                                 {"received", report.received},
                                 {"sent", report.sent},
                                 {"lost", report.lost},
                                 {"late", report.late},
                                 {"loss", loss_of(report)},
                                 {"jitter_ms", report.received > 0 ? local::Value(std::lround(report.jitter_ms)) : nullptr},
                                 {"delay_ms", std::lround(report.delay_ms)},
                                 {"round_trip_ms", report.round_trip_ms ? local::Value(std::lround(*report.round_trip_ms)) : nullptr},
                                 {"mos", report.mos ? local::Value(std::round(*report.mos * 100) / 100) : nullptr},
                                 {"level", leg.state() == "joined" && !leg.muted ? decibels(report.level) : kSilence},
                                 {"gain", leg.gain},
                                 {"volume", leg.volume},
                                 {"talking", leg.talking},
                                 {"talked_ms", talked_ms(now, leg)}});
}

Core::Outcome Core::stats(base::Now now, const Conference& conference) const {
    Reply reply;
    for (const auto& [member, id] : conference.members) reply.rows.push_back(measured_row(now, *legs_.at(id.value)));
    return reply;
}

// Of those who are in it now.
local::Value Core::room_row(const Conference& conference) const {
    media::LegReport sum;
    std::uint64_t talking = 0;
    for (const auto& [member, id] : conference.members) {
        const Leg& leg = *legs_.at(id.value);
        talking += leg.talking;
        sum.received += leg.report.received;
        sum.sent += leg.report.sent;
        sum.lost += leg.report.lost;
        sum.jitter_ms = std::max(sum.jitter_ms, leg.report.jitter_ms);
        if (leg.report.mos) sum.mos = std::min(sum.mos.value_or(*leg.report.mos), *leg.report.mos);
    }
    return local::Value::object({{"conference", conference.number},
                                 {"thread", conference.thread},
                                 {"members", static_cast<std::uint64_t>(conference.members.size())},
                                 {"talking", talking},
                                 {"received", sum.received},
                                 {"sent", sum.sent},
                                 {"lost", sum.lost},
                                 {"loss", loss_of(sum)},
                                 {"jitter_ms", std::lround(sum.jitter_ms)},
                                 {"mos", sum.mos ? local::Value(std::round(*sum.mos * 100) / 100) : nullptr}});
}

Core::Outcome Core::rooms() const {
    Reply reply;
    for (const auto& [number, conference] : conferences_) reply.rows.push_back(room_row(conference));
    return reply;
}

Core::Outcome Core::describe_member(base::Now now, const Leg& leg) const {
    auto fields = row_of(leg);
    const auto measured = measured_row(now, leg);
    for (const auto& [name, value] : *measured.as_object())
        if (!fields.find(name)) fields.append(name, value);
    return Reply{std::move(fields), {}};
}

}  // namespace confab::bridge
