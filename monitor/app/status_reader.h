#pragma once

#include <memory>
#include <string>

#include "dashboards/rollcall_metrics.h"
#include "monitor/config.h"
#include "monitor/error.h"
#include "monitor/sqlite.h"

// What /metrics needs of the ledger, read through a connection of its own from running totals and
// open alerts: its cost does not grow with the ledger. One thread.
class StatusReader {
 public:
  static Result<std::unique_ptr<StatusReader>> Open(const std::string& ledger,
                                                    const Config& config);
  // Fills in what the ledger knows; the rest of `status` is left alone.
  [[nodiscard]] Result<void> Read(RollcallStatus& status);

 private:
  StatusReader(Database database, const Config& config);
  void ReadTotals(RollcallStatus& status);
  void ReadSources(RollcallStatus& status);
  void ReadAlerts(RollcallStatus& status);
  void ReadIncidents(RollcallStatus& status);

  Database database_;
  const Config& config_;
  Statement totals_, lossy_, sources_, head_, alerts_, rules_, incidents_, incident_losses_;
};
