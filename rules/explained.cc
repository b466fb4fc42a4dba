#include "rules/explained.h"

#include <optional>

#include "rules/evidence.h"

namespace {

// In segments more than was read is a break of conservation, which is count_drop's.
Finding Surplus(const RunObservation& run, const Tuning& tuning) {
  const int64_t surplus = run.segments ? 0 : run.booking.surplus - run.booking.came_back;
  if (!Reaches(surplus, run.balance, tuning)) return ClearAs("surplus", tuning);
  return FiringAs("surplus", tuning, run, "more_than_expected");
}

Finding Overstated(const RunObservation& run, const Tuning& tuning) {
  if (Reaches(run.booking.overstated, run.balance, tuning)) {
    return FiringAs("overstated", tuning, run, "deleted_more_than_there_was");
  }
  if (run.booking.large_share) return FiringAs("overstated", tuning, run, "large_explained_share");
  return ClearAs("overstated", tuning);
}

std::optional<Finding> DeletedCameBack(const RunObservation& run, const Tuning& tuning) {
  if (run.booking.came_back > 0) {
    return FiringAs("deleted_came_back", tuning, run, "deleted_came_back");
  }
  if (run.kind == FactKind::kRun && run.counts.deleted <= 0) return std::nullopt;
  return ClearAs("deleted_came_back", tuning);
}

}  // namespace

std::vector<Finding> ExplainedFindings(const RunObservation& run, const Tunings& tunings) {
  std::vector<Finding> findings;
  if (run.kind == FactKind::kRun) {
    findings.push_back(Surplus(run, tunings.Of("surplus")));
    findings.push_back(Overstated(run, tunings.Of("overstated")));
  }
  if (run.kind == FactKind::kRun || run.kind == FactKind::kPermit) {
    auto finding = DeletedCameBack(run, tunings.Of("deleted_came_back"));
    if (finding) findings.push_back(std::move(*finding));
  }
  return findings;
}
