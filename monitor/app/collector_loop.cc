#include "monitor/app/collector_loop.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "monitor/app/log_words.h"

namespace {

using std::chrono::milliseconds;

constexpr int64_t kBatchBytes = 1 << 20;
constexpr milliseconds kCommitInterval{50};
constexpr milliseconds kTick{1000};
// Canonical files looked at before the logs are read again, and the bytes that each stands for.
constexpr int kFilesAtOnce = 1000;
constexpr int64_t kFileBytes = 256;

SourceWatch::Seen SeenOf(const CompactionLog& log, const CompactionLogConfig& config) {
  SourceWatch::Seen seen;
  if (!log.has_files()) {
    seen.reason = "no file matches the configured paths";
    seen.path = config.paths.front();
  }
  for (const TailProblem& found : log.problems()) {
    if (found.expected) continue;
    seen.reason = found.reason;
    seen.path = found.path;
  }
  seen.lag_bytes = log.lag_bytes();
  seen.pending_bytes = log.pending_bytes();
  seen.read_bytes = log.read_bytes();
  return seen;
}

// Else it may well not be there: a configuration also says of what is elsewhere how formats hang
// together.
bool IsAskedFor(const CanonicalFilesConfig& files) {
  return files.required || files.dead_since || files.recount.front() != "none";
}

}  // namespace

CollectorLoop::CollectorLoop(const Config& config, const Clock& clock, Queue<Batch>& queue,
                             SourceWatches& watches, LedgerLoop& ledger, int stop_event)
    : config_(config),
      clock_(clock),
      queue_(queue),
      watches_(watches),
      ledger_(ledger),
      stop_event_(stop_event),
      timer_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)),
      beat_(clock.Now()) {
  const itimerspec every_second{{1, 0}, {1, 0}};
  timerfd_settime(timer_.get(), 0, &every_second, nullptr);
}

Result<void> CollectorLoop::Open(Ledger& ledger, const LagBounds& bounds,
                                 std::unique_ptr<CanonicalFiles>& files) {
  next_log_id_ = ledger.next_log_id();
  TailOptions options;
  options.clock = &clock_;
  for (size_t i = 0; i < config_.compaction_logs.size(); ++i) {
    const CompactionLogConfig& source = config_.compaction_logs[i];
    const auto index = static_cast<int16_t>(i);
    auto opened = CompactionLog::Open(index, source, source.paths, ledger.Positions(index), options,
                                      &next_log_id_);
    if (!opened) return tl::unexpected<Error>(opened.error());
    logs_.push_back(std::move(*opened));
    due_.push_back(true);
    watches_.Add(source.name, {source.name, beat_, bounds, ledger.Coverage(index)});
  }
  if (config_.canonical_files.empty()) return {};
  auto index = static_cast<int16_t>(logs_.size());
  for (const std::string_view source : FileSources(config_)) {
    const std::string name(source);
    watches_.Add(name, {name, beat_, bounds, ledger.Coverage(index++)});
  }
  return OpenFiles(ledger, files);
}

Result<void> CollectorLoop::OpenFiles(Ledger& ledger, std::unique_ptr<CanonicalFiles>& files) {
  const auto source = static_cast<int16_t>(logs_.size());
  files_due_ = true;
  if (files && files->Continue(source, config_.canonical_files)) {
    files_ = std::move(files);
    Preserve();
    return {};
  }
  if (const auto until = ledger.FilesWatchedUntil()) AddDowntime(*until);
  auto opened = CanonicalFiles::Open(source, config_.canonical_files, config_.keep_sys_admin,
                                     ledger.Directories(), clock_);
  if (!opened) return tl::unexpected<Error>(opened.error());
  files_ = std::move(*opened);
  const FilesStatus status = files_->status();
  spdlog::info("canonical files watched level={} sees={} cannot_see={}", NameOf(status.level),
               LogWords(status.sees), LogWords(status.cannot_see));
  for (const std::string& note : status.notes) {
    spdlog::warn("canonical files note={}", LogWords(note));
  }
  Preserve();
  return {};
}

// What it cannot protect is said before it happens.
void CollectorLoop::Preserve() {
  files_->Preserve(config_.preserve);
  const auto kept = files_->status().kept;
  if (!kept) return;
  if (kept->method.empty()) {
    spdlog::warn("generations not kept problem={}", LogWords(kept->problem));
  } else if (kept->method == "link") {
    spdlog::warn("generations kept method=link unprotected={}",
                 LogWords("a file that is rewritten or truncated in place: this file system has no "
                          "reflinks"));
  } else {
    spdlog::info("generations kept method={}", kept->method);
  }
}

// What happened to files while nobody watched is lost, unlike what was logged.
void CollectorLoop::AddDowntime(Time until) {
  auto index = static_cast<int16_t>(logs_.size());
  const Time now = clock_.Now();
  const std::string detail = R"({"reason":"rollcall was not running","from":")" +
                             FormatTime(until) + R"(","to":")" + FormatTime(now) + R"("})";
  for (size_t i = 0; i < FileSources(config_).size(); ++i) {
    Fact fact;
    fact.kind = FactKind::kBlind;
    fact.source = index++;
    fact.logged_at = now;
    fact.detail = batch_.Add(detail);
    batch_.facts.push_back(fact);
  }
}

