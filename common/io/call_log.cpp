#include "io/call_log.hpp"

#include <algorithm>
#include <filesystem>

#include "base/text.hpp"
#include "io/error.hpp"
#include "io/file.hpp"
#include "log/log.hpp"

namespace confab::io {
namespace {

constexpr base::milliseconds kRetry{1000};
constexpr std::size_t kCarried = 65'536;              // octets of the old journal looked at with each write
constexpr std::size_t kTail = 16 << 20;               // octets of the log that are searched besides the missing records' own
constexpr std::size_t kLargestJournal = std::size_t{4} << 30;

std::shared_ptr<AppendFile> opened(const std::string& path) {
    auto file = AppendFile::open(path);
    if (!file) throw StartupError(kIoError, file.error());
    return std::make_shared<AppendFile>(std::move(*file));
}

void require(const AppendFile::Result& result) {
    if (!result) throw StartupError(kIoError, result.error());
}

void append_line(std::string& out, char kind, std::string_view id, std::string_view line) {
    out += kind;
    out += id;
    out += ' ';
    out += line;
    out += '\n';
}

struct JournalLine {
    char kind;
    std::string_view id, line;
};

// Takes one whole line off the front; what has no end was never told to anyone.
std::optional<JournalLine> next_line(std::string_view& rest) {
    const auto end = rest.find('\n');
    if (end == rest.npos || end == 0) return std::nullopt;
    const auto text = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    const auto space = std::min(text.find(' '), text.size());
    return JournalLine{text.front(), text.substr(1, space - 1), text.substr(std::min(space + 1, text.size()))};
}

// What journals tell, read in the order in which they were written.
struct Story {
    std::vector<std::pair<std::string, std::string>> unsure;  // records that may not be in the log, with their ids
    std::unordered_map<std::string, std::pair<std::uint64_t, std::string>> open;
    std::uint64_t order = 0;
    bool has_old = false;

    void read(const std::string& path) {
        if (!std::filesystem::exists(path)) return;
        const auto text = read_file(path, kLargestJournal);
        if (!text) throw StartupError(kIoError, text.error());
        std::string_view rest = *text;
        while (const auto line = next_line(rest)) take(*line);
    }

    void take(const JournalLine& line) {
        std::string id(line.id);
        if (line.kind == '=') unsure.clear();
        // While the old journal is there, it tells what is carried, and more.
        if (line.kind == '*' && has_old) return;
        if (line.kind == '+' || line.kind == '*') open.try_emplace(std::move(id), ++order, std::string()).first->second.second = line.line;
        if (line.kind != '-') return;
        open.erase(id);
        unsure.emplace_back(std::move(id), line.line);
    }

