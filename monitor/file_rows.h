#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "monitor/time.h"

// What readers see of canonical files in a ledger; plain data, as in ledger_rows.h.

// A path at which a canonical file is or was.
struct FileRow {
  std::string ledger;  // its id
  std::string server, project, day, format, path;
  bool present = false;
  std::optional<int64_t> size_bytes, rows;  // of the newest generation; unknown: not counted
  int64_t generations = 0;
};

// A copy of a generation that is kept.
struct KeptRow {
  std::string ledger;  // its id
  int64_t id = 0;      // within that ledger
  std::string server, project, day, format, path, copy;
  bool reflink = false;  // else a hard link
  int64_t size_bytes = 0;
  std::optional<int64_t> rows;  // unknown: not counted
  Time modified_at{}, kept_at{};
  std::optional<Time> replaced_at;  // none: it is what stands at its path
  std::optional<Time> expires_at;   // none: not before it was replaced and an alert has ended
  bool needed = false;              // an alert of its project-day is open
  bool erased = false;              // events of it were deleted since
};

// A program that read files of a dead format.
struct ReaderRow {
  std::string server, format, executable, process, unit, confidence;
  int64_t reads = 0, opens = 0, files = 0;
  Time first_at{}, last_at{};
  std::vector<std::string> sample_paths;
};

// What the ledger of one server can say about whether the files of a format are read.
struct AuditRow {
  std::string server;
  std::optional<Time> since;  // reads and files were first watched; none: never
  int64_t covered_seconds = 0, blind_seconds = 0;
  std::string not_watched;  // why not at the end of the ledger; empty: they were
  bool scanned = false;     // all files of the format have been looked at
  bool dead = false;        // only reads of formats that are declared dead are watched
  int64_t files = 0;        // of those asked about, known
  int64_t runs = 0, late_reruns = 0;
  int64_t replaced_after_read = 0;        // by the process that had opened them
  int64_t access_time_evidence_void = 0;  // files that are not the first of their path
  std::vector<ReaderRow> readers;
};
