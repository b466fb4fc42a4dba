#pragma once

#include <set>
#include <string>
#include <vector>

#include "monitor/error.h"
#include "monitor/ledger_view.h"
#include "rules/impact.h"

// Collects from several ledgers what ComputeImpact needs: only project-days with a loss, with all
// their copies. `formats`: from the configuration; empty: as the ledgers name them.
[[nodiscard]] Result<ImpactInput> ReadImpactInput(std::vector<LedgerView>& ledgers,
                                                  const ImpactFilter& filter,
                                                  std::vector<FormatRow> formats = {});

// What the parts of an ImpactSum are read with. Projects that have lost anything, in any ledger.
[[nodiscard]] Result<std::set<std::string>> ReadLossyProjects(std::vector<LedgerView>& ledgers);
// The copies and losses of one of them.
[[nodiscard]] Result<ImpactInput> ReadLossesOf(std::vector<LedgerView>& ledgers,
                                               const std::string& project,
                                               const std::vector<FormatRow>& formats);
// What Finish wants.
[[nodiscard]] Result<ImpactInput> ReadImpactRest(std::vector<LedgerView>& ledgers,
                                                 const ImpactFilter& filter);
