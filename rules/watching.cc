#include "rules/watching.h"

#include <nlohmann/json.hpp>

#include "rules/evidence.h"

namespace {

using Object = nlohmann::ordered_json;

// 5 and 15 minutes by default.
constexpr int kCriticalFactor = 3;

std::string Write(const Object& object) {
  return object.dump(-1, ' ', false, Object::error_handler_t::replace);
}

// Under names of its own: a later run that has no end is told in the same alert.
Finding WaitingFinding(const OverdueObservation& run, const Tuning& tuning) {
  Finding finding = FiringAs(kOverdueRule, tuning);
  finding.cause = "fresh_data_waits";
  finding.version = run.version;
  Object evidence;
  evidence["first_run"] = run.run;
  evidence["first_version"] = run.version;
  evidence["waiting_since"] = FormatTime(run.started_at);
  evidence["waiting_after_seconds"] =
      std::chrono::duration_cast<std::chrono::seconds>(tuning.waiting_after).count();
  finding.evidence = finding.standing = Write(evidence);
  return finding;
}

}  // namespace

std::optional<Finding> SourceFinding(const SourceObservation& source, Time now,
                                     const Tuning& tuning) {
  if (source.reason.empty()) return ClearAs("blind", tuning);
  const auto lasted = now - source.began;
  if (lasted < tuning.after) return std::nullopt;
  Finding finding = FiringAs("blind", tuning);
  if (lasted >= kCriticalFactor * tuning.after) finding.severity = "critical";
  finding.cause = source.reason;
  Object evidence;
  evidence["source"] = source.source;
  evidence["reason"] = source.path.empty() ? source.reason : source.path + ": " + source.reason;
  evidence["from"] = FormatTime(source.began);
  finding.evidence = Write(evidence);
  return finding;
}

Finding OverdueFinding(const OverdueObservation& run, const Tuning& tuning) {
  if (!run.overdue) return ClearAs(kOverdueRule, tuning);
  if (run.data_waits) return WaitingFinding(run, tuning);
  Finding finding = FiringAs(kOverdueRule, tuning);
  finding.cause = "started_without_end";
  finding.version = run.version;
  Object evidence;
  evidence["run"] = run.run;
  evidence["version"] = run.version;
  evidence["started_at"] = FormatTime(run.started_at);
  evidence["after_seconds"] =
      std::chrono::duration_cast<std::chrono::seconds>(tuning.after).count();
  finding.evidence = finding.standing = Write(evidence);
  return finding;
}
