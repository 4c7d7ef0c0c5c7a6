#include <fmt/core.h>

#include "sip-probe/commands.hpp"
#include "sip-probe/failover.hpp"

namespace confab::probe {

int register_(const app::Invocation& invocation) {
    if (!invocation.has("from")) return complain({io::kUsage, "register needs --from sip:USER@DOMAIN"});
    const auto settings = read_settings(invocation, invocation.text("from"));
    if (!settings) return complain(settings.error());
    io::Loop loop;
    int code = app::kNoAnswer;
    const auto what = "REGISTER " + settings->accounts.front().address;
    const bool query = invocation.has("query");
    const base::seconds expires(invocation.has("remove") ? 0 : invocation.integer("expires", 0, 86'400, 300));
    std::optional<Failover> way;
    const auto happened = [&](Leg& self, const Happening& happening) {
        if (happening.kind == Happening::Kind::challenged || happening.kind == Happening::Kind::provisional) return;
        loop.stop();
        if (happening.kind != Happening::Kind::answered || happening.status / 100 != 2) {
            code = complain(explain(self, happening, what));
            return;
        }
        code = app::kProbeOk;
        const double took = since_ms(self.phases().started, loop.now().steady);
        if (settings->json)
            print_json(local::Value::object(
                {{"status", happening.status}, {"reason", happening.reason}, {"contacts", happening.text}, {"endpoint", way->target().text()}, {"time_ms", took}, {"tls", self.connection()}}));
        else
            fmt::print("{} {} from {} in {:.3f} ms\ncontacts: {}\n", happening.status, happening.reason, way->target().text(), took, happening.text.empty() ? "none" : happening.text);
    };
    way.emplace(loop, *settings, settings->leg(0), [&](Leg& leg) { leg.register_contact(!query, expires); }, happened);
    loop.post([&] { way->begin(); });
    loop.run();
    return code;
}

}  // namespace confab::probe
