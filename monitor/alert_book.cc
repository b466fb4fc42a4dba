#include "monitor/alert_book.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace {

// `state <> 'resolved'` stands where it follows from the rest, too: the index of open alerts needs
// it.
constexpr const char* kFind =
    "SELECT id, state, cause, coalesce(version, 0), severity, evidence, fires_at, clear_since, "
    "began_at FROM "
    "alert WHERE rule = ?1 AND project = ?2 AND day = ?3 AND format = ?4 AND server = ?5 AND "
    "source = ?6 AND object = ?7 AND state <> 'resolved'";
constexpr const char* kInsert =
    "INSERT INTO alert(rule, project, day, format, server, source, object, severity, state, cause, "
    "version, "
    "previous_version, incident, began_at, fires_at, starts_at, first_seq, last_seq, evidence) "
    "VALUES (?1,?2,?3,?4,?5,?6,?18,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?16,?17)";
constexpr const char* kKeep =
    "UPDATE alert SET last_seq = ?2, severity = ?3, evidence = ?4, clear_since = NULL WHERE id = "
    "?1";
// While an alert is clear, fires_at holds the moment at which it resolves.
constexpr const char* kClear =
    "UPDATE alert SET clear_since = ?2, fires_at = ?3, last_seq = ?4 WHERE id = ?1 AND clear_since "
    "IS NULL";
constexpr const char* kResolve =
    "UPDATE alert SET state = 'resolved', ends_at = max(?2, starts_at), last_seq = ?3 WHERE id = "
    "?1";
constexpr const char* kDrop = "DELETE FROM alert WHERE id = ?1 AND state = 'pending'";
constexpr const char* kOpenRules =
    "SELECT rule FROM alert WHERE project = ? AND day = ? AND format = ? AND server = ? AND state "
    "<> 'resolved'";
// Of one alert, or of all (NULL).
constexpr const char* kFireDue =
    "UPDATE alert SET state = 'firing', starts_at = fires_at WHERE state = 'pending' AND state <> "
    "'resolved' AND fires_at <= ?1 AND (?2 IS NULL OR id = ?2)";
constexpr const char* kResolveDue =
    "UPDATE alert SET state = 'resolved', ends_at = fires_at WHERE state = 'firing' AND state <> "
    "'resolved' AND clear_since IS NOT NULL AND fires_at <= ?1 AND (?2 IS NULL OR id = ?2)";
// Ten partitions that lost something in a gap are no accident (DESIGN section 3, "Gaps").
constexpr const char* kManyLostInGap =
    "UPDATE alert SET severity = 'critical' WHERE rule = 'lost_in_gap' AND state <> 'resolved' AND "
    "severity = 'warning' AND (SELECT count(*) FROM alert WHERE rule = 'lost_in_gap' AND "
    "state = 'firing' AND state <> 'resolved') >= 10";
// Past day + retention (?2), unless it began later: then the partition was reopened.
constexpr const char* kDropRetired =
    "DELETE FROM alert WHERE format = ?1 AND project <> 0 AND day <> -1000000 AND "
    "day * 86400000 + ?2 <= ?3 AND began_at < day * 86400000 + ?2 AND state = 'pending' AND "
    "state <> 'resolved'";
constexpr const char* kRetire =
    "UPDATE alert SET state = 'resolved', ends_at = ?3 WHERE format = ?1 AND project <> 0 AND "
    "day <> -1000000 AND day * 86400000 + ?2 <= ?3 AND began_at < day * 86400000 + ?2 AND "
    "state <> 'resolved'";
// What was due before has fired, if nobody looked.
constexpr const char* kDropAcknowledged =
    "DELETE FROM alert WHERE rule = ?1 AND server = ?2 AND format = ?3 AND state = 'pending' AND "
    "state <> 'resolved' AND fires_at > ?4";
constexpr const char* kAcknowledge =
    "UPDATE alert SET state = 'resolved', starts_at = coalesce(starts_at, fires_at), ends_at = "
    "max(?4, began_at) WHERE rule = ?1 AND server = ?2 AND format = ?3 AND state <> 'resolved'";

// The milder one's larger rank.
int Rank(std::string_view severity) {
  return severity == "critical" ? 0 : severity == "warning" ? 1 : 2;
}

