#include "monitor/app/session.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "monitor/app/operator_inbox.h"

namespace {

using std::chrono::milliseconds;

constexpr size_t kBatchBytes = 1 << 20;
constexpr milliseconds kTick{1000};
// A source that is so far behind cannot be called watched.
constexpr int64_t kMaxLagBytes = int64_t{64} << 20;

// DESIGN section 10: stop growing before the disk has less than 5 % or 1 GiB free.
bool DiskNearlyFull(const std::string& ledger) {
  struct statvfs disk {};
  const std::string directory = std::filesystem::absolute(ledger).parent_path();
  if (statvfs(directory.c_str(), &disk) != 0) return false;
  const auto free = static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize);
  const auto size = static_cast<double>(disk.f_blocks) * static_cast<double>(disk.f_frsize);
  return free < std::min(0.05 * size, 1024.0 * 1024 * 1024);
}

int64_t FileSize(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 ? status.st_size : 0;
}

double Seconds(Time time) { return static_cast<double>(time.time_since_epoch().count()) / 1000; }

}  // namespace

Result<std::unique_ptr<Session>> Session::Start(Config config, const Clock& clock) {
  std::unique_ptr<Session> session(new Session(std::move(config), clock));
  if (auto ok = session->Open(); !ok) return tl::unexpected<Error>(ok.error());
  session->keeper_ = std::thread([s = session.get()] { s->Keep(); });
  session->collector_ = std::thread([s = session.get()] { s->Collect(); });
  return session;
}

Session::Session(Config config, const Clock& clock)
    : config_(std::move(config)), clock_(clock), rules_(config_) {}

Session::~Session() {
  stopping_ = true;
  if (stop_event_ >= 0) eventfd_write(stop_event_, 1);
  if (collector_.joinable()) collector_.join();
  queue_.Close();
  if (keeper_.joinable()) keeper_.join();
  if (stop_event_ >= 0) close(stop_event_);
  if (timer_ >= 0) close(timer_);
}

Result<void> Session::Open() {
  stop_event_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  timer_ = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  const itimerspec every_second{{1, 0}, {1, 0}};
  timerfd_settime(timer_, 0, &every_second, nullptr);
  started_ = clock_.Now();
  if (auto ok = ReopenLedger(); !ok) return ok;
  next_log_id_ = ledger_->next_log_id();
  TailOptions options;
  options.clock = &clock_;
  for (size_t i = 0; i < config_.compaction_logs.size(); ++i) {
    const CompactionLogConfig& source = config_.compaction_logs[i];
    const auto index = static_cast<int16_t>(i);
    auto opened = CompactionLog::Open(index, source, source.paths, ledger_->Positions(index),
                                      options, &next_log_id_);
    if (!opened) return tl::unexpected<Error>(opened.error());
    sources_.push_back(std::move(*opened));
  }
  states_.resize(sources_.size());
  for (SourceState& state : states_) state.since = state.updated = started_;
  Publish();
  return {};
}

Result<void> Session::ReopenLedger() {
  reader_.reset();
  ledger_.reset();
  auto ledger = Ledger::Open({config_.ledger, config_.server}, config_, rules_);
  if (!ledger) return tl::unexpected<Error>(ledger.error());
  auto reader = StatusReader::Open(config_.ledger, config_);
  if (!reader) return tl::unexpected<Error>(reader.error());
  ledger_ = std::move(*ledger);
  reader_ = std::move(*reader);
  return {};
}

// --- collector thread ---

void Session::Collect() {
  while (!stopping_) {
    const bool any = FillAll();
    NoteSources();
    if (!any) WaitForWork();
  }
}

// One round over all sources; false when none had anything.
bool Session::FillAll() {
  bool any = false;
  for (auto& source : sources_) {
    Batch batch;
    if (!source->Fill(batch, kBatchBytes)) continue;
    any = true;
    batch.observed_at = clock_.Now();
    if (!queue_.Push(std::move(batch))) return false;
    if (stopping_) return false;
  }
  return any;
}

void Session::WaitForWork() {
  std::vector<pollfd> waiting{{stop_event_, POLLIN, 0}, {timer_, POLLIN, 0}};
  for (const auto& source : sources_) {
    if (source->wake_fd() >= 0) waiting.push_back({source->wake_fd(), POLLIN, 0});
  }
  poll(waiting.data(), waiting.size(), -1);
  uint64_t ticks = 0;
  if (waiting[1].revents && read(timer_, &ticks, sizeof ticks) > 0) {
    for (auto& source : sources_) source->Rescan();
  }
}

void Session::NoteSources() {
  const std::lock_guard lock(mutex_);
  const Time now = clock_.Now();
  for (size_t i = 0; i < sources_.size(); ++i) {
    SourceState& state = states_[i];
    std::string problem;
    for (const TailProblem& found : sources_[i]->problems()) {
      if (found.expected) continue;
      problem = found.path + ": " + std::string(found.reason);
    }
    state.lag_bytes = sources_[i]->lag_bytes();
    if (problem.empty() && state.lag_bytes > kMaxLagBytes) problem = "more than 64 MiB behind";
    if (!state.problem.empty()) {
      const auto blind = std::chrono::duration<double>(now - state.updated).count();
      state.blind_seconds[state.problem.substr(state.problem.find(": ") + 2)] +=
          std::max(0.0, blind);
    }
    state.updated = now;
    if (problem == state.problem) continue;
    state.problem = problem;
    state.since = now;
    state.changed = true;
  }
}

