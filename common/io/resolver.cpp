#include "io/resolver.hpp"

#include <unbound.h>

#include <list>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "dns/kept_answers.hpp"
#include "io/error.hpp"
#include "io/file.hpp"

namespace confab::io {
namespace {

constexpr std::pair<const char*, const char*> kSettings[] = {
    {"module-config:", "iterator"},            // no trust anchors are configured, so nothing can be validated
    {"do-not-query-localhost:", "no"},         // a resolver on this machine is the usual case
    {"unblock-lan-zones:", "yes"},
    {"infra-host-ttl:", "10"},                 // a server that came back is found again soon
    {"infra-keep-probing:", "yes"},
    {"serve-expired:", "yes"},                 // RFC 8767: an old answer is better than none
    {"serve-expired-ttl:", "86400"},
    {"outgoing-range:", "512"},
    {"num-queries-per-thread:", "1024"},
    {"use-syslog:", "no"},
};

// Names that unbound keeps to itself unless told otherwise and that sites use inside.
constexpr const char* kInsideZones[] = {"test.", "home.arpa."};

constexpr std::size_t kSources = 4;  // contexts, when options change faster than questions end

using Result = dns::Locating::Result;

void require(int error, const std::string& what) {
    if (error != 0) throw StartupError(kConfig, "DNS: " + what + ": " + ub_strerror(error));
}

std::string forward_text(const base::SocketAddress& server) { return server.ip.text() + '@' + std::to_string(server.port); }

dns::Answer read(int error, const ub_result* result) {
    using Outcome = dns::Answer::Outcome;
    if (error != 0 || result == nullptr || result->bogus != 0) return {};
    if (result->nxdomain != 0) return {Outcome::no_such_name};
    if (result->rcode != 0) return {};
    dns::Answer answer{Outcome::none};
    for (std::size_t i = 0; result->havedata != 0 && result->data[i] != nullptr; ++i)
        answer.rdata.emplace_back(result->data[i], static_cast<std::size_t>(result->len[i]));
    if (!answer.rdata.empty()) answer.outcome = Outcome::records;
    return answer;
}

// What one set of options amounts to; searches that began with it end with it.
struct Settings {
    explicit Settings(Resolver::Options wishes) : options(std::move(wishes)) {
        if (options.hosts_file.empty()) return;
        if (const auto text = read_file(options.hosts_file)) hosts = dns::Hosts(*text);
    }
    Resolver::Options options;
    dns::Hosts hosts;
};

struct Search {
    std::shared_ptr<const Settings> settings;
    dns::Locating locating;
    Resolver::OnResult on_result;
    base::Instant deadline;
};

}  // namespace

struct Resolver::Impl : std::enable_shared_from_this<Resolver::Impl> {
    // Our side of one libunbound context: its open questions, and who waits for each.
    struct Source {
        struct Open {
            Source* source = nullptr;
            dns::Question question;
            std::vector<std::uint64_t> waiting;
        };

        Source(Impl& impl, const Settings& settings) : owner(impl), context(ub_ctx_create(), ub_ctx_delete) {
            if (!context) throw StartupError(kOsError, "DNS: libunbound cannot start");
            set_up(settings);
            watch.emplace(impl.loop, ub_fd(context.get()));
            watch->on_readable([this] { owner.read_answers(*this); });
        }
        Source(const Source&) = delete;
        Source& operator=(const Source&) = delete;

        void set_up(const Settings& settings) {
            auto* ub = context.get();
            ub_ctx_debugout(ub, nullptr);  // it would write to our stderr
            for (const auto& [name, value] : kSettings) require(ub_ctx_set_option(ub, name, value), name);
            const auto patience = std::chrono::duration_cast<base::milliseconds>(settings.options.budget * 3 / 4).count();
            require(ub_ctx_set_option(ub, "serve-expired-client-timeout:", std::to_string(patience).c_str()), "serve-expired-client-timeout");
            for (const auto& server : settings.options.servers) require(ub_ctx_set_fwd(ub, forward_text(server).c_str()), server.text());
            if (settings.options.servers.empty()) require(ub_ctx_resolvconf(ub, nullptr), "resolv.conf");
            require(ub_ctx_async(ub, 1), "threads");
            for (const auto* zone : kInsideZones) require(ub_ctx_zone_add(ub, zone, "nodefault"), zone);  // last: no option is taken after it
        }

        static void answered(void* open, int error, ub_result* result) {
            const auto& question = *static_cast<Open*>(open);
            auto& source = *question.source;
            source.owner.take(source, question.question, read(error, result), base::seconds(result != nullptr ? result->ttl : 0));
            ub_resolve_free(result);
        }

        Impl& owner;
        std::unique_ptr<ub_ctx, decltype(&ub_ctx_delete)> context;
        std::optional<Watch> watch;  // of the context's descriptor, so gone before it
        std::map<dns::Question, Open> open;
    };

    Impl(Loop& its_loop, Options options)
        : loop(its_loop), random(kernel_seed()), settings(std::make_shared<Settings>(std::move(options))), timer(loop, [this] { expire(); }) {
        sources.push_back(std::make_unique<Source>(*this, *settings));
    }

    void configure(Options options) {
        auto next = std::make_shared<Settings>(std::move(options));
        // libunbound takes no new servers once it has begun to ask: a new context takes over, the old one goes when its questions are answered.
        if (next->options.servers != settings->options.servers || next->options.budget != settings->options.budget) {
            sources.push_back(std::make_unique<Source>(*this, *next));
            kept = dns::KeptAnswers{};
            if (sources.size() > kSources) give_up(*sources.front());
        }
        settings = std::move(next);
        schedule_round();
    }