// The evidence with what stands now in it.
std::string Merged(const std::string& evidence, const std::string& standing) {
  using Object = nlohmann::ordered_json;
  if (standing.empty()) return evidence;
  Object object = Object::parse(evidence, nullptr, false);
  const Object now = Object::parse(standing, nullptr, false);
  if (!object.is_object() || !now.is_object()) return evidence;
  object.update(now);
  return object.dump(-1, ' ', false, Object::error_handler_t::replace);
}

}  // namespace

void AlertReplay::Show(const std::vector<Finding>& findings, int64_t now, int64_t seq) {
  for (const Finding& finding : findings) {
    Course& course = courses_[finding.rule];
    course.latest = finding;
    if (!finding.firing) course.opening.reset();
    if (!finding.firing || !finding.opens || course.opening) continue;
    course.opening = finding;
    course.began = now;
    course.seq = seq;
  }
}

void AlertReplay::Reopen(int64_t now) {
  courses_.clear();
  reopened_ = now;
}

bool AlertReplay::any_open() const {
  return std::any_of(courses_.begin(), courses_.end(),
                     [](const auto& entry) { return entry.second.opening.has_value(); });
}

AlertBook::AlertBook(Database& database, Names& names, const RuleBook& rules)
    : names_(names),
      rules_(rules),
      find_(database.Prepare(kFind)),
      insert_(database.Prepare(kInsert)),
      keep_(database.Prepare(kKeep)),
      clear_(database.Prepare(kClear)),
      resolve_(database.Prepare(kResolve)),
      drop_(database.Prepare(kDrop)),
      open_rules_(database.Prepare(kOpenRules)),
      fire_due_(database.Prepare(kFireDue)),
      resolve_due_(database.Prepare(kResolveDue)),
      many_lost_in_gap_(database.Prepare(kManyLostInGap)),
      drop_retired_(database.Prepare(kDropRetired)),
      retire_(database.Prepare(kRetire)),
      drop_acknowledged_(database.Prepare(kDropAcknowledged)),
      acknowledge_(database.Prepare(kAcknowledge)) {}

// The open alert as it is at `now`: what was due before has happened.
std::optional<AlertBook::Open> AlertBook::Find(std::string_view rule, const Subject& subject,
                                               int64_t now) {
  const PartitionKey& key = subject.partition;
  find_.Bind({Cell::Of(rule), Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
              Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server}),
              Cell::Of(subject.source), Cell::Of(subject.object)});
  if (!find_.Step()) return std::nullopt;
  Open open{find_.Integer(0),           find_.Text(1) == "pending",
            !find_.IsNull(7),           std::string(find_.Text(2)),
            find_.Integer(3),           std::string(find_.Text(4)),
            std::string(find_.Text(5)), find_.Integer(8)};
  if (find_.Integer(6) > now) return open;
  if (open.clear) {
    resolve_due_.Run({Cell::Of(now), Cell::Of(open.id)});
    return std::nullopt;
  }
  if (open.pending) fire_due_.Run({Cell::Of(now), Cell::Of(open.id)});
  open.pending = false;
  return open;
}

void AlertBook::Apply(const Finding& finding, const Subject& subject, int64_t now, int64_t seq) {
  const auto open = Find(finding.rule, subject, now);
  if (finding.firing && open) return Keep(*open, finding, seq);
  if (finding.firing && finding.opens) return Insert(finding, finding, subject, now, now, seq);
  if (!finding.firing && open) Clear(*open, finding, now, seq);
}

void AlertBook::Settle(const AlertReplay& replay, const Subject& subject, int64_t now,
                       int64_t seq) {
  const auto& courses = replay.courses_;
  for (const std::string& rule : OpenRules(subject.partition)) {
    const auto course = courses.find(rule);
    const bool opened = course != courses.end() && course->second.opening;
    if (opened || !IsOfRuns(rule)) continue;
    const Finding ended = course == courses.end() ? Finding{} : course->second.latest;
    if (const auto open = Find(rule, subject, now)) Clear(*open, ended, now, seq);
  }
  for (const auto& [rule, course] : courses) {
    if (course.opening) SettleOpen(course, subject, replay.reopened_, now, seq);
  }
}

void AlertBook::SettleOpen(const AlertReplay::Course& course, const Subject& subject, int64_t since,
                           int64_t now, int64_t seq) {
  const Finding& opening = *course.opening;
  const auto open = Find(opening.rule, subject, now);
  const bool same = open && open->began >= since && open->cause == opening.cause &&
                    open->version == names_.Find(opening.version);
  if (same) {
    Finding restated = course.latest;
    restated.standing = Merged(opening.evidence, course.latest.standing);
    return Keep(*open, restated, seq);
  }
  if (open) End(*open, now, seq);
  Insert(opening, course.latest, subject, course.began, now, course.seq);
}

