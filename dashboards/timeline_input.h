#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dashboards/documents.h"
#include "monitor/error.h"
#include "monitor/ledger_view.h"

// Everything that several ledgers know of a project (and day, server; empty: any): facts, alerts of
// its partitions and of the outputs and sources that it shares, and the blind intervals that touch
// it. More facts than `row_limit` are an Error (kTooMany).
[[nodiscard]] Result<TimelineInput> ReadTimelineInput(std::vector<LedgerView>& ledgers,
                                                      const std::string& project,
                                                      const std::string& day,
                                                      const std::string& server,
                                                      int64_t row_limit = INT64_MAX);
