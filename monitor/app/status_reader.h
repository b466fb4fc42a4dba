#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "dashboards/rollcall_metrics.h"
#include "monitor/config.h"
#include "monitor/error.h"
#include "monitor/sqlite.h"
#include "rules/tuning.h"

// What /metrics needs of the ledger, read through a connection of its own from running totals and
// open alerts, and from what was ever lost where a format has a retention: its cost does not grow
// with the ledger, nor with the history of alerts. Called by one thread at a time.
//
// What was firing when it was last read, or not long before the start, is still told once it is
// resolved: a series that merely vanished would leave its last value standing.
class StatusReader {
 public:
  // `config` outlives the reader.
  static Result<std::unique_ptr<StatusReader>> Open(const std::string& ledger,
                                                    const Config& config);
  // Fills in what the ledger knows; the rest of `status` is left alone.
  [[nodiscard]] Result<void> Read(RollcallStatus& status);

 private:
  using Series = std::tuple<std::string, std::string, std::string, std::string>;

  StatusReader(Database database, const Config& config);
  void RememberRecent();
  void ReadTotals(RollcallStatus& status);
  void LeaveOutRetired(RollcallStatus& status);
  void ReadSources(RollcallStatus& status);
  void ReadLost(RollcallStatus& status);
  void ReadFiles(RollcallStatus& status);
  void ReadAlerts(RollcallStatus& status);
  void ReadRules(RollcallStatus& status);
  void ReadIncidents(RollcallStatus& status);
  std::map<std::string, int64_t> ReadLosses();

  Database database_;
  const Config& config_;
  const Tunings tunings_;
  Statement totals_, lossy_, sources_, lost_, files_, scans_, head_, alerts_, rules_, incidents_,
      losses_, retired_;
  std::map<Series, bool> told_;                     // rule, severity, server, project: firing
  std::map<std::string, IncidentStatus> incident_;  // by id
};