// Nothing is written where nothing has changed: the same is found again every second.
void AlertBook::Keep(const Open& open, const Finding& finding, int64_t seq) {
  const bool milder = Rank(finding.severity) > Rank(open.severity);
  const std::string& severity = milder ? open.severity : finding.severity;
  const std::string evidence = Merged(open.evidence, finding.standing);
  if (!open.clear && severity == open.severity && evidence == open.evidence) return;
  keep_.Run({Cell::Of(open.id), Cell::Of(seq), Cell::Of(severity), Cell::Of(evidence)});
}

void AlertBook::Clear(const Open& open, const Finding& finding, int64_t now, int64_t seq) {
  const int64_t keep = finding.keep_firing_for.count();
  if (open.pending || keep == 0) return End(open, now, seq);
  clear_.Run({Cell::Of(open.id), Cell::Of(now), Cell::Of(int64_t{now + keep}), Cell::Of(seq)});
}

// One that never fired leaves no history.
void AlertBook::End(const Open& open, int64_t now, int64_t seq) {
  if (open.pending) return drop_.Run({Cell::Of(open.id)});
  resolve_.Run({Cell::Of(open.id), Cell::Of(now), Cell::Of(seq)});
}

void AlertBook::Insert(const Finding& opening, const Finding& latest, const Subject& subject,
                       int64_t began, int64_t now, int64_t seq) {
  const PartitionKey& key = subject.partition;
  const int64_t fires_at = began + opening.pending_for.count();
  const bool firing = fires_at <= now;
  const std::string incident =
      rules_.Incident(opening.rule, names_.Text(key.server), opening.version);
  const auto named = [&](const std::string& name) {
    return name.empty() ? Cell::Null() : Cell::Of(names_.Id(name));
  };
  insert_.Run({Cell::Of(opening.rule), Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
               Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server}),
               Cell::Of(subject.source), Cell::Of(latest.severity),
               Cell::Of(std::string_view(firing ? "firing" : "pending")), Cell::Of(opening.cause),
               named(opening.version), named(opening.previous_version), Cell::Of(incident),
               Cell::Of(began), Cell::Of(fires_at), firing ? Cell::Of(fires_at) : Cell::Null(),
               Cell::Of(seq), Cell::Of(Merged(opening.evidence, latest.standing)),
               Cell::Of(subject.object)});
}

void AlertBook::EndAll(const PartitionKey& key, int64_t now, int64_t seq) {
  for (const std::string& rule : OpenRules(key)) {
    if (const auto open = Find(rule, {key, 0}, now)) End(*open, now, seq);
  }
}

bool AlertBook::AnyOpen(const PartitionKey& key) { return !OpenRules(key).empty(); }

std::vector<std::string> AlertBook::OpenRules(const PartitionKey& key) {
  std::vector<std::string> rules;
  open_rules_.Bind({Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
                    Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server})});
  while (open_rules_.Step()) rules.emplace_back(open_rules_.Text(0));
  return rules;
}

std::optional<std::string> AlertBook::OpenEvidence(std::string_view rule, const Subject& subject,
                                                   const std::string& key, int64_t now) {
  const auto open = Find(rule, subject, now);
  if (!open) return std::nullopt;
  const auto evidence = nlohmann::json::parse(open->evidence, nullptr, false);
  const bool said = evidence.is_object() && evidence.contains(key) && evidence[key].is_string();
  return said ? evidence[key].get<std::string>() : std::string();
}

void AlertBook::Tick(int64_t now) {
  fire_due_.Run({Cell::Of(now), Cell::Null()});
  resolve_due_.Run({Cell::Of(now), Cell::Null()});
  many_lost_in_gap_.Run({});
}

void AlertBook::Retire(int64_t format, std::chrono::milliseconds retention, int64_t now) {
  const int64_t kept = retention.count();
  drop_retired_.Run({Cell::Of(format), Cell::Of(kept), Cell::Of(now)});
  retire_.Run({Cell::Of(format), Cell::Of(kept), Cell::Of(now)});
}

void AlertBook::Acknowledge(std::string_view rule, int64_t server, int64_t format, int64_t now) {
  drop_acknowledged_.Run({Cell::Of(rule), Cell::Of(server), Cell::Of(format), Cell::Of(now)});
  acknowledge_.Run({Cell::Of(rule), Cell::Of(server), Cell::Of(format), Cell::Of(now)});
}