    void resolve(dns::Query query, OnResult on_result) {
        ++counts.resolves;
        if (searches.size() >= settings->options.limit) return finish(std::move(on_result), std::unexpected(dns::Failure::server_failure));
        const auto id = ++last_search;
        const auto deadline = loop.now().steady + settings->options.budget;
        auto [at, fresh] = searches.try_emplace(
            id, Search{settings, dns::Locating(std::move(query), settings->options.abilities, settings->hosts, random), std::move(on_result), deadline});
        auto& search = at->second;
        ask(id, search, search.locating.start());
        if (search.locating.is_done()) return finish(id);
        deadlines.emplace(deadline, id);
        set_timer();
    }

    // Questions whose answer is kept are answered on the spot, which may lead to more.
    void ask(std::uint64_t id, Search& search, std::vector<dns::Question> questions) {
        for (std::size_t i = 0; i < questions.size(); ++i) {
            const auto question = questions[i];
            const auto* answer = kept.find(question, loop.now().steady);
            const bool is_kept = answer != nullptr;
            if (!is_kept && open_question(id, question)) continue;
            counts.kept += is_kept;
            for (auto& next : search.locating.answer(question, is_kept ? *answer : dns::Answer{})) questions.push_back(std::move(next));
        }
    }

    bool open_question(std::uint64_t id, const dns::Question& question) {
        auto& source = *sources.back();
        if (const auto known = source.open.find(question); known != source.open.end()) {
            auto& waiting = known->second.waiting;
            if (waiting.size() >= settings->options.limit) std::erase_if(waiting, [&](auto waiter) { return !searches.contains(waiter); });
            waiting.push_back(id);
            return true;
        }
        if (source.open.size() >= settings->options.limit) return false;
        auto& open = source.open[question];
        open = {&source, question, {id}};
        constexpr int kInternet = 1;
        if (ub_resolve_async(source.context.get(), question.name.c_str(), static_cast<int>(question.type), kInternet, &open, Source::answered, nullptr) != 0) {
            source.open.erase(question);
            return false;
        }
        ++counts.questions;
        return true;
    }

    // Within libunbound's callback: neither a context nor this object may end here.
    void take(Source& source, const dns::Question& asked, const dns::Answer& answer, base::seconds time_to_live) {
        const auto question = asked;
        const auto waiting = std::move(source.open.find(question)->second.waiting);
        source.open.erase(question);
        if (&source == sources.back().get()) kept.keep(question, answer, loop.now().steady, time_to_live);
        for (const auto id : waiting) {
            const auto at = searches.find(id);
            if (at == searches.end()) continue;
            auto& search = at->second;
            ask(id, search, search.locating.answer(question, answer));
            if (search.locating.is_done()) finish(id);
        }
    }

    void read_answers(Source& source) {
        const auto alive = shared_from_this();
        if (ub_process(source.context.get()) != 0) replace(source);
        if (sources.size() > 1) schedule_round();
        deliver();
    }

    // libunbound's thread is gone; its questions have no answer, and what comes next is asked of a new one.
    void replace(Source& source) {
        source.watch.reset();
        if (&source == sources.back().get()) sources.push_back(std::make_unique<Source>(*this, *settings));
        give_up(source);
        schedule_round();
    }

    void give_up(Source& source) {
        while (!source.open.empty()) take(source, source.open.begin()->first, {}, base::seconds(0));
    }

    void finish(std::uint64_t id) {
        auto node = searches.extract(id);
        auto& search = node.mapped();
        deadlines.erase({search.deadline, id});
        finish(std::move(search.on_result), search.locating.result());
    }

    void finish(OnResult on_result, Result result) {
        counts.failures += !result;
        counts.timeouts += !result && result.error() == dns::Failure::timeout;
        finished.emplace_back(std::move(on_result), std::move(result));
        schedule_round();
    }

    void expire() {
        const auto alive = shared_from_this();
        const auto now = loop.now().steady;
        while (!deadlines.empty() && deadlines.begin()->first <= now) finish(deadlines.begin()->second);
        set_timer();
        deliver();
    }

    void set_timer() {
        if (deadlines.empty()) return timer.cancel();
        timer.at(deadlines.begin()->first);
    }

    void schedule_round() {
        if (round_scheduled) return;
        round_scheduled = true;
        loop.post([weak = weak_from_this()] {
            const auto self = weak.lock();
            if (!self) return;
            self->round_scheduled = false;
            self->deliver();
            std::erase_if(self->sources, [&](const auto& source) { return source != self->sources.back() && source->open.empty(); });
        });
    }

    // A callback may resolve again, or destroy the resolver.
    void deliver() {
        auto results = std::exchange(finished, {});
        for (auto& [on_result, result] : results)
            if (!closed) on_result(std::move(result));
    }

    Loop& loop;
    base::Random random;
    std::shared_ptr<const Settings> settings;
    Timer timer;
    std::vector<std::unique_ptr<Source>> sources;  // the last one is asked; the others have answers to come
    dns::KeptAnswers kept;
    std::map<std::uint64_t, Search> searches;
    std::set<std::pair<base::Instant, std::uint64_t>> deadlines;
    std::vector<std::pair<OnResult, Result>> finished;
    std::uint64_t last_search = 0;
    Counts counts;
    bool round_scheduled = false, closed = false;
};

Resolver::Resolver(Loop& loop, Options options) : impl_(std::make_shared<Impl>(loop, std::move(options))) {}
Resolver::~Resolver() {
    impl_->closed = true;
    impl_->timer.cancel();
}

void Resolver::resolve(dns::Query query, OnResult on_result) { impl_->resolve(std::move(query), std::move(on_result)); }
void Resolver::configure(Options options) { impl_->configure(std::move(options)); }
const Resolver::Counts& Resolver::counts() const { return impl_->counts; }

}  // namespace confab::io
