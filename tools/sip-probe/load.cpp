// The `load` subcommands: sockets, time and output around a LoadCore.
#include <fmt/core.h>

#include <cmath>
#include <cstdio>
#include <utility>

#include "base/text.hpp"
#include "io/file.hpp"
#include "io/source_address.hpp"
#include "io/signalling.hpp"
#include "sip-probe/callee.hpp"
#include "sip-probe/commands.hpp"
#include "sip-probe/cpu_time.hpp"
#include "sip-probe/lines.hpp"
#include "sip-probe/load_core.hpp"
#include "sip-probe/settings.hpp"
#include "sip/grammar.hpp"

namespace confab::probe {
namespace {

constexpr std::int64_t kMost = 1'000'000'000;

struct Load {
    Settings settings;
    LoadPlan plan;
    LoadUsers users;
    std::size_t lines = 1;
    std::string_view name;              // of the operation
    std::optional<Target> answer;       // where the callee listens
    std::optional<io::TlsContext> answer_tls;
    std::vector<int> cost_of;           // pids
    base::milliseconds linger{};
};

class LoadRun {
public:
    explicit LoadRun(Load load)
        : load_(std::move(load)), lines_(loop_, line_options(), line_handlers()), pump_(loop_, [this] { pump(loop_.now().steady); }),
          mark_(loop_, [this] { mark(); }), linger_(loop_, [this] { loop_.stop(); }) {
        if (load_.answer) listen();
        load_.plan.lines = lines_.local();
        const auto seed = io::kernel_seed();
        core_.emplace(load_.plan, std::move(load_.users), base::Random(seed).token(6));
    }

    int run() {
        loop_.post([this] { lines_.open(); });
        loop_.run();
        return report();
    }

private:
    Lines::Options line_options() const {
        const auto& server = load_.settings.targets.front();
        return {.transport = server.transport, .server = server.address, .local = io::source_towards(server.address),
                .server_name = server.host, .tls = load_.settings.tls, .count = load_.lines};
    }

    Lines::Handlers line_handlers() {
        return {.received = [this](base::Now now, std::size_t line, std::string_view bytes) { core_->receive(now.steady, line, bytes, out_); },
                .up = [this](base::Now now, std::size_t line) { up(now.steady, line); },
                .down = [this](base::Now now, std::size_t line, const std::string& reason) { down(now.steady, line, reason); },
                .batch_end = [this](base::Now now) { pump(now.steady); }};
    }

    void listen() {
        const auto& answer = *load_.answer;
        const auto contact = "sip:callee@" + answer.address.text() +
                             (answer.transport == sip::Transport::udp ? "" : ";transport=" + std::string(sip::param_name(answer.transport)));
        callee_.emplace(contact, load_.plan.t1, load_.plan.retransmit);
        io::Signalling::Options options;
        callee_sockets_.emplace(loop_, std::vector<io::Signalling::Listener>{{answer.transport, answer.address, load_.answer_tls}}, options,
                                io::Signalling::Handlers{.received =
                                                             [this](base::Now now, const sip::Hop& source, std::string_view bytes, bool is_stream) {
                                                                 callee_->receive(now.steady, source, bytes, is_stream, callee_out_, core_->tally());
                                                             },
                                                         .failed = [](base::Now, const sip::Hop&, const std::string&) {},
                                                         .batch_end = [this](base::Now now) { pump(now.steady); }});
    }

    void up(base::Instant now, std::size_t line) {
        if (begun_) {
            core_->line_up(now, line, out_);
        } else if (++ready_ == load_.lines) {
            begun_ = true;
            core_->begin(now);
            mark_.at(core_->window_begin());
        }
        pump(now);
    }

    // Before the first request a connection that fails ends the run; afterwards it is counted.
    void down(base::Instant now, std::size_t line, const std::string& reason) {
        failure_ = reason;
        if (!begun_) return loop_.stop();
        ++core_->tally().closed;
        core_->line_down(line);
        pump(now);
    }

    // The window's edges, for what the programs under test used within it.
    void mark() {
        (cost_begin_ ? cost_end_ : cost_begin_) = cpu_time_of(load_.cost_of);
        if (const auto end = core_->window_end(); end && !cost_end_) mark_.at(*end);
    }

