#pragma once

#include <string>
#include <utility>
#include <vector>

#include "monitor/error.h"
#include "monitor/ledger.h"
#include "monitor/time.h"

// operator.db: what people say (permits, annotations, deploys), in a directory of its own, so that
// `serve` and the verbs can write it while `watch` holds the ledger. `watch` and `ingest` copy new
// rows into the ledger as facts; a row's id is the fact's run id, so copying twice changes nothing.
struct OperatorEntry {
  std::string kind;  // permit | annotation | deploy
  Time at{};
  std::string server, project, day, format, version;
  std::string detail;  // JSON object
};

// All of them or, on an error, none. Creates the file and its directory when needed. Returns the
// new rows' ids.
[[nodiscard]] Result<std::vector<std::string>> WriteOperatorEntries(
    const std::string& path, const std::vector<OperatorEntry>& entries);

// All entries with their ids, oldest first; none where there is no file.
[[nodiscard]] Result<std::vector<std::pair<std::string, OperatorEntry>>> ReadOperatorEntries(
    const std::string& path);

// Copies all rows that are not in the ledger yet. A file that is not there is no error. Throws
// nothing: the ledger's thread calls it.
[[nodiscard]] Result<void> TakeOperatorFacts(const std::string& path, Ledger& ledger, Time now);
