#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "dashboards/ledger_set.h"
#include "monitor/fleet_rows.h"
#include "rules/impact.h"

// What is dear to find out of a large ledger and asked for often: who misses events, which
// incidents there are. Made beside the requests, and again when a ledger was written.

struct ProjectState {
  std::string project, verdict;
  std::string unit;  // empty: it has no loss
  std::optional<int64_t> events_missing, events_expected;
  bool certain = true;
  int64_t lossy_days = 0, unknown_copies = 0;
  std::optional<Time> first_loss_at, last_loss_at;
  int64_t pending = 0, firing = 0;  // alerts
};

struct IncidentState {
  std::string id, state, severity, cause, version, previous_version, unit;
  std::vector<std::string> rules, servers;
  std::optional<AlertRow> first;  // none: no alert tells of it
  int64_t projects = 0, project_days = 0;
  std::optional<int64_t> events_missing;  // none: it is not about counts
  std::optional<Time> starts_at, last_at, ends_at;
  int64_t pending = 0, firing = 0, resolved = 0;  // alerts
};

struct Overview {
  std::vector<LedgerStatus> ledgers;
  bool complete = true;
  std::optional<Time> as_of;
  Impact impact;                         // without days and partitions
  std::vector<ProjectState> projects;    // the worst first
  std::vector<IncidentState> incidents;  // those that fire first, then by events missing
  // By severity: pending, firing.
  std::map<std::string, std::pair<int64_t, int64_t>> alerts;
  int64_t known_projects = 0;
  std::vector<std::string> reasons;  // why nobody can say that all is there
};

// Reads it. `formats`: as configured; empty: as the ledgers name them.
[[nodiscard]] Result<Overview> ReadOverview(LedgerSet::Loan& ledgers,
                                            const std::vector<FormatRow>& formats);
// The formats that a document is judged by.
[[nodiscard]] Result<std::vector<FormatRow>> FormatsOf(std::vector<LedgerView>& ledgers,
                                                       const std::vector<FormatRow>& configured);

// Keeps the newest overview, on a thread of its own. Read may be called from any thread.
class OverviewKeeper {
 public:
  OverviewKeeper(LedgerSet::ListFiles list_files, std::vector<FormatRow> formats);
  ~OverviewKeeper();

  // Calls `read` with the newest overview, once there is one. False: not within the time, or it
  // could not be read; `why` says so.
  bool Read(std::chrono::milliseconds patience, std::string& why,
            const std::function<void(const Overview&)>& read) const;

  // How many there have been.
  int64_t version() const { return version_; }

 private:
  void Run();
  void Make(LedgerSet::Loan& loan);

  LedgerSet ledgers_;  // connections of its own, which can tell what others wrote meanwhile
  const std::vector<FormatRow> formats_;
  std::atomic<int64_t> version_ = 0;
  mutable std::mutex mutex_;  // guards what follows
  mutable std::condition_variable changed_;
  std::unique_ptr<const Overview> overview_;
  std::string problem_ = "the ledgers are being read";
  bool stopping_ = false;
  std::thread thread_;  // last: it uses the others
};
