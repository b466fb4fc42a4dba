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

#include "monitor/app/log_words.h"
#include "monitor/app/operator_inbox.h"
#include "monitor/ledger_view.h"
#include "rules/incident.h"

namespace {

using std::chrono::milliseconds;

constexpr int64_t kBatchBytes = 1 << 20;
constexpr milliseconds kCommitInterval{50};
constexpr milliseconds kTick{1000};
constexpr milliseconds kInboxSettles{1000};

// DESIGN section 10: stop growing before the disk has less than 5 % or 1 GiB free.
bool DiskNearlyFull(const std::string& ledger) {
  struct statvfs disk {};
  const std::string directory = std::filesystem::path(ledger).parent_path();
  if (statvfs(directory.empty() ? "." : directory.c_str(), &disk) != 0) return false;
  const auto free = static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize);
  const auto size = static_cast<double>(disk.f_blocks) * static_cast<double>(disk.f_frsize);
  return free < std::min(0.05 * size, 1024.0 * 1024 * 1024);
}

int64_t FileSize(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 ? status.st_size : 0;
}

void LogChange(const SourceWatch& watch, const std::string& source) {
  if (watch.reason().empty()) return spdlog::info("source watched source={}", LogWords(source));
  spdlog::warn("source not watched source={} reason={} path={}", LogWords(source),
               LogWords(watch.reason()), LogWords(watch.path()));
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
  collector_beat_ = ledger_beat_ = clock_.Now();
  if (auto ok = OpenLedger(); !ok) return ok;
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
    due_.push_back(true);
    watches_.emplace_back(source.name, collector_beat_, rules_.lag_bounds(),
                          ledger_->Coverage(index));
  }
  return {};
}

// --- collector thread ---

void Session::Collect() {
  while (!stopping_) {
    FillAll();
    NoteSources();
    {
      const std::lock_guard lock(mutex_);
      collector_beat_ = clock_.Now();
    }
    const bool more = std::find(due_.begin(), due_.end(), true) != due_.end();
    const bool first_read_through = !more && read_through_ < 0;
    if ((first_read_through || MayHandOver()) && !HandOver()) return;
    if (first_read_through) read_through_ = handed_;
    if (!more) WaitForWork();
  }
  HandOver();
}

// One round over the sources, each in its turn.
void Session::FillAll() {
  for (size_t i = 0; i < sources_.size(); ++i) {
    if (!due_[i]) continue;
    const int64_t before = sources_[i]->read_bytes();
    due_[i] = sources_[i]->Fill(batch_, kBatchBytes);
    batch_bytes_ += sources_[i]->read_bytes() - before;
    if (batch_bytes_ >= kBatchBytes && !HandOver()) return;
  }
}

bool Session::MayHandOver() const {
  return batch_bytes_ >= kBatchBytes || clock_.SinceBoot() >= handed_at_ + kCommitInterval;
}

// False: the ledger thread has ended. While it takes nothing, the sources' lag is still noted.
bool Session::HandOver() {
  if (batch_.empty()) return true;
  while (!queue_.WaitForRoom(kTick)) NoteSources();
  ++handed_;
  batch_.observed_at = clock_.Now();
  batch_bytes_ = 0;
  handed_at_ = clock_.SinceBoot();
  return queue_.Push(std::exchange(batch_, {}));
}

void Session::WaitForWork() {
  std::vector<pollfd> waiting;  // a negative descriptor is ignored
  for (const auto& source : sources_) waiting.push_back({source->wake_fd(), POLLIN, 0});
  waiting.push_back({timer_, POLLIN, 0});
  waiting.push_back({stop_event_, POLLIN, 0});
  const milliseconds left = handed_at_ + kCommitInterval - clock_.SinceBoot();
  const auto patience = static_cast<int>(std::max(left, milliseconds(0)).count());
  poll(waiting.data(), waiting.size(), batch_.empty() ? -1 : patience);
  uint64_t ticks = 0;
  const bool tick = waiting[sources_.size()].revents && read(timer_, &ticks, sizeof ticks) > 0;
  for (size_t i = 0; i < sources_.size(); ++i) {
    if (tick) sources_[i]->Rescan();
    due_[i] = tick || waiting[i].revents;
  }
}

