#include "monitor/alert_book.h"

namespace {

constexpr const char* kFind =
    "SELECT id, state FROM alert WHERE rule = ?1 AND project = ?2 AND day = ?3 AND format = ?4 AND "
    "server = ?5 AND source = ?6 AND state <> 'resolved'";
constexpr const char* kInsert =
    "INSERT INTO alert(rule, project, day, format, server, source, severity, state, cause, "
    "version, "
    "previous_version, incident, began_at, fires_at, starts_at, first_seq, last_seq, evidence) "
    "VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?16,?17)";
// Found again in the same fact, when a partition is booked anew.
constexpr const char* kReopen =
    "UPDATE alert SET state = 'firing', ends_at = NULL, clear_since = NULL, severity = ?8, cause = "
    "?9, version = ?10, previous_version = ?11, incident = ?12, evidence = ?13 WHERE first_seq = "
    "?1 "
    "AND rule = ?2 AND project = ?3 AND day = ?4 AND format = ?5 AND server = ?6 AND source = ?7 "
    "AND state = 'resolved'";
constexpr const char* kUpdate =
    "UPDATE alert SET last_seq = ?2, evidence = json_patch(evidence, ?3), clear_since = NULL, "
    "severity = CASE severity WHEN 'critical' THEN severity ELSE ?4 END WHERE id = ?1";
constexpr const char* kClear =
    "UPDATE alert SET clear_since = coalesce(clear_since, ?2), fires_at = ?3, last_seq = ?4 "
    "WHERE id = ?1";
constexpr const char* kResolve =
    "UPDATE alert SET state = 'resolved', ends_at = ?2, last_seq = ?3 WHERE id = ?1";
constexpr const char* kDrop = "DELETE FROM alert WHERE id = ?1 AND state = 'pending'";
constexpr const char* kAny =
    "SELECT 1 FROM alert WHERE project = ? AND day = ? AND format = ? AND server = ? AND state <> "
    "'resolved' LIMIT 1";
constexpr const char* kFiring =
    "SELECT id, first_seq, last_seq FROM alert WHERE project = ? AND day = ? AND format = ? AND "
    "server = ? AND state = 'firing'";
constexpr const char* kFireDue =
    "UPDATE alert SET state = 'firing', starts_at = fires_at WHERE state = 'pending' AND "
    "fires_at <= ?1";
// While an alert is clear, fires_at holds the moment at which it resolves.
constexpr const char* kResolveDue =
    "UPDATE alert SET state = 'resolved', ends_at = fires_at WHERE state = 'firing' AND "
    "clear_since "
    "IS NOT NULL AND fires_at <= ?1";
// Ten partitions that lost something in a gap are no accident (DESIGN section 3, "Gaps").
constexpr const char* kManyLostInGap =
    "UPDATE alert SET severity = 'critical' WHERE rule = 'lost_in_gap' AND state <> 'resolved' AND "
    "severity = 'warning' AND (SELECT count(*) FROM alert WHERE rule = 'lost_in_gap' AND "
    "state = 'firing') >= 10";
constexpr const char* kRetire =
    "UPDATE alert SET state = 'resolved', ends_at = ?3 WHERE format = ?1 AND project IS NOT NULL "
    "AND "
    "project <> 0 AND day < ?2 AND day <> -1000000 AND state <> 'resolved'";
constexpr const char* kAcknowledge =
    "UPDATE alert SET state = 'resolved', ends_at = ?4 WHERE rule = ?1 AND server = ?2 AND "
    "format = ?3 AND state <> 'resolved'";

}  // namespace

AlertBook::AlertBook(Database& database, Names& names, const RuleBook& rules)
    : database_(database),
      names_(names),
      rules_(rules),
      find_(database.Prepare(kFind)),
      insert_(database.Prepare(kInsert)),
      reopen_(database.Prepare(kReopen)),
      update_(database.Prepare(kUpdate)),
      clear_(database.Prepare(kClear)),
      resolve_(database.Prepare(kResolve)),
      drop_(database.Prepare(kDrop)),
      any_(database.Prepare(kAny)),
      fire_due_(database.Prepare(kFireDue)),
      resolve_due_(database.Prepare(kResolveDue)),
      many_lost_in_gap_(database.Prepare(kManyLostInGap)),
      retire_(database.Prepare(kRetire)),
      acknowledge_(database.Prepare(kAcknowledge)),
      firing_(database.Prepare(kFiring)) {}