// --- ledger thread ---

void Session::Keep() {
  milliseconds next_tick = clock_.SinceBoot();
  for (;;) {
    const auto batch = queue_.Pop(std::max(milliseconds(1), next_tick - clock_.SinceBoot()));
    if (!batch && queue_.closed()) return;
    if (batch) {
      if (!CommitPatiently(*batch)) return;
      Publish();
    }
    if (clock_.SinceBoot() < next_tick) continue;
    Tick();
    Publish();
    next_tick = clock_.SinceBoot() + kTick;
  }
}

// False: told to stop while the ledger could not be written. The batch is not lost: nothing of it
// was committed, so the next start reads it again.
bool Session::CommitPatiently(const Batch& batch) {
  for (;;) {
    auto done = CommitOnce(batch);
    const std::string trouble = done ? "" : done.error().message;
    {
      const std::lock_guard lock(mutex_);
      if (trouble.empty() != trouble_.empty()) {
        if (trouble.empty()) spdlog::info("ledger writable again");
        if (!trouble.empty())
          spdlog::error("ledger cannot be written, reading stops error=\"{}\"", trouble);
      }
      trouble_ = trouble;
    }
    if (done) return true;
    if (done.error().kind != Error::Kind::kLedgerFull) {
      if (auto reopened = ReopenLedger(); !reopened) {
        spdlog::error("ledger cannot be opened error=\"{}\"", reopened.error().message);
      }
    }
    pollfd stop{stop_event_, POLLIN, 0};
    poll(&stop, 1, static_cast<int>(kTick.count()));
    if (stopping_) return false;
  }
}

Result<void> Session::CommitOnce(const Batch& batch) {
  if (!ledger_) {
    if (auto reopened = ReopenLedger(); !reopened) return reopened;
  }
  if (DiskNearlyFull(config_.ledger)) {
    return Fail(Error::Kind::kLedgerFull, config_.ledger + ": the disk is nearly full");
  }
  auto done = ledger_->Commit(batch);
  if (!done) return tl::unexpected<Error>(done.error());
  return {};
}

void Session::Tick() {
  if (!ledger_ || DiskNearlyFull(config_.ledger)) return;
  struct stat inbox {};
  const bool there = stat(config_.operator_db.c_str(), &inbox) == 0;
  const Time changed =
      Time(milliseconds(inbox.st_mtim.tv_sec * 1000 + inbox.st_mtim.tv_nsec / 1000000));
  if (there && changed != operator_db_read_) {
    auto taken = TakeOperatorFacts(config_.operator_db, *ledger_, clock_.Now());
    if (taken) operator_db_read_ = changed;
    if (!taken) spdlog::warn("operator.db not read error=\"{}\"", taken.error().message);
  }
  ReportSources();
  if (auto done = ledger_->Tick(clock_.Now()); !done) {
    spdlog::warn("tick failed error=\"{}\"", done.error().message);
  }
}

void Session::ReportSources() {
  std::vector<SourceObservation> observations;
  {
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; i < states_.size(); ++i) {
      SourceState& state = states_[i];
      if (!state.changed && state.problem.empty()) continue;
      state.changed = false;
      observations.push_back({sources_[i]->name(), state.problem, state.since});
    }
  }
  for (const SourceObservation& source : observations) {
    if (auto done = ledger_->ReportSource(source, clock_.Now()); !done) {
      spdlog::warn("source not reported error=\"{}\"", done.error().message);
    }
  }
}

void Session::Publish() {
  RollcallStatus status = this->status();
  if (reader_) {
    if (auto ok = reader_->Read(status); !ok) {
      spdlog::warn("status not read error=\"{}\"", ok.error().message);
    }
  }
  status.ledger_bytes = FileSize(config_.ledger) + FileSize(config_.ledger + "-wal");
  const std::lock_guard lock(mutex_);
  const Time now = clock_.Now();
  if (trouble_.empty()) status.heartbeats["ledger"] = Seconds(now);
  for (size_t i = 0; i < states_.size(); ++i) {
    const SourceState& state = states_[i];
    SourceStatus& source = status.sources[config_.compaction_logs[i].name];
    source.up = state.problem.empty();
    source.lag_bytes = state.lag_bytes;
    source.blind_seconds = state.blind_seconds;
    double blind = 0;
    for (const auto& [reason, seconds] : state.blind_seconds) blind += seconds;
    const double watched = std::chrono::duration<double>(now - started_).count();
    source.coverage_ratio = watched > 0 ? std::clamp(1 - blind / watched, 0.0, 1.0) : 1.0;
    status.heartbeats["collector"] = Seconds(state.updated);
  }
  status_ = std::move(status);
}

RollcallStatus Session::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

std::string Session::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}