void CollectorLoop::Run() {
  while (!stopping_) {
    FillAll();
    NoteSources();
    beat_ = clock_.Now();
    const bool more_logged = std::find(due_.begin(), due_.end(), true) != due_.end();
    const bool more = more_logged || files_due_;
    const bool first_read_through = !more_logged && read_through_ < 0;
    if ((first_read_through || MayHandOver()) && !HandOver()) return;
    if (first_read_through) read_through_ = handed_;
    ledger_.set_logs_read(!more_logged && batch_.facts.empty());
    if (!more) WaitForWork();
  }
  HandOver();
}

// One round over the sources, each in its turn.
void CollectorLoop::FillAll() {
  for (size_t i = 0; i < logs_.size(); ++i) {
    if (!due_[i]) continue;
    const int64_t before = logs_[i]->read_bytes();
    due_[i] = logs_[i]->Fill(batch_, kBatchBytes);
    batch_bytes_ += logs_[i]->read_bytes() - before;
    if (batch_bytes_ >= kBatchBytes && !HandOver()) return;
  }
  files_due_ = files_due_ && FillFiles();
}

bool CollectorLoop::FillFiles() {
  const size_t before = batch_.files.sightings.size();
  const bool more = files_->Fill(batch_, kFilesAtOnce);
  batch_bytes_ += static_cast<int64_t>(batch_.files.sightings.size() - before) * kFileBytes;
  return more;
}

bool CollectorLoop::MayHandOver() const {
  return batch_bytes_ >= kBatchBytes || clock_.SinceBoot() >= handed_at_ + kCommitInterval;
}

// False: the ledger thread has ended. While it takes nothing, the sources' lag is still noted.
bool CollectorLoop::HandOver() {
  if (batch_.empty()) return true;
  while (!queue_.WaitForRoom(kTick)) NoteSources();
  ++handed_;
  batch_.observed_at = clock_.Now();
  batch_bytes_ = 0;
  handed_at_ = clock_.SinceBoot();
  return queue_.Push(std::exchange(batch_, {}));
}

void CollectorLoop::WaitForWork() {
  std::vector<pollfd> waiting;  // a negative descriptor is ignored
  for (const auto& source : logs_) waiting.push_back({source->wake_fd(), POLLIN, 0});
  waiting.push_back({timer_.get(), POLLIN, 0});
  waiting.push_back({stop_event_, POLLIN, 0});
  const size_t others = waiting.size();
  if (files_) {
    for (const int fd : files_->wake_fds()) waiting.push_back({fd, POLLIN, 0});
  }
  const milliseconds left = handed_at_ + kCommitInterval - clock_.SinceBoot();
  const auto patience = static_cast<int>(std::max(left, milliseconds(0)).count());
  poll(waiting.data(), waiting.size(), batch_.empty() ? -1 : patience);
  uint64_t ticks = 0;
  const bool tick = waiting[logs_.size()].revents && read(timer_.get(), &ticks, sizeof ticks) > 0;
  for (size_t i = 0; i < logs_.size(); ++i) {
    if (tick) logs_[i]->Rescan();
    due_[i] = tick || waiting[i].revents;
  }
  if (!files_) return;
  if (tick) files_->Tick(ledger_.kept_files());
  files_due_ = tick || std::any_of(waiting.begin() + static_cast<ptrdiff_t>(others), waiting.end(),
                                   [](const pollfd& fd) { return fd.revents != 0; });
}

void CollectorLoop::NoteSources() {
  const bool stuck = !ledger_.trouble().empty();
  for (size_t i = 0; i < logs_.size(); ++i) {
    SourceWatch::Seen seen = SeenOf(*logs_[i], config_.compaction_logs[i]);
    if (stuck) {
      seen.reason = "reading stopped: the ledger cannot be written";
      seen.path.clear();
    }
    watches_.Note(i, seen, clock_.Now());
  }
  if (files_) NoteFiles();
}

std::optional<FilesStatus> CollectorLoop::files() const {
  const std::lock_guard lock(mutex_);
  return files_status_;
}

void CollectorLoop::NoteFiles() {
  const FilesStatus status = files_->status();
  SourceWatch::Seen files, reads;
  for (size_t i = 0; i < status.formats.size(); ++i) {
    const FilesStatus::Format& format = status.formats[i];
    if (format.problem.empty() || !IsAskedFor(config_.canonical_files[i])) continue;
    files.reason = format.problem;
    files.path = config_.canonical_files[i].path;
  }
  reads.reason = files.reason.empty() ? status.blind_reason : files.reason;
  reads.path = files.reason.empty() ? status.blind_path : files.path;
  watches_.Note(logs_.size(), files, clock_.Now());
  if (FileSources(config_).size() > 1) watches_.Note(logs_.size() + 1, reads, clock_.Now());
  NoteKept(status.kept);
  const std::lock_guard lock(mutex_);
  files_status_ = status;
}

// Once for each problem, and once when it is over.
void CollectorLoop::NoteKept(const std::optional<KeeperStatus>& kept) {
  const std::string problem = kept ? kept->problem : "";
  if (problem == kept_problem_) return;
  if (!problem.empty()) spdlog::warn("generations not kept problem={}", LogWords(problem));
  if (problem.empty()) spdlog::info("generations kept again");
  kept_problem_ = problem;
}
