#include "monitor/app/status_reader.h"

#include <algorithm>
#include <set>
#include <utility>

#include "monitor/counts.h"
#include "monitor/fact.h"
#include "rules/tuning.h"

namespace {

constexpr const char* kTotals =
    "SELECT name.text, runs, failed, written, missing FROM tally JOIN name ON name.id = format";
constexpr const char* kLossy =
    "SELECT format.text, cause.text, coalesce(version.text, ''), runs FROM lossy "
    "JOIN name format ON format.id = format JOIN name cause ON cause.id = lossy.cause "
    "LEFT JOIN name version ON version.id = lossy.version";
constexpr const char* kSources = "SELECT name, lines, quarantined FROM source";
// Blind intervals of logs, by source and begin, from when the source was first watched on.
constexpr const char* kLost =
    "SELECT s.name, max(g.began, s.watched_since), g.ended FROM gap g INDEXED BY gap_blind JOIN "
    "source s ON s.id = g.source WHERE g.blind = 1 AND s.watched_since IS NOT NULL AND (g.ended IS "
    "NULL OR g.ended > s.watched_since) ORDER BY 1, 2";
constexpr const char* kFiles =
    "SELECT name.text, what, count FROM file_tally JOIN name ON name.id = format";
constexpr const char* kScans =
    "SELECT name.text, complete = 1 AND reason = '' FROM file_scan JOIN name ON name.id = format";
constexpr const char* kHead = "SELECT coalesce(max(last_seq), 0) FROM commits";
// Open alerts are found by their own index, never by a walk through the history: it holds those
// that are "<> 'resolved'", and is used only where the query says the same.
constexpr const char* kAlerts =
    "SELECT a.rule, a.severity, coalesce(server.text, ''), coalesce(project.text, '') FROM alert a "
    "INDEXED BY alert_open LEFT JOIN name server ON server.id = a.server LEFT JOIN name project ON "
    "project.id = "
    "a.project "
    "WHERE a.state <> 'resolved' AND a.state = 'firing' GROUP BY 1, 2, 3, 4 ORDER BY a.severity, "
    "count(*) DESC, 1, 3, 4";
constexpr const char* kRules =
    "SELECT rule, severity, state, count(*) FROM alert INDEXED BY alert_open WHERE state <> "
    "'resolved' GROUP BY 1, 2, 3";
// An incident is called by what its first alert says.
constexpr const char* kIncidents =
    "SELECT a.incident, first.cause, coalesce(version.text, ''), min(a.severity), "
    "count(DISTINCT nullif(a.project, 0)) FROM alert a INDEXED BY alert_open JOIN alert first ON "
    "first.id = "
    "(SELECT id FROM alert WHERE incident = a.incident ORDER BY id LIMIT 1) "
    "LEFT JOIN name version ON version.id = first.version "
    "WHERE a.state <> 'resolved' AND a.state = 'firing' GROUP BY a.incident";
// Customers' events once: per project and day the highest expected of its copies less the most that
// a copy holds of what is expected there (DESIGN section 3; what is too many is no credit), in the
// format that stands for the day.
constexpr const char* kLosses =
    "SELECT open.incident, open.project, open.day, format.text, "
    "max(b.actual + b.missing - b.surplus) - max(b.actual - b.surplus) "
    "FROM (SELECT DISTINCT incident, project, day FROM alert INDEXED BY alert_open WHERE state <> "
    "'resolved' AND state = "
    "'firing' AND rule IN ('count_drop', 'lost_in_gap') AND project <> 0) open "
    "JOIN balance b ON b.project = open.project AND b.day = open.day "
    "JOIN name format ON format.id = b.format GROUP BY 1, 2, 3, 4";
// What is missing of a format's days past their retention, as the newest commit's clock says. It is
// gone rightly, whatever became of it before; what was reopened later is not gone.
constexpr const char* kRetired =
    "SELECT b.missing FROM (SELECT DISTINCT project, day, f.format, server FROM fact f INDEXED BY "
    "fact_lost JOIN name ON name.id = f.format WHERE lost > 0 AND name.text = ?1 AND day <> "
    "-1000000 AND day * 86400000 + ?2 <= (SELECT observed_at FROM commits ORDER BY last_seq DESC "
    "LIMIT 1)) l JOIN balance b ON (b.project, b.day, b.format, b.server) = (l.project, l.day, "
    "l.format, l.server) WHERE b.missing > 0 AND b.logged_until < b.day * 86400000 + ?2";
// What may have been firing when another process told it.
constexpr const char* kRecent =
    "SELECT a.rule, a.severity, coalesce(server.text, ''), coalesce(project.text, ''), a.incident, "
    "a.cause, coalesce(version.text, '') FROM (SELECT * FROM alert ORDER BY id DESC LIMIT 1000) a "
    "LEFT JOIN name server ON server.id = a.server LEFT JOIN name project ON project.id = "
    "a.project "
    "LEFT JOIN name version ON version.id = a.version WHERE a.starts_at IS NOT NULL ORDER BY a.id "
    "DESC";

std::string TextAt(const Statement& row, int column) { return std::string(row.Text(column)); }

}  // namespace

