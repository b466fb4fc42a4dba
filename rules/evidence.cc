#include "rules/evidence.h"

#include <nlohmann/json.hpp>

namespace {

using Object = nlohmann::ordered_json;

Object Count(int64_t count) { return count == kUnknownCount ? Object(nullptr) : Object(count); }

// Names come from logs: bytes that are no UTF-8 are replaced.
std::string Write(const Object& object) {
  return object.dump(-1, ' ', false, Object::error_handler_t::replace);
}

void AddBalance(const RunObservation& run, Object& evidence) {
  const bool known = run.balance.actual != kUnknownCount;
  evidence["expected"] = known ? Object(run.balance.expected()) : Object(nullptr);
  evidence["actual"] = Count(run.balance.actual);
  evidence["missing"] = run.balance.missing;
}

// What changes in an open alert: never which run opened it.
std::string Standing(const RunObservation& run) {
  Object evidence;
  AddBalance(run, evidence);
  if (run.kind == FactKind::kRun) {
    evidence["latest_run"] = run.run;
    evidence["latest_version"] = run.version;
  }
  return Write(evidence);
}

}  // namespace

Finding FiringAs(std::string_view rule, const Tuning& tuning) {
  Finding finding = ClearAs(rule, tuning);
  finding.firing = true;
  finding.severity = tuning.severity;
  return finding;
}

Finding ClearAs(std::string_view rule, const Tuning& tuning) {
  Finding finding;
  finding.rule = rule;
  finding.evidence = "{}";
  finding.pending_for = tuning.pending_for;
  finding.keep_firing_for = tuning.keep_firing_for;
  return finding;
}

Finding FiringAs(std::string_view rule, const Tuning& tuning, const RunObservation& run,
                 std::string_view cause) {
  Finding finding = FiringAs(rule, tuning);
  finding.cause = std::string(cause);
  finding.version = run.version;
  finding.previous_version = run.previous_version;
  finding.evidence = RunEvidence(run, cause);
  finding.standing = Standing(run);
  return finding;
}

Finding StillFiringAs(std::string_view rule, const Tuning& tuning, const RunObservation& run) {
  Finding finding = FiringAs(rule, tuning);
  finding.opens = false;
  finding.standing = Standing(run);
  return finding;
}

std::string RunEvidence(const RunObservation& run, std::string_view cause) {
  const Booking& booking = run.booking;
  Object evidence;
  evidence["run"] = run.run;
  evidence["cause"] = cause;
  evidence["version"] = run.version;
  evidence["previous_version"] = run.previous_version;
  evidence["path"] = run.path;
  evidence["unit"] = run.unit;
  evidence["before"] = Count(booking.before);
  evidence["existing"] = Count(run.counts.existing);
  evidence["fresh"] = Count(run.counts.fresh);
  evidence["recovered"] = run.counts.recovered;
  evidence["duplicates"] = run.counts.duplicates;
  evidence["deleted"] = run.counts.deleted;
  evidence["written"] = Count(run.counts.written);
  evidence["after"] = Count(run.balance.actual);
  evidence["unread"] = booking.unread;
  evidence["dropped"] = booking.dropped;
  evidence["lost"] = booking.lost;
  AddBalance(run, evidence);
  evidence["returned"] = booking.returned;
  evidence["permitted"] = booking.permitted;
  evidence["surplus"] = booking.surplus;
  evidence["overstated"] = booking.overstated;
  evidence["came_back"] = booking.came_back;
  evidence["unseen"] = booking.unseen;
  evidence["merged_away"] = booking.merged_away;
  evidence["broken_segments"] = booking.broken_segments;
  return Write(evidence);
}

bool Reaches(int64_t events, const Balance& balance, const Tuning& tuning) {
  if (events <= 0 || events < tuning.min_events) return false;
  if (balance.actual == kUnknownCount) return true;
  return static_cast<double>(events) >= tuning.min_ratio * static_cast<double>(balance.expected());
}
