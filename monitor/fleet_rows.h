#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "monitor/ledger_rows.h"

// What `serve` asks of a ledger and is told; plain data, as in ledger_rows.h.

// Which alerts, and where a page of them begins. Empty: any.
struct AlertQuery {
  std::string state, rule, severity, incident, version, server, project, day, format;
  std::optional<Time> since, until;  // when it began, [since, until)
  bool newest = false;               // first
  // The last one of the page before: when it began, its number.
  std::optional<std::array<int64_t, 2>> after;
  int64_t limit = 100;
};
struct PlacedAlert {
  AlertRow alert;
  std::array<int64_t, 2> place{};
};

struct PartitionQuery {
  std::string project, day, server, format, verdict;
  std::optional<std::array<int64_t, 4>> after;
  int64_t limit = 100;
};
struct PlacedBalance {
  BalanceRow balance;
  bool retired = false;  // past its retention
  std::array<int64_t, 4> place{};
};

// The alerts of an incident that share rule, state, severity and server.
struct IncidentPart {
  std::string incident, rule, state, severity, server;
  int64_t alerts = 0;
  Time first_at{}, last_at{};  // when they began
  std::optional<Time> ends_at;
};

// How many customers and days an incident's alerts name.
struct IncidentSize {
  std::string incident;
  int64_t projects = 0, project_days = 0;
};

struct OpenAlerts {
  std::string project;  // empty: of none
  std::string severity;
  int64_t pending = 0, firing = 0;
};

struct SourceRow {
  std::string source, shape, unit;
  int64_t lines = 0, ignored_lines = 0, quarantined_lines = 0;
  std::optional<Time> read_at, watched_since;
  bool blind = false;  // now, as far as the ledger goes
  std::optional<Time> blind_since;
  std::string reason;
  int64_t blind_milliseconds = 0;  // of intervals that have ended, since it was watched
};

struct FormatTally {
  std::string format;
  int64_t runs = 0, failed_runs = 0, events_written = 0, events_missing = 0;
  bool dead = false;
  std::optional<Time> dead_watched_since;
};
