#pragma once

#include <vector>

#include "monitor/error.h"
#include "monitor/ledger_view.h"
#include "rules/impact.h"

// Collects from several ledgers what ComputeImpact needs: only project-days with a loss, with all
// their copies. `formats`: from the configuration; empty: as the ledgers name them.
[[nodiscard]] Result<ImpactInput> ReadImpactInput(std::vector<LedgerView>& ledgers,
                                                  const ImpactFilter& filter,
                                                  std::vector<FormatRow> formats = {});
