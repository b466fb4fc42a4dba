#include "rules/engine.h"

#include <iterator>

#include "rules/evidence.h"
#include "rules/explained.h"
#include "rules/incident.h"
#include "rules/missing.h"
#include "rules/output_moved.h"
#include "rules/watching.h"

RuleEngine::RuleEngine(const Config& config) : tunings_(config) {}

std::vector<Finding> RuleEngine::OnRun(const RunObservation& run) const {
  std::vector<Finding> findings;
  const bool ended = run.kind == FactKind::kRun || run.kind == FactKind::kFailedRun;
  if (ended) findings.push_back(ClearAs("compaction_overdue", tunings_.Of("compaction_overdue")));
  if (run.kind == FactKind::kFailedRun) return findings;
  for (auto& family : {MissingFindings(run, tunings_), ExplainedFindings(run, tunings_)}) {
    findings.insert(findings.end(), family.begin(), family.end());
  }
  return findings;
}

std::vector<Finding> RuleEngine::OnOutput(const OutputObservation& output) const {
  return {OutputFinding(output, tunings_.Of("output_moved"))};
}

std::vector<Finding> RuleEngine::OnSource(const SourceObservation& source, Time now) const {
  auto finding = SourceFinding(source, now, tunings_.Of("blind"));
  if (!finding) return {};
  return {std::move(*finding)};
}

std::vector<Finding> RuleEngine::OnOverdue(const OverdueObservation& run) const {
  return {OverdueFinding(run, tunings_.Of("compaction_overdue"))};
}

std::chrono::milliseconds RuleEngine::overdue_after() const {
  return tunings_.Of("compaction_overdue").after;
}

std::chrono::milliseconds RuleEngine::lag_after() const { return tunings_.Of("blind").after; }

std::string RuleEngine::Incident(std::string_view rule, std::string_view server,
                                 std::string_view version) const {
  return IncidentId(rule, server, version);
}
