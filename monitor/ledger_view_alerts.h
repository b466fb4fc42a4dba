#pragma once

#include "monitor/ledger_rows.h"
#include "monitor/ledger_view_cells.h"

// Alerts as readers want them; shared by the files of LedgerView.

// To be followed by a condition on `a`; the columns as AlertIn() takes them.
inline constexpr const char* kSelectAlerts =
    "SELECT a.rule, a.severity, a.state, a.cause, version.text, previous.text, a.incident, "
    "server.text, project.text, a.day, format.text, source.name, a.starts_at, a.ends_at, "
    "a.began_at, a.evidence FROM alert a LEFT JOIN name server ON server.id = a.server LEFT JOIN "
    "name project ON project.id = a.project LEFT JOIN name format ON format.id = a.format LEFT "
    "JOIN name version ON version.id = a.version LEFT JOIN name previous ON previous.id = "
    "a.previous_version LEFT JOIN source ON source.id = a.source ";

inline AlertRow AlertIn(const Statement& row) {
  AlertRow alert;
  alert.rule = TextAt(row, 0);
  alert.severity = TextAt(row, 1);
  alert.state = TextAt(row, 2);
  alert.cause = TextAt(row, 3);
  alert.version = TextAt(row, 4);
  alert.previous_version = TextAt(row, 5);
  alert.incident = TextAt(row, 6);
  alert.server = TextAt(row, 7);
  alert.project = TextAt(row, 8);
  if (!alert.project.empty()) alert.day = DayAt(row, 9);
  alert.format = TextAt(row, 10);
  alert.source = TextAt(row, 11);
  alert.starts_at = TimeAt(row, 12);
  alert.ends_at = TimeAt(row, 13);
  alert.began_at = TimeAt(row, 14).value_or(Time{});
  alert.evidence = TextAt(row, 15);
  return alert;
}
