#pragma once

// The statements of the ledger's three files (ledger.cc, ledger_account.cc, ledger_chain.cc).
namespace ledger_sql {

inline constexpr const char* kInsertCommit =
    "INSERT INTO commits(last_seq, last_name, observed_at, chain) VALUES (?,?,?,?)";
inline constexpr const char* kFindLog = "SELECT position FROM log WHERE id = ?";
inline constexpr const char* kInsertLog =
    "INSERT INTO log VALUES (?1, ?2, ?3, 0, 0, 0, 0, 0, 0, 0, 0, '')";
inline constexpr const char* kAdvanceLog =
    "UPDATE log SET position = ?3, path = ?4, device = ?5, inode = ?6, head_end = ?7, head_hash = "
    "?8, tail_begin = ?9, tail_hash = ?10, finished = ?11, joiner_state = ?12 WHERE id = ?1 AND "
    "position = ?2";
inline constexpr const char* kSelectLogs =
    "SELECT id, path, device, inode, position, head_end, head_hash, tail_begin, tail_hash, "
    "finished, "
    "joiner_state FROM log WHERE source = ? ORDER BY id";
inline constexpr const char* kInsertRange = "INSERT INTO read_range VALUES (?,?,?)";
inline constexpr const char* kExtendRange =
    "UPDATE read_range SET \"end\" = ?3 WHERE log = ?1 AND \"end\" = ?2";
inline constexpr const char* kUpdateDerived =
    "UPDATE fact SET previous = ?2, before = ?3, missing = ?4, lost = ?5, cause = ?6, marks = ?7 "
    "WHERE seq = ?1";
inline constexpr const char* kUpsertOutput =
    "INSERT INTO output VALUES (?1,?2,?3,?4,?5,?6) ON CONFLICT(server, format, path) DO UPDATE SET "
    "version = ?4, runs = runs + ?5, seq = ?6";
inline constexpr const char* kFindOutputs =
    "SELECT path, version, runs, seq FROM output WHERE server = ? AND format = ? ORDER BY seq DESC";
inline constexpr const char* kOpenRun = "INSERT OR REPLACE INTO open_run VALUES (?,?,?,?,?,?,?,?)";
// A rewritten partition has one run at a time: what started before a run that ended is over.
inline constexpr const char* kCloseRuns =
    "DELETE FROM open_run WHERE project = ?1 AND day = ?2 AND format = ?3 AND server = ?4 AND "
    "(run = ?5 OR (?6 AND started_at <= ?7))";
inline constexpr const char* kOverdueRuns =
    "SELECT project, day, format, server, run, version, started_at, seq FROM open_run "
    "WHERE started_at <= ?";
inline constexpr const char* kUpsertSegment =
    "INSERT OR REPLACE INTO segment VALUES (?,?,?,?,?,?,?,?)";
inline constexpr const char* kSelectSegments =
    "SELECT name, records, live, seq FROM segment WHERE project = ? AND day = ? AND format = ? AND "
    "server = ?";
inline constexpr const char* kKnownOperatorFact = "SELECT 1 FROM fact WHERE kind = ? AND run = ?";
inline constexpr const char* kInsertPermit =
    "INSERT OR REPLACE INTO permit VALUES (?,?,?,?,?,?,?,?)";
inline constexpr const char* kPermitEnd =
    "SELECT max(expires_at) FROM permit WHERE project = ? AND day = ? AND format = ? AND server = "
    "?";
inline constexpr const char* kUpsertTally =
    "INSERT INTO tally VALUES (?1,?2,?3,?4,?5) ON CONFLICT(format) DO UPDATE SET runs = runs + ?2, "
    "failed = failed + ?3, written = written + ?4, missing = missing + ?5";
inline constexpr const char* kUpsertLossy =
    "INSERT INTO lossy VALUES (?1,?2,?3,1) ON CONFLICT(format, cause, version) DO UPDATE SET "
    "runs = runs + 1";

}  // namespace ledger_sql
