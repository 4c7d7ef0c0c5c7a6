#include "sip-probe/load_tally.hpp"

#include <fmt/core.h>

#include <cmath>

namespace confab::probe {
namespace {

double milliseconds_of(base::Duration duration) { return std::round(static_cast<double>(duration.count()) / 1000) / 1000; }

std::uint64_t count_of(const std::map<std::string, std::uint64_t>& failures, const std::string& reason) {
    const auto found = failures.find(reason);
    return found == failures.end() ? 0 : found->second;
}

double rate_of(const LoadTally& tally) { return tally.seconds > 0 ? static_cast<double>(tally.completed) / tally.seconds : 0; }

constexpr std::pair<const char*, double> kPercentiles[] = {{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p999", 99.9}};

}  // namespace

std::uint64_t LoadTally::failed() const {
    std::uint64_t sum = 0;
    for (const auto& [reason, count] : failures) sum += count;
    return sum;
}

std::uint64_t LoadTally::timed_out() const { return count_of(failures, "timeout"); }

std::uint64_t LoadTally::refused_credentials() const { return count_of(failures, "401") + count_of(failures, "403") + count_of(failures, "407"); }

local::Value to_value(const LoadTally& tally, std::string_view operation) {
    auto value = local::Value::object({{"operation", operation}, {"sent", tally.sent}, {"answered", tally.answered}, {"failed", tally.failed()}});
    auto failures = local::Value::object();
    for (const auto& [reason, count] : tally.failures) failures.append(reason, count);
    value.set("failures", std::move(failures));
    if (!tally.answers.empty()) {
        auto answers = local::Value::object();
        for (const auto& [status, count] : tally.answers) answers.append(std::to_string(status), count);
        value.set("answers", std::move(answers));
    }
    value.set("retransmitted", tally.retransmitted).set("repeated", tally.repeated).set("stray", tally.stray).set("closed", tally.closed);
    if (tally.resumed.count() > 0) value.set("resumed", tally.resumed.count()).set("resumed_max_ms", milliseconds_of(tally.resumed.max()));
    if (tally.invited > 0) value.set("invited", tally.invited).set("acknowledged", tally.acknowledged).set("ended", tally.ended);
    value.set("seconds", std::round(tally.seconds * 1000) / 1000).set("completed", tally.completed).set("rate", std::round(rate_of(tally) * 10) / 10);
    if (tally.latency.count() == 0) return value;
    for (const auto& [name, percent] : kPercentiles) value.set(std::string(name) + "_ms", milliseconds_of(tally.latency.percentile(percent)));
    value.set("max_ms", milliseconds_of(tally.latency.max()));
    return value;
}

std::string to_text(const LoadTally& tally, std::string_view operation) {
    auto text = fmt::format("{}: {} sent, {} answered, {} failed; {:.0f}/s over {:.1f} s\n", operation, tally.sent, tally.answered, tally.failed(),
                            rate_of(tally), tally.seconds);
    if (tally.latency.count() > 0) {
        text += "latency ms:";
        for (const auto& [name, percent] : kPercentiles) text += fmt::format(" {} {:.3f}", name, milliseconds_of(tally.latency.percentile(percent)));
        text += fmt::format(" max {:.3f}\n", milliseconds_of(tally.latency.max()));
    }
    for (const auto& [reason, count] : tally.failures) text += fmt::format("failed: {} {}\n", reason, count);
    for (const auto& [status, count] : tally.answers) text += fmt::format("answered: {} {}\n", status, count);
    if (tally.invited > 0) text += fmt::format("callee: {} invited, {} acknowledged, {} ended\n", tally.invited, tally.acknowledged, tally.ended);
    if (tally.retransmitted + tally.repeated + tally.stray > 0)
        text += fmt::format("{} retransmitted, {} answers repeated, {} stray\n", tally.retransmitted, tally.repeated, tally.stray);
    if (tally.resumed.count() > 0)
        text += fmt::format("{} answered after their connection was back, within {:.3f} ms\n", tally.resumed.count(), milliseconds_of(tally.resumed.max()));
    if (tally.closed > 0) text += fmt::format("{} connections were closed\n", tally.closed);
    return text;
}

}  // namespace confab::probe
