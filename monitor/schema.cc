// The ledger: one SQLite file.
//
// `fact` is the only table with knowledge of its own: one row per log line or operator's word, in
// the order they were committed (seq is dense). Its columns up to `detail` never change (triggers
// refuse); the columns after it are derived: what the arithmetic of balance.h made of the fact. All
// other tables are derived, too, or say how far the logs have been read; `rollcall check ledger
// --rebuild` makes them again from the facts and compares.
//
// Chains instead of an index: `fact.previous` is the seq of the partition's previous fact and
// `balance.last` that of its newest, so a partition's history is a walk along primary keys. An
// index on (project, day, format, server) would cost as much as the rows themselves in a backfill.
//
// Names are interned in `name`. Days are days since 1970-01-01, -1000000 where the source has none.
// Times are Unix milliseconds. Counts that the log did not say are NULL.
//
// `commits` holds one row per batch that brought facts (a backfill's transaction holds many): when
// it was observed and the hash chain (monitor/hash_chain.h).
//
// The version is raised by another entry of kMigrations, once a release has written the one before;
// until then version 1 itself is changed.

#include "monitor/schema.h"

#include <array>

namespace {

constexpr const char* kVersion1 = R"sql(
CREATE TABLE meta(key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE name(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE source(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, shape TEXT NOT NULL, conservation TEXT NOT NULL,
  unit TEXT NOT NULL, lines INTEGER NOT NULL DEFAULT 0, ignored INTEGER NOT NULL DEFAULT 0,
  quarantined INTEGER NOT NULL DEFAULT 0, read_at INTEGER, watched_since INTEGER) STRICT;
CREATE TABLE unwatched(
  source INTEGER NOT NULL REFERENCES source(id), reason TEXT NOT NULL,
  milliseconds INTEGER NOT NULL, PRIMARY KEY(source, reason)) STRICT, WITHOUT ROWID;
CREATE TABLE log(
  id INTEGER PRIMARY KEY, source INTEGER NOT NULL REFERENCES source(id), path TEXT NOT NULL,
  device INTEGER NOT NULL, inode INTEGER NOT NULL, position INTEGER NOT NULL,
  head_end INTEGER NOT NULL, head_hash INTEGER NOT NULL,
  tail_begin INTEGER NOT NULL, tail_hash INTEGER NOT NULL,
  finished INTEGER NOT NULL, joiner_state TEXT NOT NULL) STRICT;
CREATE TABLE read_range(
  log INTEGER NOT NULL REFERENCES log(id), begin INTEGER NOT NULL, "end" INTEGER NOT NULL,
  PRIMARY KEY(log, begin)) STRICT, WITHOUT ROWID;

CREATE TABLE fact(
  seq INTEGER PRIMARY KEY,
  kind TEXT, -- NULL: run
  synthetic INTEGER NOT NULL, source INTEGER, log INTEGER, position INTEGER, epoch INTEGER NOT NULL,
  logged_at INTEGER, server INTEGER, project INTEGER, day INTEGER, format INTEGER,
  run ANY, batch ANY, version INTEGER, path INTEGER,
  existing INTEGER, fresh INTEGER, recovered INTEGER, duplicates INTEGER, deleted INTEGER,
  written INTEGER, detail TEXT,
  previous INTEGER, before INTEGER, missing INTEGER, lost INTEGER, cause INTEGER, marks INTEGER
) STRICT;
CREATE INDEX fact_lost ON fact(project, day, format, server) WHERE lost > 0;
CREATE INDEX fact_kind ON fact(kind) WHERE kind IS NOT NULL;
CREATE INDEX fact_file ON fact(project, day, format) WHERE kind IN ('file', 'read', 'misplaced');
CREATE TRIGGER fact_is_final BEFORE UPDATE OF seq, kind, synthetic, source, log, position, epoch,
  logged_at, server, project, day, format, run, batch, version, path, existing, fresh, recovered,
  duplicates, deleted, written, detail ON fact
BEGIN SELECT RAISE(ABORT, 'facts never change'); END;
CREATE TRIGGER fact_is_kept BEFORE DELETE ON fact
BEGIN SELECT RAISE(ABORT, 'facts are never deleted'); END;
CREATE TABLE commits(
  last_seq INTEGER PRIMARY KEY, last_name INTEGER NOT NULL, observed_at INTEGER NOT NULL,
  chain BLOB NOT NULL) STRICT;

CREATE TABLE balance(
  project INTEGER NOT NULL, day INTEGER NOT NULL, format INTEGER NOT NULL, server INTEGER NOT NULL,
  source INTEGER NOT NULL, actual INTEGER, missing INTEGER NOT NULL, surplus INTEGER NOT NULL,
  last INTEGER NOT NULL, logged_until INTEGER NOT NULL, permitted INTEGER NOT NULL,
  epoch INTEGER NOT NULL, opening INTEGER NOT NULL, marks INTEGER NOT NULL,
  PRIMARY KEY(project, day, format, server)) STRICT, WITHOUT ROWID;
CREATE TABLE segment(
  project INTEGER NOT NULL, day INTEGER NOT NULL, format INTEGER NOT NULL, server INTEGER NOT NULL,
  name TEXT NOT NULL, records INTEGER, live INTEGER NOT NULL, epoch INTEGER NOT NULL,
  PRIMARY KEY(project, day, format, server, name)) STRICT, WITHOUT ROWID;
CREATE TABLE gap(
  source INTEGER NOT NULL, epoch INTEGER NOT NULL, blind INTEGER NOT NULL, reason TEXT NOT NULL,
  began INTEGER NOT NULL, ended INTEGER, log INTEGER, position INTEGER, length INTEGER,
  seq INTEGER NOT NULL, logged_until INTEGER NOT NULL, PRIMARY KEY(source, epoch)) STRICT, WITHOUT ROWID;
CREATE INDEX gap_blind ON gap(source) WHERE blind = 1;
CREATE TABLE output(
  server INTEGER NOT NULL, format INTEGER NOT NULL, directory INTEGER NOT NULL, version INTEGER,
  runs INTEGER NOT NULL, seq INTEGER NOT NULL, log INTEGER NOT NULL, logged_at INTEGER NOT NULL,
  PRIMARY KEY(server, format, directory)) STRICT, WITHOUT ROWID;
CREATE TABLE tally(
  format INTEGER PRIMARY KEY, runs INTEGER NOT NULL, failed INTEGER NOT NULL,
  written INTEGER NOT NULL, missing INTEGER NOT NULL) STRICT;
CREATE TABLE lossy(
  format INTEGER NOT NULL, cause INTEGER NOT NULL, version INTEGER NOT NULL, runs INTEGER NOT NULL,
  PRIMARY KEY(format, cause, version)) STRICT, WITHOUT ROWID;
CREATE TABLE open_run(
  project INTEGER NOT NULL, day INTEGER NOT NULL, format INTEGER NOT NULL, server INTEGER NOT NULL,
  run TEXT NOT NULL, started_at INTEGER NOT NULL, seq INTEGER NOT NULL,
  PRIMARY KEY(project, day, format, server, run)) STRICT, WITHOUT ROWID;
CREATE TABLE waiting(
  project INTEGER NOT NULL, day INTEGER NOT NULL, format INTEGER NOT NULL, server INTEGER NOT NULL,
  since INTEGER NOT NULL, seq INTEGER NOT NULL,
  PRIMARY KEY(project, day, format, server)) STRICT, WITHOUT ROWID;
CREATE TABLE permit(
  project INTEGER NOT NULL, day INTEGER NOT NULL, format INTEGER NOT NULL, server INTEGER NOT NULL,
  seq INTEGER NOT NULL, ends_at INTEGER, "left" INTEGER NOT NULL,
  PRIMARY KEY(project, day, format, server, seq)) STRICT, WITHOUT ROWID;
CREATE TABLE directory(
  id INTEGER PRIMARY KEY, format INTEGER NOT NULL, path TEXT NOT NULL, modified_ns INTEGER NOT NULL,
  UNIQUE(format, path)) STRICT;
CREATE TABLE file(
  directory INTEGER NOT NULL REFERENCES directory(id), name TEXT NOT NULL,
  project INTEGER NOT NULL, day INTEGER NOT NULL, format INTEGER NOT NULL, server INTEGER NOT NULL,
  present INTEGER NOT NULL, handle TEXT NOT NULL, inode INTEGER NOT NULL, born_ns INTEGER NOT NULL,
  modified_ns INTEGER NOT NULL, size_bytes INTEGER NOT NULL, generations INTEGER NOT NULL,
  seq INTEGER NOT NULL, rows INTEGER, to_count INTEGER NOT NULL, run INTEGER,
  unexplained_since INTEGER, PRIMARY KEY(directory, name)) STRICT, WITHOUT ROWID;
CREATE INDEX file_partition ON file(project, day, format, server);
CREATE INDEX file_to_count ON file(format, modified_ns) WHERE to_count = 1;
CREATE INDEX file_unexplained ON file(format, unexplained_since)
  WHERE unexplained_since IS NOT NULL;
CREATE TABLE absent(
  project INTEGER NOT NULL, day INTEGER NOT NULL, format INTEGER NOT NULL, server INTEGER NOT NULL,
  since INTEGER NOT NULL, seq INTEGER NOT NULL, told INTEGER NOT NULL,
  PRIMARY KEY(project, day, format, server)) STRICT, WITHOUT ROWID;
CREATE INDEX absent_untold ON absent(format, since) WHERE told = 0;
CREATE TABLE reader(
  id INTEGER PRIMARY KEY, format INTEGER NOT NULL, server INTEGER NOT NULL,
  executable TEXT NOT NULL, process TEXT NOT NULL, unit TEXT NOT NULL, confidence TEXT NOT NULL,
  reads INTEGER NOT NULL, opens INTEGER NOT NULL, files INTEGER NOT NULL,
  first_at INTEGER NOT NULL, last_at INTEGER NOT NULL,
  UNIQUE(format, server, executable, process, unit)) STRICT;
CREATE TABLE file_read(
  reader INTEGER NOT NULL REFERENCES reader(id), directory INTEGER NOT NULL, name TEXT NOT NULL,
  reads INTEGER NOT NULL, opens INTEGER NOT NULL, first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL, PRIMARY KEY(reader, directory, name)) STRICT, WITHOUT ROWID;
CREATE TABLE file_tally(
  format INTEGER NOT NULL, what TEXT NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY(format, what)) STRICT, WITHOUT ROWID;
CREATE TABLE kept(
  id INTEGER PRIMARY KEY, project INTEGER NOT NULL, day INTEGER NOT NULL, format INTEGER NOT NULL,
  server INTEGER NOT NULL, directory INTEGER NOT NULL REFERENCES directory(id), name TEXT NOT NULL,
  inode INTEGER NOT NULL, born_ns INTEGER NOT NULL, modified_ns INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL, reflink INTEGER NOT NULL, copy TEXT NOT NULL UNIQUE,
  kept_at INTEGER NOT NULL, replaced_at INTEGER, void INTEGER NOT NULL, rows INTEGER) STRICT;
CREATE INDEX kept_path ON kept(directory, name);
CREATE INDEX kept_partition ON kept(project, day);
CREATE INDEX kept_replaced ON kept(replaced_at) WHERE replaced_at IS NOT NULL;
CREATE TABLE erased(
  project INTEGER NOT NULL, day INTEGER NOT NULL, format INTEGER NOT NULL, server INTEGER NOT NULL,
  logged_at INTEGER NOT NULL, PRIMARY KEY(project, day, format, server)) STRICT, WITHOUT ROWID;
CREATE TABLE file_scan(
  format INTEGER PRIMARY KEY, began_at INTEGER NOT NULL, ended_at INTEGER NOT NULL,
  reason TEXT NOT NULL, complete INTEGER NOT NULL) STRICT;
CREATE TABLE dead_format(format INTEGER PRIMARY KEY, watched_since INTEGER NOT NULL) STRICT;
CREATE TABLE alert(
  id INTEGER PRIMARY KEY, rule TEXT NOT NULL, severity TEXT NOT NULL, state TEXT NOT NULL,
  server INTEGER, project INTEGER, day INTEGER, format INTEGER, source INTEGER,
  object TEXT NOT NULL DEFAULT '', cause TEXT NOT NULL, version INTEGER, previous_version INTEGER, incident TEXT NOT NULL,
  began_at INTEGER NOT NULL, fires_at INTEGER NOT NULL, starts_at INTEGER, clear_since INTEGER,
  ends_at INTEGER, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, evidence TEXT NOT NULL
) STRICT;
CREATE INDEX alert_open ON alert(project, day, format, server, rule, source, object)
  WHERE state <> 'resolved';
CREATE INDEX alert_incident ON alert(incident);
)sql";

// Views for people with `sqlite3`; dropped and made anew at each migration.
constexpr const char* kViews = R"sql(
CREATE VIEW booked_facts AS
SELECT f.seq, strftime('%Y-%m-%dT%H:%M:%fZ', f.logged_at / 1000.0, 'unixepoch') AS at,
  coalesce(f.kind, 'run') AS kind, server.text AS server, project.text AS project,
  CASE f.day WHEN -1000000 THEN '-' ELSE date(f.day * 86400, 'unixepoch') END AS day,
  format.text AS format, source.unit, CAST(f.run AS TEXT) AS run, CAST(f.batch AS TEXT) AS batch,
  version.text AS version, path.text AS path,
  f.before, f.existing, f.fresh, f.recovered, f.duplicates, f.deleted, f.written,
  CASE WHEN source.shape IS NOT 'segments' THEN f.written END AS after, coalesce(f.lost, 0) AS lost, cause.text AS cause,
  coalesce(f.missing, 0) AS missing,
  CASE WHEN source.shape = 'segments' AND source.conservation <> 'strict' AND f.existing > f.written
    THEN f.existing - f.written END AS merged_away, coalesce(f.marks, 0) & 1 AS superseded, log.path AS log,
  f.position,
  f.detail
FROM fact f
LEFT JOIN name server ON server.id = f.server LEFT JOIN name project ON project.id = f.project
LEFT JOIN name format ON format.id = f.format LEFT JOIN name version ON version.id = f.version
LEFT JOIN name path ON path.id = f.path LEFT JOIN name cause ON cause.id = f.cause
LEFT JOIN source ON source.id = f.source LEFT JOIN log ON log.id = f.log;

CREATE VIEW runs AS
SELECT * FROM booked_facts WHERE kind IN ('run', 'failed_run', 'started_run');

-- Of any kind: a recount and a deletion of segments lose, too.
CREATE VIEW losses AS SELECT * FROM booked_facts WHERE seq IN (SELECT seq FROM fact WHERE lost > 0);

CREATE VIEW balances AS
SELECT server.text AS server, project.text AS project,
  CASE b.day WHEN -1000000 THEN '-' ELSE date(b.day * 86400, 'unixepoch') END AS day,
  format.text AS format, coalesce(source.unit, 'events') AS unit,
  min(b.actual + b.missing - b.surplus, 9223372036854775807) AS expected,
  -- Re-homed here by a person's word, and not yet seen here: nobody knows what is there.
  CASE WHEN b.opening <> 4 THEN b.actual END AS actual, b.missing, b.surplus,
  CASE b.opening WHEN 0 THEN 'unopened' WHEN 1 THEN 'unknown' WHEN 2 THEN 'unverified'
    WHEN 3 THEN 'known' ELSE 'expected' END AS opening,
  CASE WHEN b.missing > 0 THEN 'firing'
       WHEN b.marks & 4 THEN 'clear'
       WHEN b.opening NOT IN (2, 3) OR b.marks & 2
         OR b.epoch <> (SELECT coalesce(max(epoch), 0) FROM gap WHERE gap.source = b.source)
       THEN 'unknown' ELSE 'clear' END AS verdict,
  strftime('%Y-%m-%dT%H:%M:%fZ', b.logged_until / 1000.0, 'unixepoch') AS observed_until
FROM balance b
JOIN name server ON server.id = b.server JOIN name project ON project.id = b.project
JOIN name format ON format.id = b.format LEFT JOIN source ON source.id = b.source;

CREATE VIEW blind_intervals AS
SELECT source.name AS source,
  strftime('%Y-%m-%dT%H:%M:%fZ', nullif(gap.began, 0) / 1000.0, 'unixepoch') AS began,
  strftime('%Y-%m-%dT%H:%M:%fZ', gap.ended / 1000.0, 'unixepoch') AS ended, gap.reason,
  gap.blind = 0 AS quarantined, log.path AS log, gap.position, gap.length
FROM gap JOIN source ON source.id = gap.source LEFT JOIN log ON log.id = gap.log;

-- Contiguous for each log, or a row says so: gap_before must be 0 everywhere.
CREATE VIEW read_ranges AS
SELECT r.log, log.path, r.begin, r."end",
  r.begin - coalesce(lag(r."end") OVER (PARTITION BY r.log ORDER BY r.begin), 0) AS gap_before
FROM read_range r JOIN log ON log.id = r.log;

CREATE VIEW alerts AS
SELECT a.id, a.rule, a.severity, a.state, a.cause, version.text AS version,
  previous.text AS previous_version, a.incident, server.text AS server, project.text AS project,
  CASE WHEN a.day = -1000000 THEN '-' ELSE date(a.day * 86400, 'unixepoch') END AS day,
  format.text AS format, source.name AS source,
  strftime('%Y-%m-%dT%H:%M:%fZ', a.starts_at / 1000.0, 'unixepoch') AS starts_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', a.ends_at / 1000.0, 'unixepoch') AS ends_at, a.evidence
FROM alert a
LEFT JOIN name server ON server.id = a.server LEFT JOIN name project ON project.id = a.project
LEFT JOIN name format ON format.id = a.format LEFT JOIN name version ON version.id = a.version
LEFT JOIN name previous ON previous.id = a.previous_version
LEFT JOIN source ON source.id = a.source;

CREATE VIEW timeline AS
SELECT coalesce(f.kind, 'run') AS kind,
  strftime('%Y-%m-%dT%H:%M:%fZ', f.logged_at / 1000.0, 'unixepoch') AS at, server.text AS server,
  project.text AS project,
  CASE f.day WHEN -1000000 THEN '-' ELSE date(f.day * 86400, 'unixepoch') END AS day,
  format.text AS format, CAST(f.run AS TEXT) AS run, version.text AS version, f.before,
  f.existing, f.fresh, f.recovered, f.duplicates, f.deleted, f.written, coalesce(f.lost, 0) AS lost, cause.text AS cause,
  coalesce(f.missing, 0) AS missing, f.detail, f.seq
FROM fact f
LEFT JOIN name server ON server.id = f.server LEFT JOIN name project ON project.id = f.project
LEFT JOIN name format ON format.id = f.format LEFT JOIN name version ON version.id = f.version
LEFT JOIN name cause ON cause.id = f.cause;
)sql";

constexpr std::array<const char*, 1> kMigrations = {kVersion1};
constexpr std::array<const char*, 8> kViewNames = {"runs",     "losses",          "booked_facts",
                                                   "balances", "blind_intervals", "read_ranges",
                                                   "alerts",   "timeline"};

int64_t Pragma(Database& database, const char* name) {
  Statement query = database.Prepare(std::string("PRAGMA ") + name);
  return query.Bind({}).Step() ? query.Integer(0) : 0;
}

bool Empty(Database& database) {
  Statement query = database.Prepare("SELECT count(*) FROM sqlite_schema");
  return query.Bind({}).Step() && query.Integer(0) == 0;
}

// Applies migration `index` and stamps the file with its version.
void Apply(Database& database, size_t index) {
  database.Execute("BEGIN IMMEDIATE");
  for (const char* view : kViewNames) {
    database.Execute((std::string("DROP VIEW IF EXISTS ") + view).c_str());
  }
  database.Execute(kMigrations[index]);
  if (index + 1 == kMigrations.size()) database.Execute(kViews);
  database.Execute(("PRAGMA application_id = " + std::to_string(kLedgerApplicationId)).c_str());
  database.Execute(("PRAGMA user_version = " + std::to_string(index + 1)).c_str());
  database.Execute("COMMIT");
}

}  // namespace

