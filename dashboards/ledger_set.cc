#include "dashboards/ledger_set.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <fstream>
#include <utility>

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPatience{200};      // with an `ingest` that fills a ledger
constexpr milliseconds kNotAgainFor{1000};  // after a failure
constexpr milliseconds kExamination{2000};
constexpr size_t kMostIdle = 64;

std::optional<LedgerSet::Stamp> StampOf(const std::string& path) {
  struct stat file {
  }, wal{};
  if (stat(path.c_str(), &file) != 0) return std::nullopt;
  LedgerSet::Stamp stamp;
  stamp.device = file.st_dev;
  stamp.inode = file.st_ino;
  stamp.size = static_cast<uint64_t>(file.st_size);
  stamp.modified_ns = file.st_mtim.tv_sec * 1'000'000'000 + file.st_mtim.tv_nsec;
  stamp.wal = stat((path + "-wal").c_str(), &wal) == 0;
  return stamp;
}

// A copy is read without looking whether anybody changes it.
bool SameFile(const LedgerSet::Stamp& a, const LedgerSet::Stamp& b, bool is_copy) {
  return is_copy ? a == b : a.device == b.device && a.inode == b.inode;
}

// Of the lock that a writer holds (flock), without taking it: /proc/locks has "FLOCK ADVISORY WRITE
// PID MAJOR:MINOR:INODE 0 EOF".
std::optional<bool> WriterRuns(const std::string& ledger) {
  struct stat lock {};
  if (stat((ledger + ".lock").c_str(), &lock) != 0) return std::nullopt;
  char wanted[64];
  std::snprintf(wanted, sizeof wanted, " %02x:%02x:%llu ", major(lock.st_dev), minor(lock.st_dev),
                static_cast<unsigned long long>(lock.st_ino));
  std::ifstream locks("/proc/locks");
  if (!locks) return std::nullopt;
  for (std::string line; std::getline(locks, line);) {
    const bool held = line.find(" -> ") == std::string::npos;  // else somebody waits for it
    if (held && line.find(" FLOCK ") != line.npos && line.find(wanted) != line.npos) return true;
  }
  return false;
}

}  // namespace

LedgerSet::Loan::Loan(Loan&& other) noexcept
    : views(std::move(other.views)),
      statuses(std::move(other.statuses)),
      changed(other.changed),
      generation(other.generation),
      lender_(std::exchange(other.lender_, nullptr)),
      opened_(std::move(other.opened_)) {}

LedgerSet::Loan::~Loan() {
  if (lender_) lender_->GiveBack(*this);
}

bool LedgerSet::Loan::complete() const {
  return std::all_of(statuses.begin(), statuses.end(),
                     [](const LedgerStatus& status) { return status.problem.empty(); });
}

std::optional<Time> LedgerSet::Loan::as_of() const {
  std::optional<Time> oldest;
  for (const LedgerStatus& status : statuses) {
    if (status.written_at)
      oldest = std::min(*status.written_at, oldest.value_or(*status.written_at));
  }
  return oldest;
}

LedgerSet::Loan LedgerSet::Borrow(Moment deadline) {
  Loan loan(this);
  const auto files = list_files_();
  if (!files) {
    LedgerStatus status;
    status.problem = files.error().message;
    loan.statuses.push_back(std::move(status));
    return loan;
  }
  for (const std::string& path : *files) Add(loan, path, deadline);
  DropCopies(loan);
  if (loan.changed) ++generation_;
  loan.generation = generation_;
  return loan;
}

void LedgerSet::Add(Loan& loan, const std::string& path, Moment deadline) {
  LedgerStatus failed;
  failed.path = path;
  auto ledger = Take(path);
  if (!ledger) {
    failed.problem = ledger.error().message;
    loan.statuses.push_back(std::move(failed));
    return;
  }
  // A question that comes late must not make a ledger look unreadable.
  ledger->view.ReadUntil(std::chrono::steady_clock::now() + kExamination);
  auto status = Examine(*ledger, loan.changed);
  ledger->view.ReadUntil(deadline);
  if (!status) {
    failed.problem = status.error().message;
    loan.statuses.push_back(std::move(failed));
    return;
  }
  loan.statuses.push_back(std::move(*status));
  loan.views.push_back(std::move(ledger->view));
  loan.opened_.push_back(ledger->opened);
}

