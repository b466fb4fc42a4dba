#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monitor/file_rows.h"
#include "monitor/ledger_rows.h"

// Whose events are missing, how many, since when, through which release: DESIGN section 3
// ("Customers, not copies"). A pure function over rows of one ledger or of a whole fleet.

// Selects losses. A day counts with what its selected losses took and is still not back; its
// expected events, and a partition's balance, are those of the whole day.
struct ImpactFilter {
  std::optional<Time> since, until;  // times of loss, [since, until)
  // Of the run that lost, or that wrote what was lost: which of the two is at fault no log says.
  // Empty: any.
  std::string version;
  std::string project;  // empty: all
};

struct ImpactInput {
  std::vector<BalanceRow>
      copies;  // all copies of each project-day that has a copy with missing > 0
  std::vector<LossRow> losses;
  std::vector<KeptRow> kept;  // copies of generations of those project-days
  std::vector<BlindRow> blind;
  std::vector<FormatRow> formats;
  // Partitions in scope whose verdict is unknown, by project; none with 0.
  std::map<std::string, int64_t> unknown_copies;
  bool nothing_known = false;  // no ledger has any partition in scope, or any run of the version
  // When the ledger was last written, of several the one that was written longest ago.
  std::optional<Time> written_at;
};

// Over the project-days listed, which are those with a loss: the others are expected whole.
struct ImpactCount {
  int64_t missing = 0;
  int64_t expected = 0;
  bool certain = true;  // false: a lower bound
};

// A place that holds events which are missing.
struct RecoverySource {
  std::string kind;  // kept_generation | other_format
  std::string server, format;
  std::optional<int64_t> events;  // of those missing; unknown: its rows were not counted
  std::string copy;               // of a kept generation: where it is
  int64_t kept = 0;               // and KeptRow::id
  std::optional<Time> until;      // it is kept; none: as long as an alert needs it
};

struct ImpactRecovery {
  std::optional<int64_t> events = 0;  // each counted once; unknown: only uncounted sources
  std::vector<RecoverySource> sources;
};

struct ImpactDay {
  std::string day, format;  // the format that stands for the day
  ImpactCount events;
  ImpactRecovery recoverable;
};

// Of one unit: different units are never added.
struct ImpactProject {
  std::string project, unit;
  ImpactCount events;
  int64_t recoverable = 0;  // at least; see ImpactRecovery
  int64_t lossy_days = 0;
  std::optional<Time> first_loss_at, last_loss_at;  // of the losses selected
  std::vector<ImpactDay> days;
};

struct ImpactPartition {
  BalanceRow balance;
  std::string cause, version, previous_version;
  Time first_loss_at{}, last_loss_at{};
  int64_t runs = 0;  // that lost
};

struct ImpactIncident {
  std::string id, cause, version, previous_version, unit;
  Time first_at{}, last_at{};
  int64_t servers = 0, projects = 0, project_days = 0;
  int64_t events_missing = 0;  // customers': an event is counted in one incident only
};

struct ImpactTotals {
  std::string unit = "events";
  int64_t projects = 0, project_days = 0;
  ImpactCount events;
  int64_t recoverable = 0;  // at least
};

struct Impact {
  ImpactFilter window;
  std::optional<Time> as_of;              // see ImpactInput::written_at
  ImpactTotals totals;                    // of one unit: events where there are any
  std::vector<ImpactTotals> other_units;  // what the totals therefore leave out
  int64_t unknown_copies = 0;
  bool nothing_known = false;
  std::vector<ImpactIncident> incidents;    // most events missing first
  std::vector<ImpactProject> projects;      // most events missing first
  std::vector<ImpactPartition> partitions;  // by project, day, format, server
  std::vector<BlindRow> unknown;
};

Impact ComputeImpact(const ImpactInput& input, const ImpactFilter& filter);

// The same, added up from parts that hold whole projects each, so that not all rows of a large
// fleet are in memory at once.
class ImpactSum {
 public:
  // `details`: with days of projects and with partitions.
  ImpactSum(const ImpactFilter& filter, bool details);
  ~ImpactSum();
  // Copies, losses and formats of a part.
  void Add(const ImpactInput& part);
  // Blind intervals, unknown copies and when it was written, of all parts. Once, at the end.
  Impact Finish(const ImpactInput& rest);

 private:
  struct State;
  const ImpactFilter filter_;
  const bool details_;
  std::unique_ptr<State> state_;
};