    void pump(base::Instant now) {
        if (!begun_) return;
        core_->advance(now, out_);
        lines_.send(out_);
        out_.clear();
        if (callee_) {
            callee_->expire(now, callee_out_, core_->tally());
            callee_sockets_->send(loop_.now(), callee_out_);
            callee_out_.clear();
        }
        if (core_->is_over()) return end();
        auto next = core_->next();
        if (const auto callee = callee_ ? callee_->next() : std::nullopt) next = std::min(next.value_or(*callee), *callee);
        if (!next || (armed_ && *armed_ <= *next && *armed_ > now)) return;
        armed_ = next;
        pump_.at(*next);
    }

    // Connections may stay a while, to be looked at or to see whether they may.
    void end() {
        if (load_.linger == base::milliseconds{}) return loop_.stop();
        if (!std::exchange(lingering_, true)) linger_.after(load_.linger);
    }

    int report() {
        if (!begun_) {
            const bool in_tls = failure_.starts_with("TLS");
            return complain({in_tls ? app::kTls : app::kTransport, load_.settings.targets.front().address.text() + ": " + failure_});
        }
        core_->finish();
        if (!cost_end_) cost_end_ = cpu_time_of(load_.cost_of);
        const auto& tally = core_->tally();
        if (load_.settings.json)
            print_json(with_cost(to_value(tally, load_.name)));
        else
            fmt::print("{}{}", to_text(tally, load_.name), cost_text());
        return verdict(tally);
    }

    std::optional<double> cost_us() const {
        const auto completed = core_->tally().completed;
        if (load_.cost_of.empty() || !cost_begin_ || !cost_end_ || completed == 0) return std::nullopt;
        return static_cast<double>(*cost_end_ - *cost_begin_) / 1000 / static_cast<double>(completed);
    }
    local::Value with_cost(local::Value value) const {
        if (const auto cost = cost_us()) value.set("cpu_us", std::round(*cost * 100) / 100);
        return value;
    }
    std::string cost_text() const {
        const auto cost = cost_us();
        return cost ? fmt::format("CPU: {:.2f} µs an operation\n", *cost) : std::string();
    }

    static int verdict(const LoadTally& tally) {
        const auto failed = tally.failed(), silent = tally.timed_out(), credentials = tally.refused_credentials();
        if (failed == 0) return app::kProbeOk;
        if (failed == credentials) return app::kAuthentication;
        if (failed == silent) return app::kNoAnswer;
        return app::kWrongAnswer;
    }

