// LedgerView, sixth part: canonical files, their generations and who read them.

#include <algorithm>

#include "monitor/config.h"
#include "monitor/file_rows.h"
#include "monitor/ledger_view.h"
#include "monitor/ledger_view_cells.h"

namespace {

constexpr const char* kFiles =
    "SELECT server.text, project.text, f.day, format.text, d.path || '/' || f.name, f.present, "
    "f.size_bytes, f.rows, f.generations FROM file f JOIN directory d ON d.id = f.directory JOIN "
    "name server ON server.id = f.server JOIN name project ON project.id = f.project JOIN name "
    "format ON format.id = f.format WHERE f.project = ?1 AND (?2 IS NULL OR f.day = ?2) ORDER BY "
    "f.day, 4, 5";

// What is void can be seen by nobody. One minute: kLoggedBefore.
constexpr const char* kKept =
    "SELECT k.id, server.text, project.text, k.day, format.text, d.path || '/' || k.name, k.copy, "
    "k.reflink, k.size_bytes, k.rows, k.modified_ns / 1000000, k.kept_at, k.replaced_at, EXISTS "
    "(SELECT 1 FROM alert a INDEXED BY alert_open WHERE a.project = k.project AND a.day = k.day "
    "AND a.state <> 'resolved'), coalesce(coalesce(k.replaced_at, k.kept_at) <= e.logged_at + "
    "60000, 0) FROM kept k JOIN directory d ON d.id = k.directory JOIN name server ON server.id = "
    "k.server JOIN name project ON project.id = k.project JOIN name format ON format.id = k.format "
    "LEFT JOIN erased e ON (e.project, e.day, e.format, e.server) = (k.project, k.day, k.format, "
    "k.server) WHERE k.void = 0 AND ";
constexpr const char* kKeptOfProject =
    "(?1 IS NULL OR k.project = ?1) AND (?2 IS NULL OR k.day = ?2) ORDER BY 3, k.day, 6, "
    "k.modified_ns";
constexpr const char* kKeptOfDay = "k.project = ?1 AND k.day = ?2 ORDER BY 6, k.modified_ns";

// Paths of what is asked about: a format's name, or a pattern of whole paths.
constexpr const char* kReaders =
    "SELECT server.text, format.text, r.executable, r.process, r.unit, r.confidence, sum(f.reads), "
    "sum(f.opens), count(*), min(f.first_at), max(f.last_at), r.id FROM reader r JOIN file_read f "
    "ON f.reader = r.id JOIN directory d ON d.id = f.directory JOIN name server ON server.id = "
    "r.server JOIN name format ON format.id = r.format WHERE (?1 IS NULL OR r.format = ?1) AND (?2 "
    "IS NULL OR d.path || '/' || f.name GLOB ?2) GROUP BY r.id ORDER BY 11 DESC";
constexpr const char* kSamplePaths =
    "SELECT d.path || '/' || f.name FROM file_read f JOIN directory d ON d.id = f.directory WHERE "
    "f.reader = ?1 AND (?2 IS NULL OR d.path || '/' || f.name GLOB ?2) ORDER BY f.last_at DESC "
    "LIMIT 5";
// A file that was born a day after its own day or later has taken the place of another, if the
// store rewrites its days; so has one of which an earlier generation was seen.
constexpr const char* kFilesAsked =
    "SELECT count(*), coalesce(sum(f.generations > 1 OR f.born_ns / 1000000 > (f.day + 2) * "
    "86400000), 0) FROM file f JOIN directory d ON d.id = f.directory WHERE f.present = 1 AND (?1 "
    "IS NULL OR f.format = ?1) AND (?2 IS NULL OR d.path || '/' || f.name GLOB ?2)";
constexpr const char* kReplacedAfterRead =
    "SELECT count(*) FROM fact WHERE kind = 'file' AND detail ->> '$.opened_before' AND (?1 IS "
    "NULL "
    "OR format = ?1) AND (?2 IS NULL OR (detail ->> '$.directory') || '/' || (detail ->> '$.name') "
    "GLOB ?2)";
// Of the formats asked about: since when the reads of all are watched, and whether they are.
constexpr const char* kDead =
    "SELECT max(watched_since), count(*) > 0 AND count(watched_since) = count(*) FROM (SELECT "
    "DISTINCT f.format FROM file f JOIN directory d ON d.id = f.directory WHERE (?1 IS NULL OR "
    "f.format = ?1) AND (?2 IS NULL OR d.path || '/' || f.name GLOB ?2)) asked LEFT JOIN "
    "dead_format USING (format)";
constexpr const char* kRuns =
    "SELECT count(*), coalesce(sum(previous IS NOT NULL AND fresh > 0), 0) FROM fact WHERE kind IS "
    "NULL AND logged_at >= ?1";
constexpr const char* kScanned =
    "SELECT count(*) FROM file_scan WHERE complete = 1 AND reason = '' AND (?1 IS NULL OR format = "
    "?1)";
constexpr const char* kWatched = "SELECT id, watched_since, read_at FROM source WHERE name = ?";
constexpr const char* kWrittenAt =
    "SELECT coalesce((SELECT observed_at FROM commits ORDER BY last_seq DESC LIMIT 1), 0)";
constexpr const char* kUnwatched =
    "SELECT coalesce(sum(milliseconds), 0) FROM unwatched WHERE source = ?";
constexpr const char* kGaps =
    "SELECT began, ended FROM gap WHERE source = ? AND blind = 1 ORDER BY began";
constexpr const char* kNotWatched =
    "SELECT evidence ->> '$.reason' FROM alert WHERE rule = 'blind' AND source = ? AND state <> "
    "'resolved'";

std::vector<std::string> SamplePaths(Statement& samples, int64_t reader, const Cell& glob) {
  std::vector<std::string> paths;
  samples.Bind({Cell::Of(reader), glob});
  while (samples.Step()) paths.push_back(TextAt(samples, 0));
  return paths;
}

int64_t Number(Database& database, const char* sql, std::initializer_list<Cell> values) {
  Statement query = database.Prepare(sql);
  return query.Bind(values).Step() ? query.Integer(0) : 0;
}

}  // namespace

