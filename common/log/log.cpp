// The door to spdlog: levels, threads and the sink are its; the line is ours.
#include "log/log.hpp"

#include <spdlog/formatter.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <atomic>
#include <memory>

namespace confab::log {
namespace {

spdlog::level::level_enum level_of(base::Severity severity) {
    constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn, spdlog::level::err};
    return kLevels[static_cast<std::size_t>(severity)];
}

// spdlog hands over a text; the line was composed by `write`, so nothing is added but its end.
class BareFormatter : public spdlog::formatter {
public:
    void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
        out.append(message.payload.data(), message.payload.data() + message.payload.size());
        out.push_back('\n');
    }
    std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<BareFormatter>(); }
};

struct Output {
    std::string program;
    Format format;
    spdlog::logger logger;
};

// Set once, before there are other threads; never destroyed, because threads may log until the very end.
std::atomic<Output*> g_output = nullptr;

void write_text(base::Severity severity, std::string_view text) { write(base::Note{severity, std::string(text), ""}); }

}  // namespace

void open(std::string_view program, Format format, base::Severity least) {
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    auto* output = new Output{std::string(program), format, spdlog::logger(std::string(program), std::move(sink))};
    output->logger.set_formatter(std::make_unique<BareFormatter>());
    output->logger.set_level(level_of(least));
    delete g_output.exchange(output);
}

bool set_level(std::string_view name) {
    constexpr std::pair<std::string_view, base::Severity> kNames[] = {{"debug", base::Severity::debug},
                                                                      {"info", base::Severity::info},
                                                                      {"warning", base::Severity::warning},
                                                                      {"error", base::Severity::error}};
    for (const auto& [known, severity] : kNames) {
        if (known != name) continue;
        if (auto* output = g_output.load()) output->logger.set_level(level_of(severity));
        return true;
    }
    return false;
}

void write(const base::Note& note) {
    auto* output = g_output.load(std::memory_order_acquire);
    if (!output || !output->logger.should_log(level_of(note.severity))) return;
    const auto time = std::chrono::floor<base::milliseconds>(spdlog::log_clock::now());
    output->logger.log(level_of(note.severity), spdlog::string_view_t(compose_line(output->format, time, output->program, note)));
}

void write(const base::Notes& notes) {
    for (const auto& note : notes) write(note);
}

void info(std::string_view text) { write_text(base::Severity::info, text); }
void warning(std::string_view text) { write_text(base::Severity::warning, text); }
void error(std::string_view text) { write_text(base::Severity::error, text); }
void debug(std::string_view text) { write_text(base::Severity::debug, text); }

}  // namespace confab::log
