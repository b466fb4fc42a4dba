#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/time.h"

// What readers see of a ledger: rows with names instead of ids. Plain data, filled by LedgerView,
// read by the pure analyses in rules/ and the documents in dashboards/.
// Unknown is nullopt, a text that does not apply is empty; a day is "2016-02-22", "-" where the
// source has none.

struct AlertRow {
  std::string rule, severity, state, cause, version, previous_version, incident;
  std::string server, project, day, format, source;
  std::optional<Time> starts_at, ends_at;
  Time began_at{};  // when it began to be pending
  std::string evidence = "{}";
};

// One fact of any kind with what the arithmetic made of it.
struct FactEntry {
  std::string ledger;  // its id
  int64_t seq = 0;
  std::string kind = "run";
  bool synthetic = false;
  std::string source;
  std::optional<Time> observed_at, logged_at;  // our clock, theirs
  std::string server, project, day, format, unit;
  std::string run, batch, version, path, detail;
  std::optional<int64_t> existing, fresh, recovered, duplicates, deleted, written;
  std::string log;  // path of the log that it was read from
  std::optional<int64_t> position;
  // Derived.
  std::optional<int64_t> before;
  std::optional<int64_t> after;  // unknown where runs write files beside others
  int64_t lost = 0;
  int64_t missing = 0;  // after it
  std::string cause;
  std::string verdict;  // clear | firing | unknown
  bool superseded = false;
};

struct BalanceRow {
  std::string ledger;  // its id
  std::string server, project, day, format, unit;
  std::optional<int64_t> expected, actual;
  int64_t missing = 0;
  int64_t surplus = 0;
  std::string opening;  // unopened | unknown | unverified | known | expected
  std::string verdict;  // clear | firing | unknown
  // What hides behind a firing verdict: the balance itself is not known for certain.
  bool uncertain = false;
  std::optional<Time> observed_until;
};

// A run after which more was missing than before it.
struct LossRow {
  std::string ledger;  // its id
  std::string server, project, day, format, unit;
  Time at{};
  std::string run, version, previous_version, cause;
  int64_t lost = 0;
  int64_t missing = 0;  // after it
};

// A span in which a source was not being watched, its quarantined lines of one reason, or a source
// of which nothing has been read at all.
struct BlindRow {
  std::string server, source, reason;
  bool quarantined = false;
  int64_t lines = 0;                // quarantined ones
  Time from{};                      // the epoch itself: nobody knows since when
  std::optional<Time> to;           // none: not watched since
  std::optional<int64_t> projects;  // not yet observed since; unknown where the source has none
  bool touches = true;              // the project asked for is one of the source's
};

// A canonical format, as the configuration that wrote the ledger names it.
struct FormatRow {
  std::string format, reads;
  bool serving = false;
  std::optional<std::chrono::milliseconds> retention;
  // How long a generation is kept after it was replaced; none: it is not.
  std::optional<std::chrono::milliseconds> preserve;
};
