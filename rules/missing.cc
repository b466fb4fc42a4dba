#include "rules/missing.h"

#include "rules/evidence.h"
#include "rules/incident.h"

namespace {

// A break of the rules of segments that the balance alone does not show; empty: none.
std::string_view BreakOf(const RunObservation& run) {
  if (!run.segments) return {};
  if (run.booking.broken_segments > 0) return NameOf(run.booking.cause);
  if (run.booking.emptied) return "emptied";
  return run.booking.cause == Cause::kDuplicated ? NameOf(Cause::kDuplicated) : "";
}

// Whether this observation can end what BreakOf began: a permit, or a merge without a break.
bool EndsBreak(const RunObservation& run) {
  if (!run.segments || run.kind == FactKind::kPermit) return true;
  return run.kind == FactKind::kRun && run.counts.existing != 0;
}

Finding BreakFinding(const RunObservation& run, const Tuning& tuning, std::string_view cause) {
  Finding finding = FiringAs("count_drop", tuning, run, cause);
  const bool closure = run.booking.broken_segments > 0;
  if (!closure && run.conservation != Conservation::kStrict) finding.severity = "warning";
  return finding;
}

// Why `rule` calls this loss its own; empty: it is another rule's.
std::string_view CauseFor(std::string_view rule, const Booking& booking) {
  if (booking.lost <= 0) return {};
  const std::string_view cause = NameOf(booking.cause);
  return RuleOfLoss(cause) == rule ? cause : "";
}

// The finding of one rule about `missing`.
Finding LossFinding(std::string_view rule, const RunObservation& run, const Tuning& tuning) {
  if (!Reaches(run.balance.missing, run.balance, tuning)) return ClearAs(rule, tuning);
  const std::string_view cause = CauseFor(rule, run.booking);
  return cause.empty() ? StillFiringAs(rule, tuning, run) : FiringAs(rule, tuning, run, cause);
}

}  // namespace

std::vector<Finding> MissingFindings(const RunObservation& run, const Tunings& tunings) {
  std::vector<Finding> findings;
  for (const std::string_view rule : {"count_drop", "lost_in_gap", "file_disagrees"}) {
    const Tuning& tuning = tunings.Of(rule);
    Finding finding = LossFinding(rule, run, tuning);
    if (rule == "count_drop" && !(finding.firing && finding.opens)) {
      const std::string_view broken = BreakOf(run);
      if (!broken.empty()) finding = BreakFinding(run, tuning, broken);
      if (!finding.firing && !EndsBreak(run)) continue;
    }
    findings.push_back(std::move(finding));
  }
  return findings;
}
