#include <fmt/core.h>

#include <algorithm>

#include "sip-probe/commands.hpp"
#include "sip-probe/failover.hpp"

namespace confab::probe {
namespace {

class Ping {
public:
    Ping(const Settings& settings, std::string uri, unsigned count, base::milliseconds interval)
        : settings_(settings), uri_(std::move(uri)), count_(count), interval_(interval),
          way_(loop_, settings, settings.leg(0), [this](Leg& leg) { leg.ask_options(uri_, settings_.headers); },
               [this](Leg& leg, const Happening& happening) { happened(leg, happening); }),
          next_(loop_, [this] { send(); }) {}

    int run() {
        loop_.post([this] { send(); });
        loop_.run();
        summary();
        return answered_ == 0 ? verdict_ : wrong_ > 0 ? app::kWrongAnswer : answered_ < count_ ? app::kNoAnswer : app::kProbeOk;
    }

private:
    void send() {
        sent_at_ = loop_.now().steady;
        ++sent_;
        way_.begin();
    }

    void happened(Leg& leg, const Happening& happening) {
        const double took = since_ms(sent_at_, loop_.now().steady);
        if (happening.kind == Happening::Kind::answered) {
            ++answered_;
            if (happening.status / 100 != 2) ++wrong_;
            times_.push_back(took);
            print(happening, took);
        } else if (happening.kind == Happening::Kind::silent || happening.kind == Happening::Kind::unreachable) {
            const auto refusal = explain(leg, happening, uri_);
            verdict_ = refusal.exit_code;
            if (settings_.json)
                print_json(local::Value::object({{"seq", sent_}, {"error", refusal.sentence}}));
            else
                fmt::print("{}\n", refusal.sentence);
        } else {
            return;
        }
        if (sent_ >= count_) return loop_.stop();
        next_.after(interval_);
    }

    void print(const Happening& happening, double took) {
        if (settings_.json)
            print_json(local::Value::object({{"seq", sent_}, {"status", happening.status}, {"reason", happening.reason}, {"endpoint", way_.target().text()}, {"time_ms", took}}));
        else
            fmt::print("{} {} from {}: seq={} time={:.3f} ms\n", happening.status, happening.reason, way_.target().text(), sent_, took);
        std::fflush(stdout);
    }

    void summary() {
        auto value = local::Value::object({{"sent", sent_}, {"answered", answered_}});
        double sum = 0;
        for (const double time : times_) sum += time;
        if (settings_.json) {
            if (!times_.empty())
                value.set("min_ms", *std::ranges::min_element(times_)).set("avg_ms", sum / static_cast<double>(times_.size())).set("max_ms", *std::ranges::max_element(times_));
            return print_json(value);
        }
        fmt::print("--- {}: {} sent, {} answered", uri_, sent_, answered_);
        if (!times_.empty())
            fmt::print(", min/avg/max = {:.3f}/{:.3f}/{:.3f} ms", *std::ranges::min_element(times_), sum / static_cast<double>(times_.size()),
                       *std::ranges::max_element(times_));
        fmt::print("\n");
    }

    const Settings& settings_;
    std::string uri_;
    unsigned count_;
    base::milliseconds interval_;
    io::Loop loop_;
    Failover way_;
    io::Timer next_;
    base::Instant sent_at_{};
    unsigned sent_ = 0, answered_ = 0, wrong_ = 0;
    int verdict_ = app::kNoAnswer;
    std::vector<double> times_;
};

}  // namespace

int ping(const app::Invocation& invocation) {
    const auto uri = std::string(invocation.text("URI"));
    const auto settings = read_settings(invocation, uri);
    if (!settings) return complain(settings.error());
    const auto count = static_cast<unsigned>(invocation.integer("count", 1, 1'000'000, 3));
    return Ping(*settings, uri, count, invocation.duration("interval", base::seconds(1))).run();
}

}  // namespace confab::probe