Result<void> CheckSchema(Database& database) {
  const int64_t id = Pragma(database, "application_id");
  if (auto ok = database.Check(); !ok) return ok;
  if (id != kLedgerApplicationId) return Fail(Error::Kind::kLedger, "not a rollcall ledger");
  const int64_t version = Pragma(database, "user_version");
  const auto ours = static_cast<int64_t>(kMigrations.size());
  if (version > ours) {
    return Fail(Error::Kind::kLedger, "the ledger is of a newer version (schema " +
                                          std::to_string(version) + ", this rollcall knows " +
                                          std::to_string(ours) + "): use that version");
  }
  if (version < ours) {
    return Fail(Error::Kind::kLedger, "the ledger is of an older version (schema " +
                                          std::to_string(version) +
                                          "): let `rollcall watch` or `ingest` open it once");
  }
  return {};
}

Result<void> Migrate(Database& database) {
  const bool empty = Empty(database);
  if (auto ok = database.Check(); !ok) return ok;
  if (!empty && Pragma(database, "application_id") != kLedgerApplicationId) {
    return Fail(Error::Kind::kLedger, "not a rollcall ledger; nothing was changed");
  }
  const int64_t version = Pragma(database, "user_version");
  if (version > static_cast<int64_t>(kMigrations.size())) return CheckSchema(database);
  for (auto i = static_cast<size_t>(version); i < kMigrations.size(); ++i) Apply(database, i);
  return database.Check();
}
