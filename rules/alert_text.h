#pragma once

#include <string>

#include "monitor/ledger_rows.h"

// An alert in plain English, for pages, tickets and documents. Pure: everything is in the row.
struct AlertText {
  std::string summary;      // one line: what, where, how much
  std::string description;  // expected, seen, since when, through which release, what to do
  std::string runbook;      // file below deploy/
};
AlertText TextOf(const AlertRow& alert);
