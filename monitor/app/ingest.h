#pragma once

#include <string>
#include <vector>

#include "monitor/app/settings.h"

// `rollcall ingest`: reads logs that are there, once, into a ledger. Main thread.
struct IngestOptions {
  std::vector<std::string> logs;  // empty: what the configuration names; "-": standard input
  std::string source;             // --source: which one reads the logs
  std::string preset;             // --preset and --partition: a source without a configuration
  std::string partition;
  bool quiet = false;
};

int Ingest(const Settings& settings, const IngestOptions& options);