    Load load_;
    io::Loop loop_;
    Lines lines_;
    std::optional<LoadCore> core_;
    std::optional<Callee> callee_;
    std::optional<io::Signalling> callee_sockets_;
    io::Timer pump_, mark_, linger_;
    Sendings out_;
    sip::Outbox callee_out_;
    std::size_t ready_ = 0;  // lines that have come up
    std::string failure_;
    bool begun_ = false, lingering_ = false;
    std::optional<base::Instant> armed_;
    std::optional<std::uint64_t> cost_begin_, cost_end_;
};

std::expected<LoadUsers, Refusal> read_users(const app::Invocation& invocation, const Settings& settings) {
    if (invocation.has("users-file")) {
        const auto path = std::string(invocation.text("users-file"));
        const auto text = io::read_secret(path);
        if (!text) return std::unexpected(Refusal{io::kConfig, text.error()});
        auto users = LoadUsers::from_csv(*text);
        if (!users) return std::unexpected(Refusal{io::kConfig, path + ": " + users.error()});
        return *users;
    }
    if (invocation.has("users"))
        return LoadUsers::numbered(static_cast<std::size_t>(invocation.integer("users", 1, 10'000'000, 1)),
                                   invocation.has("user-pattern") ? invocation.text("user-pattern") : "u#######",
                                   invocation.has("password-pattern") ? invocation.text("password-pattern") : "pw#######");
    LoadUsers users;
    for (const auto& account : settings.accounts) users.add(account.user, account.password);
    return users;
}

std::expected<void, Refusal> read_answer(const app::Invocation& invocation, Load& load) {
    const auto query = parse_target(invocation.text("answer"));
    if (!query) return std::unexpected(Refusal{io::kUsage, "--answer: " + query.error()});
    const auto ip = base::IpAddress::parse(query->host);
    if (!ip) return std::unexpected(Refusal{io::kUsage, "--answer: expected an IP address, got " + query->host});
    const auto service = query->transport.value_or(dns::Service::udp);
    load.answer = Target::of({service, {*ip, query->port != 0 ? query->port : dns::default_port(service)}}, *query);
    if (service != dns::Service::tls) return {};
    auto tls = io::TlsContext::server(std::string(invocation.text("answer-certificate")), std::string(invocation.text("answer-key")), {});
    if (!tls) return std::unexpected(Refusal{io::kConfig, tls.error()});
    load.answer_tls = *tls;
    return {};
}

LoadPlan read_plan(const app::Invocation& invocation, const Settings& settings, Operation operation) {
    LoadPlan plan;
    plan.operation = operation;
    plan.uri = invocation.text("URI");
    plan.domain = invocation.has("domain") ? std::string(invocation.text("domain")) : std::string(sip::parse_uri(plan.uri)->host);
    plan.contact = invocation.text("contact");
    plan.server = {settings.targets.front().transport, settings.targets.front().address, {}, sip::kAnyListener};
    plan.rate = static_cast<double>(invocation.integer("rate", 1, 10'000'000, 0));
    plan.outstanding = static_cast<std::uint64_t>(invocation.integer("outstanding", 1, 1'000'000, 1));
    plan.count = static_cast<std::uint64_t>(invocation.integer("count", 1, kMost, 0));
    if (plan.count == 0 || invocation.has("duration")) plan.duration = invocation.duration("duration", base::seconds(10));
    plan.warm_up = invocation.duration("warm-up", base::milliseconds(0));
    plan.timeout = settings.timeout;
    plan.hold = invocation.duration("hold", base::milliseconds(0));
    plan.expires = static_cast<std::uint32_t>(invocation.integer("expires", 0, kMost, 3600));
    plan.first_user = static_cast<std::size_t>(invocation.integer("first", 0, kMost, 0));
    plan.retransmit = invocation.has("retransmit");
    plan.keep_nonce = invocation.has("keep-nonce");
    return plan;
}

int load(const app::Invocation& invocation, Operation operation, std::string_view name) {
    if (!sip::parse_uri(invocation.text("URI"))) return complain({io::kUsage, "URI: expected sip:USER@HOST or sip:HOST"});
    auto settings = read_settings(invocation, invocation.text("URI"));
    if (!settings) return complain(settings.error());
    Load load{.settings = *settings, .plan = read_plan(invocation, *settings, operation), .users = {}, .name = name, .answer = {}, .answer_tls = {}, .cost_of = {}, .linger = {}};
    auto users = read_users(invocation, *settings);
    if (!users) return complain(users.error());
    load.users = std::move(*users);
    load.lines = static_cast<std::size_t>(invocation.integer("sockets", 1, 10'000, 1));
    if (invocation.has("answer"))
        if (const auto read = read_answer(invocation, load); !read) return complain(read.error());
    load.linger = invocation.duration("linger", load.linger);
    for (const auto& text : invocation.all("cost-of")) {
        const auto pid = base::parse_number<int>(text);
        if (!pid || !cpu_time_of({*pid})) return complain({io::kUsage, "--cost-of: no process " + text});
        load.cost_of.push_back(*pid);
    }
    return LoadRun(std::move(load)).run();
}

}  // namespace

int load_options(const app::Invocation& invocation) { return load(invocation, Operation::options, "options"); }
int load_register(const app::Invocation& invocation) { return load(invocation, Operation::register_, "register"); }
int load_call(const app::Invocation& invocation) { return load(invocation, Operation::call, "call"); }
int load_flood(const app::Invocation& invocation) {
    if (!invocation.has("rate")) return complain({io::kUsage, "load flood: --rate is needed: nothing is waited for"});
    return load(invocation, Operation::flood, "flood");
}

}  // namespace confab::probe