Result<std::unique_ptr<StatusReader>> StatusReader::Open(const std::string& ledger,
                                                         const Config& config) {
  auto database = Database::Open(ledger, Database::Mode::kReadOnly);
  if (!database) return tl::unexpected<Error>(database.error());
  std::unique_ptr<StatusReader> reader(new StatusReader(std::move(*database), config));
  if (auto ok = reader->database_.Check(); !ok) return tl::unexpected<Error>(ok.error());
  return reader;
}

StatusReader::StatusReader(Database database, const Config& config)
    : database_(std::move(database)),
      config_(config),
      tunings_(config),
      totals_(database_.Prepare(kTotals)),
      lossy_(database_.Prepare(kLossy)),
      sources_(database_.Prepare(kSources)),
      lost_(database_.Prepare(kLost)),
      files_(database_.Prepare(kFiles)),
      scans_(database_.Prepare(kScans)),
      head_(database_.Prepare(kHead)),
      alerts_(database_.Prepare(kAlerts)),
      rules_(database_.Prepare(kRules)),
      incidents_(database_.Prepare(kIncidents)),
      losses_(database_.Prepare(kLosses)),
      retired_(database_.Prepare(kRetired)) {
  RememberRecent();
}

void StatusReader::RememberRecent() {
  Statement recent = database_.Prepare(kRecent);
  recent.Bind({});
  while (recent.Step()) {
    told_[{TextAt(recent, 0), TextAt(recent, 1), TextAt(recent, 2), TextAt(recent, 3)}] = false;
    IncidentStatus incident;
    incident.incident = TextAt(recent, 4);
    incident.cause = TextAt(recent, 5);
    incident.version = TextAt(recent, 6);
    incident.severity = TextAt(recent, 1);
    incident.active = false;
    incident_[incident.incident] = incident;  // in the end what its first alert says
  }
}

Result<void> StatusReader::Read(RollcallStatus& status) {
  database_.Execute("BEGIN");  // one snapshot for all figures
  ReadTotals(status);
  ReadSources(status);
  ReadFiles(status);
  ReadAlerts(status);
  ReadRules(status);
  ReadIncidents(status);
  auto done = database_.Commit();
  if (!done) database_.Rollback();
  return done;
}

void StatusReader::ReadTotals(RollcallStatus& status) {
  status.formats.clear();
  status.failed_runs = 0;
  totals_.Bind({});
  while (totals_.Step()) {
    status.formats[TextAt(totals_, 0)] = {totals_.Integer(1), totals_.Integer(3),
                                          totals_.Integer(4)};
    status.failed_runs += totals_.Integer(2);
  }
  LeaveOutRetired(status);
  status.lossy_runs.clear();
  lossy_.Bind({});
  while (lossy_.Step()) {
    status.lossy_runs.push_back(
        {TextAt(lossy_, 0), TextAt(lossy_, 1), TextAt(lossy_, 2), lossy_.Integer(3)});
  }
  if (head_.Bind({}).Step()) status.ledger_head_sequence = head_.Integer(0);
}

void StatusReader::LeaveOutRetired(RollcallStatus& status) {
  for (const CanonicalFilesConfig& files : config_.canonical_files) {
    const auto format = status.formats.find(files.format);
    if (!files.retention || format == status.formats.end()) continue;
    int64_t& missing = format->second.events_missing;
    if (missing == 0) continue;
    retired_.Bind({Cell::Of(files.format),
                   Cell::Of(int64_t{std::chrono::milliseconds(*files.retention).count()})});
    while (retired_.Step()) missing = std::max<int64_t>(0, missing - retired_.Integer(0));
  }
}

// Only the configured ones: a source that was removed is not down.
void StatusReader::ReadSources(RollcallStatus& status) {
  status.sources.clear();
  for (const CompactionLogConfig& log : config_.compaction_logs) status.sources[log.name];
  for (const std::string_view name : FileSources(config_)) status.sources[std::string(name)];
  sources_.Bind({});
  while (sources_.Step()) {
    const auto source = status.sources.find(TextAt(sources_, 0));
    if (source == status.sources.end()) continue;
    source->second.lines = sources_.Integer(1);
    source->second.quarantined_lines = sources_.Integer(2);
  }
  ReadLost(status);
}

// What several logs of a source lost at once is lost once.
void StatusReader::ReadLost(RollcallStatus& status) {
  std::map<std::string, int64_t> lost_until;
  lost_.Bind({});
  while (lost_.Step()) {
    const auto found = status.sources.find(TextAt(lost_, 0));
    if (found == status.sources.end() || found->second.losing_since) continue;
    int64_t& until = lost_until[found->first];
    const int64_t began = std::max(until, lost_.Integer(1));
    if (lost_.IsNull(2)) {
      found->second.losing_since = Time(std::chrono::milliseconds(began));
    } else if (lost_.Integer(2) > began) {
      found->second.lost_seconds += static_cast<double>(lost_.Integer(2) - began) / 1000;
      until = lost_.Integer(2);
    }
  }
}

