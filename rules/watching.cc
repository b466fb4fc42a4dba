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

Finding OverdueAs(std::string_view cause, const OverdueObservation& run, const Tuning& tuning,
                  const Object& evidence) {
  Finding finding = FiringAs(kOverdueRule, tuning);
  finding.cause = cause;
  finding.version = run.version;
  finding.evidence = finding.standing = Write(evidence);
  return finding;
}

int64_t SecondsOf(std::chrono::milliseconds span) {
  return std::chrono::duration_cast<std::chrono::seconds>(span).count();
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
  Object evidence;
  // Each under names of its own, since both are told in one alert.
  if (run.data_waits) {
    evidence["first_run"] = run.run;
    evidence["first_version"] = run.version;
    evidence["waiting_since"] = FormatTime(run.started_at);
    evidence["waiting_after_seconds"] = SecondsOf(tuning.waiting_after);
    return OverdueAs("fresh_data_waits", run, tuning, evidence);
  }
  evidence["run"] = run.run;
  evidence["version"] = run.version;
  evidence["started_at"] = FormatTime(run.started_at);
  evidence["after_seconds"] = SecondsOf(tuning.after);
  return OverdueAs("started_without_end", run, tuning, evidence);
}
