#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/app/settings.h"

// The verbs about kept generations. `kept` lists them. `restore` says which of a project-day hold
// events that are missing, and writes chosen ones beside the canonical file, never over it, and
// counts them there. Main thread.
struct KeptOptions {
  std::string project, day;  // empty: any
};
int ReportKept(const Settings& settings, const KeptOptions& options);

struct RestoreOptions {
  std::string project, day;
  std::vector<int64_t> generations;  // ids that `kept` says
  bool missing = false;              // all that hold events which are missing
  std::string server;                // of several ledgers: whose copies
  std::string to;                    // a directory instead of the canonical file's own
};
int Restore(const Settings& settings, const RestoreOptions& options);
