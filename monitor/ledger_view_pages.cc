// LedgerView, seventh part: pages of alerts and facts, and what an overview of a ledger is made of.

#include <algorithm>

#include "monitor/ledger_view.h"
#include "monitor/ledger_view_alerts.h"
#include "monitor/ledger_view_cells.h"

namespace {

// The page is chosen by numbers alone; names are looked up for its rows only.
constexpr const char* kAlertPage =
    "WITH page AS (SELECT a.id, coalesce(a.starts_at, a.began_at) AS at FROM alert a WHERE (?1 = "
    "'' OR a.state = ?1) AND (?2 = '' OR a.rule = ?2) AND (?3 = '' OR a.severity = ?3) AND (?4 = "
    "'' OR a.incident = ?4) AND (?5 IS NULL OR a.version = ?5) AND (?6 IS NULL OR a.server = ?6) "
    "AND (?7 IS NULL OR a.project = ?7) AND (?8 IS NULL OR a.day = ?8 AND a.project <> 0) AND (?9 "
    "IS NULL OR a.format = ?9) AND (?10 IS NULL OR at >= ?10) AND (?11 IS NULL OR at < ?11) AND "
    "(?12 IS NULL OR CASE WHEN ?14 THEN (at, a.id) < (?12, ?13) ELSE (at, a.id) > (?12, ?13) END) "
    "ORDER BY CASE WHEN ?14 THEN -at ELSE at END, CASE WHEN ?14 THEN -a.id ELSE a.id END LIMIT "
    "?15) SELECT a.rule, a.severity, a.state, a.cause, version.text, previous.text, a.incident, "
    "server.text, project.text, a.day, format.text, source.name, a.starts_at, a.ends_at, "
    "a.began_at, a.evidence, page.at, a.id FROM page JOIN alert a ON a.id = page.id LEFT JOIN name "
    "server ON server.id = a.server LEFT JOIN name project ON project.id = a.project LEFT JOIN "
    "name format ON format.id = a.format LEFT JOIN name version ON version.id = a.version LEFT "
    "JOIN name previous ON previous.id = a.previous_version LEFT JOIN source ON source.id = "
    "a.source ORDER BY CASE WHEN ?14 THEN -page.at ELSE page.at END, CASE WHEN ?14 THEN -a.id ELSE "
    "a.id END";
constexpr const char* kFirstOfIncident =
    "WHERE a.id IN (SELECT min(id) FROM alert GROUP BY incident)";
constexpr const char* kConcerning =
    "WHERE coalesce(a.project, 0) IN (0, ?) ORDER BY coalesce(a.starts_at, a.began_at), a.id";
constexpr const char* kIncidentParts =
    "SELECT a.incident, a.rule, a.state, a.severity, server.text, count(*), "
    "min(coalesce(a.starts_at, a.began_at)), max(coalesce(a.starts_at, a.began_at)), "
    "max(a.ends_at) FROM alert a LEFT JOIN name server ON server.id = a.server GROUP BY "
    "a.incident, "
    "a.rule, a.state, a.severity, a.server";
constexpr const char* kIncidentSizes =
    "SELECT incident, count(DISTINCT nullif(project, 0)), count(DISTINCT CASE WHEN project <> 0 "
    "THEN project * 10000000 + day END) FROM alert GROUP BY incident";
constexpr const char* kOpenAlerts =
    "SELECT project.text, a.severity, sum(a.state = 'pending'), sum(a.state = 'firing') FROM alert "
    "a INDEXED BY alert_open LEFT JOIN name project ON project.id = a.project WHERE a.state <> "
    "'resolved' GROUP BY a.project, a.severity";
constexpr const char* kIncidentProjects =
    "SELECT name.text FROM (SELECT DISTINCT project FROM alert WHERE incident = ?) a JOIN name ON "
    "name.id = a.project";
// Each project there is, in as many steps of the primary key.
constexpr const char* kProjects =
    "WITH RECURSIVE known(id) AS (SELECT min(project) FROM balance UNION ALL SELECT (SELECT "
    "min(project) FROM balance WHERE project > known.id) FROM known WHERE known.id IS NOT NULL) "
    "SELECT name.text FROM known JOIN name ON name.id = known.id";
constexpr const char* kLossyProjects =
    "SELECT name.text FROM (SELECT DISTINCT project FROM fact INDEXED BY fact_lost WHERE lost > 0) "
    "l JOIN name ON name.id = l.project";
constexpr const char* kSources =
    "SELECT s.name, s.shape, s.unit, s.lines, s.ignored, s.quarantined, s.read_at, "
    "s.watched_since, s.id, (SELECT coalesce(sum(milliseconds), 0) FROM unwatched WHERE source = "
    "s.id) FROM source s ORDER BY s.id";
constexpr const char* kGapsOf =
    "SELECT began, ended, reason FROM gap INDEXED BY gap_blind WHERE source = ? AND blind = 1 "
    "ORDER BY began";
constexpr const char* kBlindAlerts =
    "SELECT source, evidence ->> '$.reason', coalesce(starts_at, began_at) FROM alert INDEXED BY "
    "alert_open WHERE state <> 'resolved' AND rule = 'blind' ORDER BY id DESC";
constexpr const char* kTallies =
    "SELECT name.text, t.runs, t.failed, t.written, t.missing, d.format IS NOT NULL, "
    "d.watched_since FROM (SELECT format FROM tally UNION SELECT format FROM dead_format) f JOIN "
    "name ON name.id = f.format LEFT JOIN tally t ON t.format = f.format LEFT JOIN dead_format d "
    "ON d.format = f.format ORDER BY 1";
constexpr const char* kLeft =
    "SELECT p.\"left\" FROM fact f JOIN permit p ON (p.project, p.day, p.format, p.server, p.seq) "
    "= (f.project, f.day, f.format, f.server, f.seq) WHERE f.seq = ?";

Cell MaybeMillis(const std::optional<Time>& time) {
  return time ? Cell::Of(int64_t{time->time_since_epoch().count()}) : Cell::Null();
}

Cell MaybeDay(std::string_view text) {
  const auto day = ParseDay(text);
  return day ? Cell::Of(int64_t{day->days}) : Cell::Null();
}

SourceRow SourceAt(const Statement& row) {
  SourceRow source;
  source.source = TextAt(row, 0);
  source.shape = TextAt(row, 1);
  source.unit = TextAt(row, 2);
  source.lines = row.Integer(3);
  source.ignored_lines = row.Integer(4);
  source.quarantined_lines = row.Integer(5);
  source.read_at = TimeAt(row, 6);
  source.watched_since = TimeAt(row, 7);
  source.blind_milliseconds = row.Integer(9);
  return source;
}

// Spans may overlap; what was before the source was first watched counts for nothing.
void AddGap(const Statement& gap, int64_t& seen, SourceRow& source) {
  if (gap.IsNull(1)) {
    source.blind = true;
    source.reason = TextAt(gap, 2);
    if (gap.Integer(0) != 0) source.blind_since = TimeAt(gap, 0);
    return;
  }
  const int64_t began = std::max(seen, gap.Integer(0));
  source.blind_milliseconds += std::max<int64_t>(0, gap.Integer(1) - began);
  seen = std::max(seen, gap.Integer(1));
}

}  // namespace

