#include "rules/engine.h"

#include "rules/explained.h"
#include "rules/file_rules.h"
#include "rules/incident.h"
#include "rules/missing.h"
#include "rules/output_moved.h"
#include "rules/watching.h"

RuleEngine::RuleEngine(const Config& config) : tunings_(config) {}

std::vector<Finding> RuleEngine::OnRun(const RunObservation& run) const {
  std::vector<Finding> findings = MissingFindings(run, tunings_);
  for (Finding& finding : ExplainedFindings(run, tunings_)) findings.push_back(std::move(finding));
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
  return {OverdueFinding(run, tunings_.Of(kOverdueRule))};
}

Finding RuleEngine::OnMissingFile(const MissingFileObservation& file) const {
  return MissingFileFinding(file, tunings_);
}

std::vector<Finding> RuleEngine::OnGeneration(const GenerationObservation& generation) const {
  return GenerationFindings(generation, tunings_);
}

std::vector<Finding> RuleEngine::OnDeadRead(const DeadReadObservation& read) const {
  return DeadReadFindings(read, tunings_);
}

std::vector<Finding> RuleEngine::OnMisplacedFile(const MisplacedFileObservation& file) const {
  return MisplacedFindings(file, tunings_);
}

Finding RuleEngine::OnFormats(const FormatsObservation& formats) const {
  return FormatsFinding(formats, tunings_);
}

std::chrono::milliseconds RuleEngine::overdue_after() const {
  return tunings_.Of(kOverdueRule).after;
}

std::chrono::milliseconds RuleEngine::waiting_after() const {
  return tunings_.Of(kOverdueRule).waiting_after;
}

ExplainedShare RuleEngine::explained_share() const { return tunings_.Of("overstated").explained; }

LagBounds RuleEngine::lag_bounds() const {
  const Tuning& tuning = tunings_.Of("blind");
  return {tuning.after, tuning.max_lag_bytes};
}

std::string RuleEngine::Incident(std::string_view rule, std::string_view server,
                                 std::string_view version) const {
  return IncidentId(rule, server, version);
}