void StatusReader::ReadFiles(RollcallStatus& status) {
  status.files.counts.clear();
  files_.Bind({});
  while (files_.Step())
    status.files.counts[TextAt(files_, 0)][TextAt(files_, 1)] = files_.Integer(2);
  for (const CanonicalFilesConfig& files : config_.canonical_files) {
    status.files.scanned[files.format] = false;
  }
  scans_.Bind({});
  while (scans_.Step()) {
    const auto format = status.files.scanned.find(TextAt(scans_, 0));
    if (format != status.files.scanned.end()) format->second = scans_.Integer(1) != 0;
  }
}

void StatusReader::ReadAlerts(RollcallStatus& status) {
  for (auto& [series, firing] : told_) firing = false;
  status.alerts.clear();
  status.alerts_overflow = 0;
  alerts_.Bind({});
  while (alerts_.Step()) {
    if (status.alerts.size() >= status.alerts_cap) {
      ++status.alerts_overflow;
      continue;
    }
    ActiveAlert alert{TextAt(alerts_, 0), TextAt(alerts_, 1), TextAt(alerts_, 2),
                      TextAt(alerts_, 3), true};
    told_[{alert.rule, alert.severity, alert.server, alert.project}] = true;
    status.alerts.push_back(std::move(alert));
  }
  for (auto it = told_.begin(); it != told_.end();) {
    const auto here = it++;
    if (here->second) continue;
    if (status.alerts.size() >= status.alerts_cap) {
      told_.erase(here);
      continue;
    }
    const auto& [rule, severity, server, project] = here->first;
    status.alerts.push_back({rule, severity, server, project, false});
  }
}

void StatusReader::ReadRules(RollcallStatus& status) {
  std::map<std::string, RuleStatus> rules;
  for (const RuleKind& rule : Rules()) {
    if (!rule.in_force) continue;  // a zero would say that somebody looked
    rules[std::string(rule.name)] = {std::string(rule.name), tunings_.Of(rule.name).severity, 0, 0};
  }
  rules_.Bind({});
  while (rules_.Step()) {
    RuleStatus& rule = rules[TextAt(rules_, 0)];
    rule.rule = TextAt(rules_, 0);
    if (rule.severity.empty()) rule.severity = TextAt(rules_, 1);
    (rules_.Text(2) == "firing" ? rule.firing : rule.pending) += rules_.Integer(3);
  }
  status.rules.clear();
  for (auto& [name, rule] : rules) status.rules.push_back(std::move(rule));
}

// Of each incident the customers' events that are missing.
std::map<std::string, int64_t> StatusReader::ReadLosses() {
  std::set<std::string> serving;
  for (const CanonicalFilesConfig& files : config_.canonical_files) {
    if (files.serving) serving.insert(files.format);
  }
  // The serving format stands for the day; where the day has none, that with the smallest loss.
  struct DayLoss {
    bool served = false;
    int64_t lost = 0;
  };
  std::map<std::tuple<std::string, int64_t, int64_t>, DayLoss> days;
  losses_.Bind({});
  while (losses_.Step()) {
    const DayLoss loss{serving.contains(TextAt(losses_, 3)), losses_.Integer(4)};
    const std::tuple day{TextAt(losses_, 0), losses_.Integer(1), losses_.Integer(2)};
    DayLoss& known = days.emplace(day, loss).first->second;
    const bool better = loss.served == known.served ? loss.lost < known.lost : loss.served;
    if (better) known = loss;
  }
  std::map<std::string, int64_t> losses;
  for (const auto& [day, loss] : days) Increase(losses[std::get<0>(day)], loss.lost);
  return losses;
}

void StatusReader::ReadIncidents(RollcallStatus& status) {
  for (auto& [id, incident] : incident_) {
    incident.active = false;
    incident.projects = incident.events_missing = 0;
  }
  std::map<std::string, int64_t> losses = ReadLosses();
  incidents_.Bind({});
  while (incidents_.Step()) {
    IncidentStatus& incident = incident_[TextAt(incidents_, 0)];
    incident.incident = TextAt(incidents_, 0);
    incident.cause = TextAt(incidents_, 1);
    incident.version = TextAt(incidents_, 2);
    incident.severity = TextAt(incidents_, 3);
    incident.active = true;
    incident.projects = incidents_.Integer(4);
    incident.events_missing = losses[incident.incident];
  }
  status.incidents.clear();
  for (const auto& [id, incident] : incident_) {
    if (incident.active) status.incidents.push_back(incident);
  }
  for (auto it = incident_.begin(); it != incident_.end();) {
    const auto here = it++;
    if (here->second.active) continue;
    if (status.incidents.size() >= status.alerts_cap) {
      incident_.erase(here);
    } else {
      status.incidents.push_back(here->second);
    }
  }
}