Result<int64_t> LedgerView::DataVersion() {
  int64_t version = 0;
  {
    Statement query = database_.Prepare("PRAGMA data_version");
    if (query.Bind({}).Step()) version = query.Integer(0);
  }
  const auto done = database_.Check();
  database_.Rollback();  // forgets an error
  if (!done) return tl::unexpected<Error>(done.error());
  return version;
}

Result<void> LedgerView::Refresh() {
  return Read([&] {
    retention_.clear();
    ReadRetention();
  });
}

Result<void> LedgerView::AlertPage(const AlertQuery& query,
                                   const std::function<void(PlacedAlert)>& take) {
  return Read([&] {
    Statement page = database_.Prepare(kAlertPage);
    const std::string_view state = query.state, rule = query.rule, severity = query.severity,
                           incident = query.incident;
    page.Bind({Cell::Of(state), Cell::Of(rule), Cell::Of(severity), Cell::Of(incident),
               Named(query.version), Named(query.server), Named(query.project), MaybeDay(query.day),
               Named(query.format), MaybeMillis(query.since), MaybeMillis(query.until),
               query.after ? Cell::Of((*query.after)[0]) : Cell::Null(),
               query.after ? Cell::Of((*query.after)[1]) : Cell::Null(),
               Cell::Of(int64_t{query.newest}), Cell::Of(query.limit)});
    while (page.Step()) take({AlertIn(page), {page.Integer(16), page.Integer(17)}});
  });
}

Result<std::vector<AlertRow>> LedgerView::FirstAlerts() {
  std::vector<AlertRow> alerts;
  auto ok = Read([&] {
    Statement rows = database_.Prepare(std::string(kSelectAlerts) + kFirstOfIncident);
    rows.Bind({});
    while (rows.Step()) alerts.push_back(AlertIn(rows));
  });
  if (!ok) return tl::unexpected<Error>(ok.error());
  return alerts;
}

Result<std::vector<AlertRow>> LedgerView::AlertsConcerning(std::string_view project) {
  std::vector<AlertRow> alerts;
  auto ok = Read([&] {
    Statement rows = database_.Prepare(std::string(kSelectAlerts) + kConcerning);
    rows.Bind({Cell::Of(NameId(project))});
    while (rows.Step()) alerts.push_back(AlertIn(rows));
  });
  if (!ok) return tl::unexpected<Error>(ok.error());
  return alerts;
}

Result<std::vector<IncidentPart>> LedgerView::IncidentParts() {
  std::vector<IncidentPart> parts;
  auto ok = Read([&] {
    Statement rows = database_.Prepare(kIncidentParts);
    rows.Bind({});
    while (rows.Step()) {
      IncidentPart part;
      part.incident = TextAt(rows, 0);
      part.rule = TextAt(rows, 1);
      part.state = TextAt(rows, 2);
      part.severity = TextAt(rows, 3);
      part.server = TextAt(rows, 4);
      part.alerts = rows.Integer(5);
      part.first_at = TimeAt(rows, 6).value_or(Time{});
      part.last_at = TimeAt(rows, 7).value_or(Time{});
      part.ends_at = TimeAt(rows, 8);
      parts.push_back(std::move(part));
    }
  });
  if (!ok) return tl::unexpected<Error>(ok.error());
  return parts;
}