    std::vector<std::string> open_lines() {
        std::vector<std::pair<std::uint64_t, std::string>> ordered;
        for (auto& [id, entry] : open) ordered.push_back(std::move(entry));
        std::ranges::sort(ordered);
        std::vector<std::string> lines;
        for (auto& [at, line] : ordered) lines.push_back(std::move(line));
        return lines;
    }
};

}  // namespace

CallLog::CallLog(Loop& loop, Options options)
    : options_(std::move(options)),
      journal_path_(options_.path + ".journal"),
      old_path_(journal_path_ + ".old"),
      lock_(journal_path_ + ".lock"),
      log_(opened(options_.path)),
      timer_(loop, [this] { promise(); }),
      worker_("call-log") {
    recover();
}

std::unique_ptr<CallLog> CallLog::where_wanted(Loop& loop, const std::string& path, base::milliseconds sync) {
    return path.empty() ? nullptr : std::make_unique<CallLog>(loop, Options{.path = path, .sync = sync});
}

void CallLog::check(const std::string& path, const config::Entries& entries, config::Problems& problems) {
    const auto folder = std::filesystem::path(path).parent_path();
    std::error_code error;
    if (!folder.empty() && !std::filesystem::is_directory(folder, error))
        problems.push_back({config::place_of(entries, "call-log"), "call-log", "a file in a directory that exists", path});
}

void CallLog::recover() {
    require(log_->cut_unfinished_line());
    Story story;
    story.read(old_path_);
    story.has_old = std::filesystem::exists(old_path_);
    story.read(journal_path_);
    std::size_t unsure = 0;
    for (const auto& [id, line] : story.unsure) unsure += line.size() + 1;
    const auto most = unsure + kTail;
    auto tail = log_->read(log_->size() - std::min<std::uint64_t>(most, log_->size()), most);
    if (!tail) throw StartupError(kIoError, tail.error());
    std::string missing;
    for (const auto& [id, line] : story.unsure)
        if (tail->find("\"id\":\"" + id + '"') == std::string::npos) missing.append(line).append("\n");
    require(log_->append(missing));
    last_ = std::move(*tail) + missing;
    require(log_->sync());
    for (const auto& [id, entry] : story.open) {
        open_.emplace(id, Open{entry.second.size(), journals_});
        live_ += entry.second.size();
    }
    std::string fresh = "=\n";
    for (const auto& [id, entry] : story.open) append_line(fresh, '+', id, entry.second);
    const auto made = journal_path_ + ".new";
    std::filesystem::remove(made);
    journal_ = opened(made);
    require(journal_->append(fresh));
    require(journal_->sync());
    std::filesystem::rename(made, journal_path_);
    std::filesystem::remove(old_path_);
    recovered_ = story.open_lines();
}

void CallLog::write(const std::vector<base::CallEntry>& entries) {
    if (entries.empty()) return;
    batch_.clear();
    if (waiting_.empty()) batch_ += "=\n";
    for (const auto& entry : entries) {
        const bool opens = entry.kind == base::CallEntry::Kind::opened;
        append_line(batch_, opens ? '+' : '-', entry.id, entry.line);
        if (opens) {
            auto& open = open_[entry.id];
            live_ += entry.line.size() - open.length;
            open = {entry.line.size(), journals_};
            continue;
        }
        if (const auto found = open_.find(entry.id); found != open_.end()) {
            live_ -= found->second.length;
            open_.erase(found);
        }
        if (waiting_.size() + entry.line.size() > options_.waiting) {
            ++counts_.lost;
            continue;
        }
        waiting_.append(entry.line).append("\n");
        ++waiting_records_;
    }
    if (const auto put = journal_->append(batch_); !put) complain(put.error());
    put_waiting();
    if (old_) carry_some();
    if (!old_ && waiting_.empty() && journal_->size() > options_.journal + 2 * live_) renew_journal();
    if (!dirty_ && (options_.sync.count() > 0 || !waiting_.empty())) timer_.after(waiting_.empty() ? options_.sync : kRetry);
    dirty_ = true;
}

void CallLog::put_waiting() {
    if (waiting_.empty()) return;
    if (const auto put = log_->append(waiting_); !put) return complain(put.error());
    counts_.written += waiting_records_;
    waiting_records_ = 0;
    waiting_.clear();
    complained_ = false;
}

void CallLog::renew_journal() {
    std::error_code error;
    if (std::filesystem::exists(old_path_, error)) return;  // the worker has not done away with the one before
    std::filesystem::rename(journal_path_, old_path_, error);
    if (error) return complain(journal_path_ + ": " + error.message());
    auto fresh = AppendFile::open(journal_path_);
    if (!fresh) {
        std::filesystem::rename(old_path_, journal_path_, error);
        return complain(fresh.error());
    }
    old_ = std::exchange(journal_, std::make_shared<AppendFile>(std::move(*fresh)));
    ++journals_;
    carried_ = 0;
    carry_.clear();
    if (const auto put = journal_->append("=\n"); !put) complain(put.error());
}

// A call that is still open is written again; one that was closed meanwhile has its record in the new journal, and one of which more was told
// has that line there, which must stay its last.
void CallLog::carry_some() {
    const auto text = old_->read(carried_, kCarried);
    if (!text) return complain(text.error());
    carried_ += text->size();
    carry_ += *text;
    std::string_view rest = carry_;
    batch_.clear();
    while (const auto line = next_line(rest)) {
        if (line->kind != '+' && line->kind != '*') continue;
        const auto open = open_.find(std::string(line->id));
        if (open != open_.end() && open->second.journal != journals_) append_line(batch_, '*', line->id, line->line);
    }
    carry_.erase(0, carry_.size() - rest.size());
    if (const auto put = journal_->append(batch_); !put) return complain(put.error());
    if (text->empty()) finish_carrying();
}

void CallLog::finish_carrying() {
    old_.reset();
    worker_.loop().post([log = log_, journal = journal_, path = old_path_] {
        std::error_code error;
        if (log->sync() && journal->sync()) std::filesystem::remove(path, error);
    });
}

void CallLog::promise() {
    dirty_ = false;
    put_waiting();
    if (!waiting_.empty()) {
        dirty_ = true;
        timer_.after(kRetry);
    }
    if (options_.sync.count() == 0) return;
    worker_.loop().post([log = log_, journal = journal_] {
        if (journal->sync()) log->sync();
    });
}

void CallLog::reopen() {
    auto fresh = AppendFile::open(options_.path);
    if (!fresh) return complain(fresh.error());
    log_ = std::make_shared<AppendFile>(std::move(*fresh));
    put_waiting();
}

// Once for each time of trouble: a full disk must not fill another one with log lines.
void CallLog::complain(const std::string& sentence) {
    ++counts_.failures;
    if (!std::exchange(complained_, true)) log::error("call records: " + sentence);
}

}  // namespace confab::io
