#include "rules/explained.h"

#include <optional>

#include "rules/evidence.h"

namespace {

// The first run's numbers stand in the text for as long as the alert is open.
Finding Firing(std::string_view rule, const Tuning& tuning, const RunObservation& run,
               std::string_view cause) {
  Finding finding = FiringAs(rule, tuning, run, cause);
  finding.standing.clear();
  return finding;
}

// In segments more than was read is a break of conservation, which is count_drop's.
Finding Surplus(const RunObservation& run, const Tuning& tuning) {
  const int64_t surplus = run.segments ? 0 : run.booking.surplus - run.booking.came_back;
  if (!Reaches(surplus, run.balance, tuning)) return ClearAs("surplus", tuning);
  return Firing("surplus", tuning, run, "more_than_expected");
}

Finding Overstated(const RunObservation& run, const Tuning& tuning) {
  if (Reaches(run.booking.overstated, run.balance, tuning)) {
    const bool duplicates = run.booking.impossible_duplicates;
    return Firing("overstated", tuning, run,
                  duplicates ? "impossible_duplicates" : "deleted_more_than_there_was");
  }
  if (run.booking.large_share) return Firing("overstated", tuning, run, "large_explained_share");
  return ClearAs("overstated", tuning);
}

std::optional<Finding> DeletedCameBack(const RunObservation& run, const Tuning& tuning) {
  if (run.booking.came_back > 0) {
    return Firing("deleted_came_back", tuning, run, "deleted_came_back");
  }
  if (run.kind == FactKind::kRun && run.counts.deleted <= 0) return std::nullopt;
  return ClearAs("deleted_came_back", tuning);
}

}  // namespace

std::vector<Finding> ExplainedFindings(const RunObservation& run, const Tunings& tunings) {
  std::vector<Finding> findings;
  // Where the data no longer lives there will be no next run.
  if (run.kind == FactKind::kRun || run.balance.retired) {
    findings.push_back(Surplus(run, tunings.Of("surplus")));
    findings.push_back(Overstated(run, tunings.Of("overstated")));
  }
  if (run.kind == FactKind::kRun || run.kind == FactKind::kPermit) {
    auto finding = DeletedCameBack(run, tunings.Of("deleted_came_back"));
    if (finding) findings.push_back(std::move(*finding));
  }
  return findings;
}
