#pragma once

#include <vector>

#include "monitor/app/settings.h"
#include "monitor/config.h"
#include "monitor/error.h"
#include "monitor/ledger_view.h"

// The ledgers that a reading verb was asked about, open. Main thread.
struct Ledgers {
  Config config;
  std::vector<LedgerView> views;
  bool cut = false;  // one of them cannot be all that was written; said on standard error
};
// The formats that a configuration names.
std::vector<FormatRow> ConfiguredFormats(const Config& config);

[[nodiscard]] Result<Ledgers> OpenLedgersOf(const Settings& settings);