void AlertBook::Apply(const Finding& finding, const Subject& subject, int64_t now, int64_t seq) {
  const PartitionKey& key = subject.partition;
  find_.Bind({Cell::Of(finding.rule), Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
              Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server}),
              Cell::Of(subject.source)});
  const bool open = find_.Step();
  const int64_t id = open ? find_.Integer(0) : 0;
  const bool pending = open && find_.Text(1) == "pending";
  if (!finding.firing) {
    if (!open) return;
    if (pending) return drop_.Run({Cell::Of(id)});
    if (finding.keep_firing_for.count() == 0) {
      return resolve_.Run({Cell::Of(id), Cell::Of(now), Cell::Of(seq)});
    }
    return clear_.Run({Cell::Of(id), Cell::Of(now),
                       Cell::Of(int64_t{now + finding.keep_firing_for.count()}), Cell::Of(seq)});
  }
  if (open) {
    return update_.Run(
        {Cell::Of(id), Cell::Of(seq), Cell::Of(finding.evidence), Cell::Of(finding.severity)});
  }
  if (!finding.opens) return;
  const int64_t fires_at = now + finding.pending_for.count();
  const bool firing = fires_at <= now;
  const std::string incident =
      rules_.Incident(finding.rule, names_.Text(key.server), finding.version);
  if (Reopen(finding, subject, incident, seq)) return;
  insert_.Run({Cell::Of(finding.rule), Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
               Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server}),
               Cell::Of(subject.source), Cell::Of(finding.severity),
               Cell::Of(std::string_view(firing ? "firing" : "pending")), Cell::Of(finding.cause),
               Named(finding.version), Named(finding.previous_version), Cell::Of(incident),
               Cell::Of(now), Cell::Of(fires_at), firing ? Cell::Of(now) : Cell::Null(),
               Cell::Of(seq), Cell::Of(finding.evidence)});
}

Cell AlertBook::Named(const std::string& name) {
  return name.empty() ? Cell::Null() : Cell::Of(names_.Id(name));
}

bool AlertBook::Reopen(const Finding& finding, const Subject& subject, const std::string& incident,
                       int64_t seq) {
  const PartitionKey& key = subject.partition;
  reopen_.Run({Cell::Of(seq), Cell::Of(finding.rule), Cell::Of(int64_t{key.project}),
               Cell::Of(int64_t{key.day}), Cell::Of(int64_t{key.format}),
               Cell::Of(int64_t{key.server}), Cell::Of(subject.source), Cell::Of(finding.severity),
               Cell::Of(finding.cause), Named(finding.version), Named(finding.previous_version),
               Cell::Of(incident), Cell::Of(finding.evidence)});
  return database_.changes() > 0;
}

void AlertBook::EndThoseOf(const PartitionKey& partition, const std::set<int64_t>& facts,
                           int64_t now) {
  firing_.Bind({Cell::Of(int64_t{partition.project}), Cell::Of(int64_t{partition.day}),
                Cell::Of(int64_t{partition.format}), Cell::Of(int64_t{partition.server})});
  std::vector<std::pair<int64_t, int64_t>> ended;  // id, last fact
  while (firing_.Step()) {
    if (facts.contains(firing_.Integer(1)))
      ended.emplace_back(firing_.Integer(0), firing_.Integer(2));
  }
  for (const auto& [id, last] : ended) {
    resolve_.Run({Cell::Of(id), Cell::Of(now), Cell::Of(last)});
  }
}

bool AlertBook::AnyOpen(const PartitionKey& key) {
  return any_
      .Bind({Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
             Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server})})
      .Step();
}

void AlertBook::Tick(int64_t now) {
  fire_due_.Run({Cell::Of(now)});
  resolve_due_.Run({Cell::Of(now)});
  many_lost_in_gap_.Run({});
}

void AlertBook::Retire(int64_t format, int32_t day, int64_t now) {
  retire_.Run({Cell::Of(format), Cell::Of(int64_t{day}), Cell::Of(now)});
}

void AlertBook::Acknowledge(std::string_view rule, int64_t server, int64_t format, int64_t now) {
  acknowledge_.Run({Cell::Of(rule), Cell::Of(server), Cell::Of(format), Cell::Of(now)});
}