Result<LedgerSet::Idle> LedgerSet::Take(const std::string& path) {
  const auto stamp = StampOf(path);
  if (!stamp) return Fail(Error::Kind::kLedger, path + ": there is no such ledger");
  {
    const std::lock_guard lock(mutex_);
    std::vector<Idle>& idle = idle_[path];
    std::erase_if(idle, [&](const Idle& ledger) {  // it was replaced
      return !SameFile(ledger.opened.stamp, *stamp, ledger.view.is_copy());
    });
    if (!idle.empty()) {
      Idle ledger = std::move(idle.back());
      idle.pop_back();
      return ledger;
    }
    const auto failure = failures_.find(path);
    if (failure != failures_.end()) {
      const bool recent = std::chrono::steady_clock::now() < failure->second.until;
      if (recent && failure->second.stamp == *stamp) {
        return Fail(Error::Kind::kLedger, failure->second.problem);
      }
      failures_.erase(failure);
    }
  }
  return OpenAnew(path, *stamp);
}

Result<LedgerSet::Idle> LedgerSet::OpenAnew(const std::string& path, const Stamp& stamp) {
  auto view = LedgerView::Open(path, kPatience);
  if (view) return Idle{std::move(*view), {stamp, -1}};
  const std::lock_guard lock(mutex_);
  failures_[path] = {stamp, std::chrono::steady_clock::now() + kNotAgainFor, view.error().message};
  return tl::unexpected<Error>(view.error());
}

Result<LedgerStatus> LedgerSet::Examine(Idle& ledger, bool& changed) {
  LedgerView& view = ledger.view;
  const auto version = view.DataVersion();
  if (!version) return tl::unexpected<Error>(version.error());
  if (std::exchange(ledger.opened.data_version, *version) != *version) {
    changed = true;
    if (auto ok = view.Refresh(); !ok) return tl::unexpected<Error>(ok.error());
  }
  auto lost = view.LostCommits();
  if (!lost) return tl::unexpected<Error>(lost.error());
  const auto head = view.HeadSeq();
  if (!head) return tl::unexpected<Error>(head.error());
  const auto written = view.WrittenAt();
  if (!written) return tl::unexpected<Error>(written.error());
  return LedgerStatus{view.path(), view.ledger_id(), view.server(), std::move(*lost),
                      true,        *written,         *head,         WriterRuns(view.path())};
}

void LedgerSet::DropCopies(Loan& loan) {
  std::map<std::string, int64_t> furthest;  // by id
  for (const LedgerStatus& status : loan.statuses) {
    if (!status.readable) continue;
    auto& head = furthest[status.id];
    head = std::max(head, status.head_seq.value_or(0));
  }
  std::map<std::string, const LedgerStatus*> kept;
  for (const LedgerStatus& status : loan.statuses) {
    if (status.readable && status.head_seq == furthest[status.id])
      kept.try_emplace(status.id, &status);
  }
  // Views and their statuses go together; what is dropped is closed.
  std::vector<std::pair<LedgerView, Loan::Opened>> views;
  for (size_t i = 0; i < loan.views.size(); ++i) {
    if (kept[loan.views[i].ledger_id()]->path != loan.views[i].path()) continue;
    views.emplace_back(std::move(loan.views[i]), loan.opened_[i]);
  }
  std::sort(views.begin(), views.end(),
            [](const auto& a, const auto& b) { return a.first.ledger_id() < b.first.ledger_id(); });
  std::vector<LedgerStatus> statuses;
  for (const LedgerStatus& status : loan.statuses) {
    if (!status.readable || kept[status.id] == &status) statuses.push_back(status);
  }
  loan.views.clear();
  loan.opened_.clear();
  for (auto& [view, opened] : views) {
    loan.views.push_back(std::move(view));
    loan.opened_.push_back(opened);
  }
  loan.statuses = std::move(statuses);
}

void LedgerSet::GiveBack(Loan& loan) {
  const std::lock_guard lock(mutex_);
  size_t idle = 0;
  for (const auto& [path, ledgers] : idle_) idle += ledgers.size();
  for (size_t i = 0; i < loan.views.size() && idle < kMostIdle; ++i, ++idle) {
    const std::string path = loan.views[i].path();
    idle_[path].push_back({std::move(loan.views[i]), loan.opened_[i]});
  }
}
