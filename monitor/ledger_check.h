#pragma once

#include <string>
#include <vector>

#include "monitor/config.h"
#include "monitor/error.h"
#include "monitor/rule_book.h"

// What `rollcall check ledger` finds wrong, each in one sentence; empty: nothing. An Error means
// that the question could not be answered (no such file, not a ledger).

// The file's pages, its tables and triggers, the dense sequence, the hash chain over facts and
// names, the head kept outside the file, and the tiling of what was read of each log. Reads
// everything once.
[[nodiscard]] Result<std::vector<std::string>> CheckLedger(const std::string& path);

// Makes all that is derived again, from the facts alone, in a new ledger at `scratch` (which must
// not exist), and compares. `config` tunes the rules; sources and formats are as the ledger names
// them.
[[nodiscard]] Result<std::vector<std::string>> CheckRebuild(const std::string& path,
                                                            const std::string& scratch,
                                                            const Config& config,
                                                            const RuleBook& rules);
