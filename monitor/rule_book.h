#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/balance.h"
#include "monitor/config.h"
#include "monitor/coverage.h"
#include "monitor/file_observations.h"
#include "monitor/time.h"

// How the ledger asks the rules, and what they answer. The ledger's thread calls the one
// implementation (rules/engine.h) inside its write transaction; answers become rows of table
// `alert`.

inline constexpr std::string_view kOverdueRule = "compaction_overdue";
// Whether OnRun decides it, so that booking a partition again decides it anew.
bool IsOfRuns(std::string_view rule);

// One fact of a partition and what it did to the balance. Only remarkable ones, and all of
// partitions with an open alert, are shown to the rules.
struct RunObservation {
  FactKind kind = FactKind::kRun;
  std::string server, project, format, unit;
  Day day;
  std::string run, version, previous_version, path;
  Conservation conservation = Conservation::kStrict;
  bool segments = false;
  RunCounts counts;
  Booking booking;
  Balance balance;  // after it
};

// A format was written to another directory than by the last run of its server.
struct OutputObservation {
  std::string server, format, version, previous_version, run, project;
  Day day;
  std::string directory, previous_directory;  // project and day taken out
  // Of the open alert about this output: where it was written before. None: no alert is open.
  std::optional<std::string> left;
  bool usual = false;             // no new place for this version, or for the one before
  bool outside_template = false;  // not where canonical_files says
  int64_t written = 0;            // by the run that showed it
  int64_t earlier_runs = 0;       // written elsewhere
};

struct SourceObservation {
  std::string source;
  std::string reason;  // a constant; empty: watched
  Time began{};
  std::string path = {};         // of the log in question, where there is one
  SourceCoverage coverage = {};  // for the ledger to keep
};

struct OverdueObservation {
  std::string server, project, format, run, version;
  Day day;
  Time started_at{};  // of the run; where data waits, of the first one since the last that finished
  bool overdue = true;
  bool data_waits = false;  // no run has finished since; else: this one has no end
};

// What a rule says of its subject now. A clear finding resolves the open alert, if there is one.
struct Finding {
  std::string_view rule;
  bool firing = false;
  bool opens = true;     // false: keeps an open alert firing, opens none
  std::string severity;  // an open alert never becomes milder
  std::string cause;
  std::string version;  // decides the incident
  std::string previous_version;
  std::string evidence;  // JSON object, of the alert that this opens
  std::string standing;  // JSON object: how it is now; merged into the evidence of an open alert
  std::chrono::milliseconds pending_for{0};
  std::chrono::milliseconds keep_firing_for{0};
};

class RuleBook {
 public:
  virtual ~RuleBook() = default;
  virtual std::vector<Finding> OnRun(const RunObservation& run) const = 0;
  virtual std::vector<Finding> OnOutput(const OutputObservation& output) const = 0;
  virtual std::vector<Finding> OnSource(const SourceObservation& source, Time now) const = 0;
  virtual std::vector<Finding> OnOverdue(const OverdueObservation& run) const = 0;
  virtual Finding OnMissingFile(const MissingFileObservation& file) const = 0;
  virtual std::vector<Finding> OnGeneration(const GenerationObservation& generation) const = 0;
  // The two that follow tell of a moment: each is followed by that it is over.
  virtual std::vector<Finding> OnDeadRead(const DeadReadObservation& read) const = 0;
  virtual std::vector<Finding> OnMisplacedFile(const MisplacedFileObservation& file) const = 0;
  virtual Finding OnFormats(const FormatsObservation& formats) const = 0;
  // How long a started run may take.
  virtual std::chrono::milliseconds overdue_after() const = 0;
  // How long fresh data may wait for a run that finishes.
  virtual std::chrono::milliseconds waiting_after() const = 0;
  // From where on what a run explains away is shown to the rules.
  virtual ExplainedShare explained_share() const = 0;
  // The id of the incident that an alert belongs to: the same on every server.
  virtual std::string Incident(std::string_view rule, std::string_view server,
                               std::string_view version) const = 0;
};