void Session::NoteSources() {
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < sources_.size(); ++i) {
    const CompactionLog& source = *sources_[i];
    SourceWatch::Seen seen;
    if (!trouble_.empty()) {
      seen.reason = "reading stopped: the ledger cannot be written";
    } else if (!source.has_files()) {
      seen.reason = "no file matches the configured paths";
      seen.path = config_.compaction_logs[i].paths.front();
    }
    for (const TailProblem& found : source.problems()) {
      if (found.expected) continue;
      seen.reason = found.reason;
      seen.path = found.path;
    }
    seen.lag_bytes = source.lag_bytes();
    seen.pending_bytes = source.pending_bytes();
    seen.read_bytes = source.read_bytes();
    const std::string before = watches_[i].reason();
    watches_[i].Note(seen, clock_.Now());
    if (watches_[i].reason() != before) LogChange(watches_[i], source.name());
  }
}

// --- ledger thread ---

void Session::Keep() {
  milliseconds next_tick = clock_.SinceBoot();
  for (;;) {
    const auto batch = queue_.Pop(std::max(milliseconds(1), next_tick - clock_.SinceBoot()));
    if (!batch && queue_.ended()) {
      if (ledger_) Note(ReportSources());  // how long they were not watched, to the end
      return;
    }
    // Told to stop while nothing can be written: the collector must not wait for room.
    if (batch && !CommitPatiently(*batch)) return queue_.Close();
    if (clock_.SinceBoot() < next_tick) continue;
    Note(Tick());
    ++ledger_changes_;
    next_tick = clock_.SinceBoot() + kTick;
  }
}

// False: told to stop while the ledger could not be written. The batch is not lost: nothing of it
// was committed, so the next start reads it again.
bool Session::CommitPatiently(const Batch& batch) {
  for (;;) {
    const auto done = CommitOnce(batch);
    Note(done);
    ++ledger_changes_;
    if (done) {
      ++committed_;
      return true;
    }
    if (stopping_) return false;
    pollfd stop{stop_event_, POLLIN, 0};
    poll(&stop, 1, static_cast<int>(kTick.count()));
    if (stopping_) return false;
  }
}

Result<void> Session::CommitOnce(const Batch& batch) {
  if (auto ok = MakeWritable(); !ok) return ok;
  auto done = ledger_->Commit(batch);
  if (done) return {};
  // Whether it was committed is unknown; a ledger opened anew knows.
  if (done.error().kind != Error::Kind::kLedgerFull) ledger_.reset();
  return tl::unexpected<Error>(done.error());
}

// What is written to a file that was deleted is lost at the next start, and a new one would begin
// in the middle of the logs: only the ledger that was opened first is written.
Result<void> Session::MakeWritable() {
  struct stat found {};
  const bool same = stat(config_.ledger.c_str(), &found) == 0 && found.st_dev == file_.device &&
                    found.st_ino == file_.inode;
  if (!same) ledger_.reset();
  if (!ledger_) {
    if (auto opened = OpenLedger(); !opened) return opened;
  }
  if (!DiskNearlyFull(config_.ledger)) return {};
  return Fail(Error::Kind::kLedgerFull, config_.ledger + ": the disk is nearly full");
}

Result<void> Session::OpenLedger() {
  if (!file_.id.empty()) {
    auto view = LedgerView::Open(config_.ledger);
    if (!view || view->ledger_id() != file_.id) {
      return Fail(Error::Kind::kLedger,
                  config_.ledger +
                      ": the ledger is gone, or another one is in its place; put it back, or "
                      "restart rollcall to go on with what is there" +
                      (view ? "" : " (" + view.error().message + ")"));
    }
  }
  auto ledger = Ledger::Open({config_.ledger, config_.server}, config_, rules_);
  if (!ledger) return tl::unexpected<Error>(ledger.error());
  auto view = LedgerView::Open(config_.ledger);
  if (!view) return tl::unexpected<Error>(view.error());
  auto reader = StatusReader::Open(config_.ledger, config_);
  if (!reader) return tl::unexpected<Error>(reader.error());
  struct stat found {};
  stat(config_.ledger.c_str(), &found);
  file_ = {view->ledger_id(), found.st_dev, found.st_ino};
  ledger_ = std::move(*ledger);
  const std::lock_guard lock(reader_mutex_);
  reader_ = std::move(*reader);
  return {};
}

