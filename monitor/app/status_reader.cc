#include "monitor/app/status_reader.h"

#include <map>
#include <set>

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
constexpr const char* kHead = "SELECT coalesce(max(last_seq), 0) FROM commits";
constexpr const char* kAlerts =
    "SELECT rule, severity, coalesce(server, ''), coalesce(project, ''), count(*) FROM alerts "
    "WHERE state = 'firing' GROUP BY 1, 2, 3, 4 ORDER BY severity, count(*) DESC LIMIT 1001";
constexpr const char* kRules =
    "SELECT rule, severity, state, count(*) FROM alert WHERE state <> 'resolved' GROUP BY 1, 2, 3";
// Open incidents, and those that ended within the newest alerts: a resolved one is an explicit 0.
constexpr const char* kIncidents =
    "SELECT incident, cause, coalesce(version, ''), min(severity), max(state = 'firing'), "
    "count(DISTINCT project) FILTER (WHERE state = 'firing' AND project <> '') "
    "FROM (SELECT * FROM alerts WHERE state = 'firing' UNION ALL "
    "SELECT * FROM (SELECT * FROM alerts WHERE state = 'resolved' ORDER BY id DESC LIMIT 1000)) "
    "GROUP BY incident";
// Customers' events once: per project and day the highest expected of its copies less the highest
// min(actual, expected) (DESIGN section 3), in the format that stands for the day.
constexpr const char* kIncidentLosses =
    "SELECT open.incident, open.project, open.day, b.format, "
    "max(b.actual + b.missing - b.surplus) - max(min(b.actual, b.actual + b.missing - b.surplus)) "
    "FROM (SELECT DISTINCT incident, project, day FROM alert WHERE state = 'firing' AND rule IN "
    "('count_drop', 'lost_in_gap') AND project <> 0) open "
    "JOIN balance b ON b.project = open.project AND b.day = open.day GROUP BY 1, 2, 3, 4";

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
      totals_(database_.Prepare(kTotals)),
      lossy_(database_.Prepare(kLossy)),
      sources_(database_.Prepare(kSources)),
      head_(database_.Prepare(kHead)),
      alerts_(database_.Prepare(kAlerts)),
      rules_(database_.Prepare(kRules)),
      incidents_(database_.Prepare(kIncidents)),
      incident_losses_(database_.Prepare(kIncidentLosses)) {}

Result<void> StatusReader::Read(RollcallStatus& status) {
  database_.Execute("BEGIN");  // one snapshot for all figures
  ReadTotals(status);
  ReadSources(status);
  ReadAlerts(status);
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
  status.lossy_runs.clear();
  lossy_.Bind({});
  while (lossy_.Step()) {
    status.lossy_runs.push_back(
        {TextAt(lossy_, 0), TextAt(lossy_, 1), TextAt(lossy_, 2), lossy_.Integer(3)});
  }
  if (head_.Bind({}).Step()) status.ledger_head_sequence = head_.Integer(0);
}

void StatusReader::ReadSources(RollcallStatus& status) {
  sources_.Bind({});
  while (sources_.Step()) {
    SourceStatus& source = status.sources[TextAt(sources_, 0)];
    source.lines = sources_.Integer(1);
    source.quarantined_lines = sources_.Integer(2);
  }
}

void StatusReader::ReadAlerts(RollcallStatus& status) {
  status.alerts.clear();
  alerts_.Bind({});
  while (alerts_.Step()) {
    status.alerts.push_back(
        {TextAt(alerts_, 0), TextAt(alerts_, 1), TextAt(alerts_, 2), TextAt(alerts_, 3), true});
  }
  std::map<std::string, RuleStatus> rules;
  for (const RuleKind& rule : Rules()) {
    rules[std::string(rule.name)] = {std::string(rule.name), std::string(rule.severity), 0, 0};
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

void StatusReader::ReadIncidents(RollcallStatus& status) {
  std::set<std::string> serving;
  for (const CanonicalFilesConfig& files : config_.canonical_files) {
    if (files.serving) serving.insert(files.format);
  }
  // The serving format stands for the day; without one the format with the smallest loss does.
  std::map<std::string, std::map<std::pair<int64_t, int64_t>, int64_t>> losses;
  std::map<int64_t, std::string> names;
  Statement name = database_.Prepare("SELECT text FROM name WHERE id = ?");
  incident_losses_.Bind({});
  while (incident_losses_.Step()) {
    const int64_t format = incident_losses_.Integer(3);
    if (!names.contains(format) && name.Bind({Cell::Of(format)}).Step()) {
      names[format] = TextAt(name, 0);
    }
    if (!serving.empty() && !serving.contains(names[format])) continue;
    auto& days = losses[TextAt(incident_losses_, 0)];
    const std::pair day{incident_losses_.Integer(1), incident_losses_.Integer(2)};
    const int64_t lost = incident_losses_.Integer(4);
    const auto [known, added] = days.emplace(day, lost);
    if (!added) known->second = std::min(known->second, lost);
  }
  status.incidents.clear();
  incidents_.Bind({});
  while (incidents_.Step()) {
    IncidentStatus incident;
    incident.incident = TextAt(incidents_, 0);
    incident.cause = TextAt(incidents_, 1);
    incident.version = TextAt(incidents_, 2);
    incident.severity = TextAt(incidents_, 3);
    incident.active = incidents_.Integer(4) != 0;
    incident.projects = incidents_.Integer(5);
    for (const auto& [day, lost] : losses[incident.incident]) incident.events_missing += lost;
    status.incidents.push_back(std::move(incident));
  }
}
