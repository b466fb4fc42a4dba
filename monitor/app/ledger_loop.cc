#include "monitor/app/ledger_loop.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "monitor/app/disk_floor.h"
#include "monitor/app/log_words.h"
#include "monitor/app/operator_inbox.h"
#include "monitor/ledger_view.h"

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTick{1000};
constexpr milliseconds kInboxSettles{1000};

bool DiskNearlyFull(const std::string& ledger) {
  const std::string directory = std::filesystem::path(ledger).parent_path();
  return BytesBelowFloor(directory.empty() ? "." : directory) > 0;
}

}  // namespace

LedgerLoop::LedgerLoop(const Config& config, const RuleEngine& rules, const Clock& clock,
                       Queue<Batch>& queue, SourceWatches& watches, int stop_event)
    : config_(config),
      rules_(rules),
      clock_(clock),
      queue_(queue),
      watches_(watches),
      stop_event_(stop_event),
      beat_(clock.Now()) {}

Result<void> LedgerLoop::Open() {
  auto counting = FileCounting::Start(config_, clock_);
  if (!counting) return tl::unexpected<Error>(counting.error());
  counting_ = std::move(*counting);
  keeping_ = FileKeeping::Start(config_, clock_);
  return OpenLedger();
}

bool LedgerLoop::stopping() const {
  pollfd stop{stop_event_, POLLIN, 0};
  return poll(&stop, 1, 0) > 0;
}

void LedgerLoop::Run() {
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
    ++changes_;
    next_tick = clock_.SinceBoot() + kTick;
  }
}

// False: told to stop while the ledger could not be written. The batch is not lost: nothing of it
// was committed, so the next start reads it again.
bool LedgerLoop::CommitPatiently(const Batch& batch) {
  for (;;) {
    const auto done = CommitOnce(batch);
    Note(done);
    ++changes_;
    if (done) {
      ++committed_;
      return true;
    }
    if (stopping()) return false;
    pollfd stop{stop_event_, POLLIN, 0};
    poll(&stop, 1, static_cast<int>(kTick.count()));
    if (stopping()) return false;
  }
}

Result<void> LedgerLoop::CommitOnce(const Batch& batch) {
  if (auto ok = MakeWritable(); !ok) return ok;
  auto done = ledger_->Commit(batch);
  if (done) return {};
  // Whether it was committed is unknown; a ledger opened anew knows.
  if (done.error().kind != Error::Kind::kLedgerFull) ledger_.reset();
  return tl::unexpected<Error>(done.error());
}

// What is written to a file that was deleted is lost at the next start, and a new one would begin
// in the middle of the logs: only the ledger that was opened first is written.
Result<void> LedgerLoop::MakeWritable() {
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

Result<void> LedgerLoop::OpenLedger() {
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
  Ledger::Options options{config_.ledger, config_.server};
  options.watches_files = !config_.canonical_files.empty();
  auto ledger = Ledger::Open(options, config_, rules_);
  if (!ledger) return tl::unexpected<Error>(ledger.error());
  auto view = LedgerView::Open(config_.ledger);
  if (!view) return tl::unexpected<Error>(view.error());
  struct stat found {};
  stat(config_.ledger.c_str(), &found);
  file_ = {view->ledger_id(), found.st_dev, found.st_ino};
  ledger_ = std::move(*ledger);
  ++openings_;
  return {};
}

Result<void> LedgerLoop::Tick() {
  if (auto ok = MakeWritable(); !ok) return ok;
  TakeInbox();
  if (auto ok = ReportSources(); !ok) return ok;
  if (auto ok = CountFiles(); !ok) return ok;
  if (auto ok = KeepFiles(); !ok) return ok;
  return ledger_->Tick(clock_.Now());
}

// Counts are held against what was logged: only while nothing that was logged waits to be read.
Result<void> LedgerLoop::CountFiles() {
  if (!counting_) return {};
  if (const auto counted = counting_->Take()) {
    if (auto done = CommitOnce(*counted); !done) return done;
  }
  if (logs_read_) counting_->Ask(*ledger_);
  return {};
}

Result<void> LedgerLoop::KeepFiles() {
  if (!keeping_) return {};
  if (const auto released = keeping_->Tick(*ledger_)) {
    if (auto done = CommitOnce(*released); !done) return done;
  }
  kept_files_ = ledger_->kept_files();
  return {};
}

void LedgerLoop::TakeInbox() {
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

Result<void> LedgerLoop::ReportSources() {
  for (const SourceObservation& source : watches_.TakeObservations()) {
    if (auto done = ledger_->ReportSource(source, clock_.Now()); !done) return done;
  }
  return {};
}

// Says it once when writing begins to fail, and once when it works again.
void LedgerLoop::Note(const Result<void>& done) {
  const std::string trouble = done ? "" : done.error().message;
  if (done) beat_ = clock_.Now();
  const std::lock_guard lock(mutex_);
  if (trouble.empty() && !trouble_.empty()) spdlog::info("ledger writable again");
  if (!trouble.empty() && trouble_.empty()) {
    spdlog::error("ledger cannot be written, reading stops error={}", LogWords(trouble));
  }
  trouble_ = trouble;
}

std::string LedgerLoop::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}