Result<void> Session::Tick() {
  if (auto ok = MakeWritable(); !ok) return ok;
  TakeInbox();
  if (auto ok = ReportSources(); !ok) return ok;
  return ledger_->Tick(clock_.Now());
}

void Session::TakeInbox() {
  struct stat inbox {};
  const bool there = stat(config_.operator_db.c_str(), &inbox) == 0;
  const Time changed =
      Time(milliseconds(inbox.st_mtim.tv_sec * 1000 + inbox.st_mtim.tv_nsec / 1000000));
  if (!there || changed == operator_db_read_) return;
  auto taken = TakeOperatorFacts(config_.operator_db, *ledger_, clock_.Now());
  // What is written in the same moment as what was read has its time, too: only a settled one says
  // that all was read. Taking entries again changes nothing.
  if (taken && clock_.Now() - changed > kInboxSettles) operator_db_read_ = changed;
  const std::string trouble = taken ? "" : taken.error().message;
  if (trouble == inbox_trouble_) return;
  inbox_trouble_ = trouble;
  if (!taken) spdlog::warn("operator.db not read error={}", LogWords(trouble));
}

Result<void> Session::ReportSources() {
  std::vector<SourceObservation> observations;
  {
    const std::lock_guard lock(mutex_);
    for (SourceWatch& watch : watches_) {
      if (auto observation = watch.TakeObservation()) observations.push_back(*observation);
    }
  }
  for (const SourceObservation& source : observations) {
    if (auto done = ledger_->ReportSource(source, clock_.Now()); !done) return done;
  }
  return {};
}

// Says it once when writing begins to fail, and once when it works again.
void Session::Note(const Result<void>& done) {
  const std::string trouble = done ? "" : done.error().message;
  const std::lock_guard lock(mutex_);
  if (done) ledger_beat_ = clock_.Now();
  if (trouble.empty() && !trouble_.empty()) spdlog::info("ledger writable again");
  if (!trouble.empty() && trouble_.empty()) {
    spdlog::error("ledger cannot be written, reading stops error={}", LogWords(trouble));
  }
  trouble_ = trouble;
}

// --- any thread ---

RollcallStatus Session::status() const {
  RollcallStatus status = LedgerStatus();
  status.ledger_bytes = FileSize(config_.ledger) + FileSize(config_.ledger + "-wal");
  const std::lock_guard lock(mutex_);
  AddSources(status);
  if (!trouble_.empty()) AddLedgerTrouble(status, config_.server);
  return status;
}

// Read again only when something changed; a commit itself costs nothing here.
RollcallStatus Session::LedgerStatus() const {
  const std::lock_guard lock(reader_mutex_);
  const int64_t changes = ledger_changes_;
  if (changes == read_changes_) return read_status_;
  if (auto ok = reader_->Read(read_status_); !ok) {
    spdlog::warn("status not read error={}", LogWords(ok.error().message));
  }
  read_changes_ = changes;
  return read_status_;
}

void Session::AddSources(RollcallStatus& status) const {
  status.heartbeats["collector"] = Seconds(collector_beat_);
  status.heartbeats["ledger"] = Seconds(ledger_beat_);
  for (size_t i = 0; i < watches_.size(); ++i) {
    watches_[i].Describe(status.sources[config_.compaction_logs[i].name], clock_.Now());
  }
}

void AddLedgerTrouble(RollcallStatus& status, const std::string& server) {
  constexpr const char* kRule = "blind";
  constexpr const char* kSeverity = "critical";
  status.ledger_writable = false;
  status.alerts.insert(status.alerts.begin(), {kRule, kSeverity, server, "", true});
  status.incidents.push_back(
      {IncidentId(kRule, server, ""), "ledger_not_writable", "", kSeverity, true, 0, 0});
  for (RuleStatus& rule : status.rules) rule.firing += rule.rule == kRule;
}

std::string Session::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}
