#pragma once

// The statements of the ledger's three files (ledger.cc, ledger_account.cc, ledger_chain.cc).
namespace ledger_sql {

inline constexpr const char* kSelectLogs =
    "SELECT id, path, device, inode, position, head_end, head_hash, tail_begin, tail_hash, "
    "finished, "
    "joiner_state FROM log WHERE source = ? ORDER BY id";
inline constexpr const char* kUpdateDerived =
    "UPDATE fact SET previous = ?2, before = ?3, missing = ?4, lost = ?5, cause = ?6, marks = ?7 "
    "WHERE seq = ?1";
inline constexpr const char* kOpenRun = "INSERT OR REPLACE INTO open_run VALUES (?,?,?,?,?,?,?,?)";
// A rewritten partition has one run at a time: what started before a run that ended is over.
inline constexpr const char* kCloseRuns =
    "DELETE FROM open_run WHERE project = ?1 AND day = ?2 AND format = ?3 AND server = ?4 AND "
    "(run = ?5 OR (?6 AND started_at <= ?7))";
inline constexpr const char* kOpenRuns =
    "SELECT 1 FROM open_run WHERE project = ? AND day = ? AND format = ? AND server = ?";
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
inline constexpr const char* kUpsertLossy =
    "INSERT INTO lossy VALUES (?1,?2,?3,1) ON CONFLICT(format, cause, version) DO UPDATE SET "
    "runs = runs + 1";

}  // namespace ledger_sql