Result<std::vector<IncidentSize>> LedgerView::IncidentSizes() {
  std::vector<IncidentSize> sizes;
  auto ok = Read([&] {
    Statement rows = database_.Prepare(kIncidentSizes);
    rows.Bind({});
    while (rows.Step()) sizes.push_back({TextAt(rows, 0), rows.Integer(1), rows.Integer(2)});
  });
  if (!ok) return tl::unexpected<Error>(ok.error());
  return sizes;
}

Result<std::vector<OpenAlerts>> LedgerView::OpenAlertsByProject() {
  std::vector<OpenAlerts> all;
  auto ok = Read([&] {
    Statement rows = database_.Prepare(kOpenAlerts);
    rows.Bind({});
    while (rows.Step()) {
      all.push_back({TextAt(rows, 0), TextAt(rows, 1), rows.Integer(2), rows.Integer(3)});
    }
  });
  if (!ok) return tl::unexpected<Error>(ok.error());
  return all;
}

Result<std::set<std::string>> LedgerView::ProjectsOfIncident(std::string_view incident) {
  std::set<std::string> projects;
  auto ok = Read([&] {
    Statement rows = database_.Prepare(kIncidentProjects);
    rows.Bind({Cell::Of(incident)});
    while (rows.Step()) projects.insert(TextAt(rows, 0));
  });
  if (!ok) return tl::unexpected<Error>(ok.error());
  return projects;
}

std::vector<std::string> LedgerView::ReadNames(const char* sql) {
  std::vector<std::string> names;
  Statement rows = database_.Prepare(sql);
  rows.Bind({});
  while (rows.Step()) names.push_back(TextAt(rows, 0));
  return names;
}

Result<std::vector<std::string>> LedgerView::Projects() {
  std::vector<std::string> projects;
  auto ok = Read([&] { projects = ReadNames(kProjects); });
  if (!ok) return tl::unexpected<Error>(ok.error());
  return projects;
}

Result<std::vector<std::string>> LedgerView::LossyProjects() {
  std::vector<std::string> projects;
  auto ok = Read([&] { projects = ReadNames(kLossyProjects); });
  if (!ok) return tl::unexpected<Error>(ok.error());
  return projects;
}

Result<std::vector<SourceRow>> LedgerView::Sources() {
  std::vector<SourceRow> sources;
  auto ok = Read([&] {
    struct BlindAlert {
      std::string reason;
      std::optional<Time> since;
    };
    std::map<int64_t, BlindAlert> blind;  // the oldest of each source
    Statement alerts = database_.Prepare(kBlindAlerts);
    alerts.Bind({});
    while (alerts.Step()) blind[alerts.Integer(0)] = {TextAt(alerts, 1), TimeAt(alerts, 2)};
    Statement rows = database_.Prepare(kSources), gaps = database_.Prepare(kGapsOf);
    rows.Bind({});
    while (rows.Step()) {
      SourceRow source = SourceAt(rows);
      gaps.Bind({Cell::Of(rows.Integer(8))});
      for (int64_t seen = rows.IsNull(7) ? 0 : rows.Integer(7); gaps.Step();) {
        AddGap(gaps, seen, source);
      }
      if (const auto alert = blind.find(rows.Integer(8)); alert != blind.end()) {
        source.blind = true;
        source.reason = alert->second.reason;  // names the file, where that of a gap does not
        if (!source.blind_since) source.blind_since = alert->second.since;
      }
      sources.push_back(std::move(source));
    }
  });
  if (!ok) return tl::unexpected<Error>(ok.error());
  return sources;
}

Result<std::vector<FormatTally>> LedgerView::FormatTallies() {
  std::vector<FormatTally> tallies;
  auto ok = Read([&] {
    Statement rows = database_.Prepare(kTallies);
    rows.Bind({});
    while (rows.Step()) {
      FormatTally tally;
      tally.format = TextAt(rows, 0);
      tally.runs = rows.Integer(1);
      tally.failed_runs = rows.Integer(2);
      tally.events_written = rows.Integer(3);
      tally.events_missing = rows.Integer(4);
      tally.dead = rows.Integer(5) != 0;
      tally.dead_watched_since = TimeAt(rows, 6);
      tallies.push_back(std::move(tally));
    }
  });
  if (!ok) return tl::unexpected<Error>(ok.error());
  return tallies;
}

Result<std::optional<int64_t>> LedgerView::LeftOfPermit(int64_t seq) {
  std::optional<int64_t> left;
  auto ok = Read([&] {
    Statement row = database_.Prepare(kLeft);
    if (row.Bind({Cell::Of(seq)}).Step()) left = row.MaybeInteger(0);
  });
  if (!ok) return tl::unexpected<Error>(ok.error());
  return left;
}