Result<void> LedgerView::Files(std::string_view project, std::string_view day,
                               const std::function<void(FileRow)>& take) {
  return Read([&] {
    const auto wanted = ParseDay(day);
    Statement files = database_.Prepare(kFiles);
    files.Bind(
        {Cell::Of(NameId(project)), wanted ? Cell::Of(int64_t{wanted->days}) : Cell::Null()});
    while (files.Step()) {
      FileRow row;
      row.ledger = ledger_id_;
      row.server = TextAt(files, 0);
      row.project = TextAt(files, 1);
      row.day = DayAt(files, 2);
      row.format = TextAt(files, 3);
      row.path = TextAt(files, 4);
      row.present = files.Integer(5) != 0;
      row.size_bytes = files.MaybeInteger(6);
      row.rows = files.MaybeInteger(7);
      row.generations = files.Integer(8);
      take(std::move(row));
    }
  });
}

Result<void> LedgerView::Kept(std::string_view project, std::string_view day,
                              const std::function<void(KeptRow)>& take) {
  return Read([&] {
    const auto wanted = ParseDay(day);
    Statement kept = database_.Prepare(std::string(kKept) + kKeptOfProject);
    kept.Bind({IdOrAll(project, NameId(project)),
               wanted ? Cell::Of(int64_t{wanted->days}) : Cell::Null()});
    GiveKept(kept, take);
  });
}

Result<void> LedgerView::KeptOf(const std::set<ProjectDay>& days,
                                const std::function<void(KeptRow)>& take) {
  return Read([&] {
    Statement kept = database_.Prepare(std::string(kKept) + kKeptOfDay);
    for (const auto& [project, text] : days) {
      const auto day = ParseDay(text);
      if (!day) continue;
      kept.Bind({Cell::Of(NameId(project)), Cell::Of(int64_t{day->days})});
      GiveKept(kept, take);
    }
  });
}

void LedgerView::GiveKept(Statement& rows, const std::function<void(KeptRow)>& take) {
  std::map<std::string, std::chrono::milliseconds> windows;
  for (const FormatRow& format : ReadFormats()) {
    if (format.preserve) windows[format.format] = *format.preserve;
  }
  while (rows.Step()) {
    KeptRow row;
    row.ledger = ledger_id_;
    row.id = rows.Integer(0);
    row.server = TextAt(rows, 1);
    row.project = TextAt(rows, 2);
    row.day = DayAt(rows, 3);
    row.format = TextAt(rows, 4);
    row.path = TextAt(rows, 5);
    row.copy = TextAt(rows, 6);
    row.reflink = rows.Integer(7) != 0;
    row.size_bytes = rows.Integer(8);
    row.rows = rows.MaybeInteger(9);
    row.modified_at = TimeAt(rows, 10).value_or(Time{});
    row.kept_at = TimeAt(rows, 11).value_or(Time{});
    row.replaced_at = TimeAt(rows, 12);
    row.needed = rows.Integer(13) != 0;
    row.erased = rows.Integer(14) != 0;
    const auto window = windows.find(row.format);
    if (row.replaced_at && !row.needed && window != windows.end()) {
      row.expires_at = *row.replaced_at + window->second;
    }
    take(std::move(row));
  }
}

