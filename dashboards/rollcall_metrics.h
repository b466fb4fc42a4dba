#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dashboards/metrics.h"
#include "monitor/time.h"

// What rollcall says about itself and its data on /metrics (DESIGN sections 8 and 12). The role
// fills a RollcallStatus from the ledger; RollcallMetrics turns it into families. Pure; any thread.
// No day and no path is ever a label; projects only on active alerts, of which there is a cap.

struct ProcessUsage {
  double cpu_seconds = 0;
  double start_time_seconds = 0;  // since 1970
  int64_t resident_bytes = 0;
  int64_t open_descriptors = 0;
};
// Of this process, from /proc/self; nothing where that cannot be read.
std::optional<ProcessUsage> ReadProcessUsage();

struct FormatStatus {
  int64_t runs = 0;
  int64_t events_written = 0;
  int64_t events_missing = 0;
};

struct SourceStatus {
  bool up = false;
  int64_t lag_bytes = 0;
  double coverage_ratio = 0;
  int64_t lines = 0;
  int64_t quarantined_lines = 0;
  std::map<std::string, double> blind_seconds;  // by reason
  // Spans of its logs that were never read, since it was first watched; and since when such a span
  // lasts.
  double lost_seconds = 0;
  std::optional<Time> losing_since = {};
};

// Generations that are kept, since the start.
struct KeptStatistics {
  std::vector<std::string> formats;  // that are to be kept
  std::string method;                // "reflink" or "link"; empty: none can be kept now
  int64_t made = 0, failed = 0;
};

// Canonical files. What they went through is counted since the ledger began, events since the
// start.
struct FilesStatistics {
  std::map<std::string, std::map<std::string, int64_t>> counts;  // by format: what, how many
  std::map<std::string, bool> scanned;  // by format: all files have been looked at, none in vain
  std::string level;                    // how well events are seen; empty: no files are configured
  int64_t events = 0, overflows = 0, own_events = 0;
  std::optional<KeptStatistics> kept;  // none: nothing is to be kept
};

struct LossyRuns {
  std::string format;
  std::string cause;
  std::string version;
  int64_t runs = 0;
};

struct IncidentStatus {
  std::string incident;
  std::string cause;
  std::string version;
  std::string severity;
  bool active = true;  // a resolved one is an explicit 0
  int64_t projects = 0;
  int64_t events_missing = 0;
};

struct ActiveAlert {
  std::string rule;
  std::string severity;
  std::string server;
  std::string project;
  bool active = true;
};

// Every known rule is given, firing or not: 0 is not absent.
struct RuleStatus {
  std::string rule;
  std::string severity;
  int64_t pending = 0;
  int64_t firing = 0;
};

struct RollcallStatus {
  std::string version;
  // False: not yet, and what it holds is left out. A counter that is 0 at each start would seem to
  // count everything again.
  bool ledger_read = false;
  std::map<std::string, FormatStatus> formats;
  std::map<std::string, SourceStatus> sources;
  std::map<std::string, double> heartbeats;  // component to seconds since 1970, of finished work
  FilesStatistics files;
  std::vector<LossyRuns> lossy_runs;
  std::vector<IncidentStatus> incidents;
  std::vector<RuleStatus> rules;
  std::vector<ActiveAlert> alerts;  // most urgent first: the cap cuts the end
  size_t alerts_cap = 1000;
  int64_t alerts_overflow = 0;  // series beyond the cap that are not in `alerts` at all
  int64_t failed_runs = 0;
  int64_t ledger_head_sequence = 0;
  int64_t ledger_bytes = 0;
  bool ledger_writable = true;  // false: reading has stopped, the disk is full perhaps
  bool config_last_reload_successful = true;
  std::optional<ProcessUsage> process;
};

MetricsSnapshot RollcallMetrics(const RollcallStatus& status);