// Of one source of files: since when it is watched, and how long it was not.
void LedgerView::AddCoverage(std::string_view source, AuditRow& audit) {
  Statement watched = database_.Prepare(kWatched);
  if (!watched.Bind({Cell::Of(source)}).Step() || watched.IsNull(1)) {
    audit.since.reset();
    audit.not_watched = std::string(source) + ": never watched";
    return;
  }
  const int64_t id = watched.Integer(0), since = watched.Integer(1);
  const int64_t written = Number(database_, kWrittenAt, {});
  const int64_t until = std::max({since, watched.Integer(2), written});
  int64_t blind = Number(database_, kUnwatched, {Cell::Of(id)});
  Statement gaps = database_.Prepare(kGaps);
  gaps.Bind({Cell::Of(id)});
  for (int64_t seen = since; gaps.Step();) {
    const int64_t began = std::max(seen, gaps.Integer(0));
    const int64_t ended = gaps.IsNull(1) ? until : gaps.Integer(1);
    blind += std::max<int64_t>(0, ended - began);
    seen = std::max(seen, ended);
  }
  const Time begin = Time(std::chrono::milliseconds(since));
  audit.since = audit.since ? std::max(*audit.since, begin) : begin;
  // A part of a second that nobody watched is not nothing.
  audit.blind_seconds = std::max(audit.blind_seconds, (blind + 999) / 1000);
  const int64_t covered = std::max<int64_t>(0, until - since - blind) / 1000;
  audit.covered_seconds =
      audit.covered_seconds == 0 ? covered : std::min(audit.covered_seconds, covered);
  Statement now = database_.Prepare(kNotWatched);
  if (now.Bind({Cell::Of(id)}).Step()) audit.not_watched = TextAt(now, 0);
}

Result<AuditRow> LedgerView::Audit(std::string_view format, std::string_view glob) {
  AuditRow audit;
  audit.server = server_;
  auto ok = Read([&] {
    const Cell id = format.empty() ? Cell::Null() : Cell::Of(NameId(format));
    const Cell paths = glob.empty() ? Cell::Null() : Cell::Of(glob);
    AddCoverage(kFilesSource, audit);
    if (audit.since) AddCoverage(kReadsSource, audit);
    audit.scanned = Number(database_, kScanned, {id}) > 0;
    Statement dead = database_.Prepare(kDead);
    if (dead.Bind({id, paths}).Step() && dead.Integer(1) != 0) {
      audit.dead = true;
      const Time since = TimeAt(dead, 0).value_or(Time{});
      if (audit.since) audit.since = std::max(*audit.since, since);
    }
    Statement files = database_.Prepare(kFilesAsked), runs = database_.Prepare(kRuns);
    if (files.Bind({id, paths}).Step()) {
      audit.files = files.Integer(0);
      audit.access_time_evidence_void = files.Integer(1);
    }
    audit.replaced_after_read = Number(database_, kReplacedAfterRead, {id, paths});
    const int64_t since = audit.since ? audit.since->time_since_epoch().count() : 0;
    if (audit.since && runs.Bind({Cell::Of(since)}).Step()) {
      audit.runs = runs.Integer(0);
      audit.late_reruns = runs.Integer(1);
    }
    Statement readers = database_.Prepare(kReaders), samples = database_.Prepare(kSamplePaths);
    readers.Bind({id, paths});
    while (readers.Step()) {
      ReaderRow row;
      row.server = TextAt(readers, 0);
      row.format = TextAt(readers, 1);
      row.executable = TextAt(readers, 2);
      row.process = TextAt(readers, 3);
      row.unit = TextAt(readers, 4);
      row.confidence = TextAt(readers, 5);
      row.reads = readers.Integer(6);
      row.opens = readers.Integer(7);
      row.files = readers.Integer(8);
      row.first_at = TimeAt(readers, 9).value_or(Time{});
      row.last_at = TimeAt(readers, 10).value_or(Time{});
      row.sample_paths = SamplePaths(samples, readers.Integer(11), paths);
      audit.readers.push_back(std::move(row));
    }
  });
  if (!ok) return tl::unexpected<Error>(ok.error());
  return audit;
}
