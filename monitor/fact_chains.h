#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "monitor/fact_row.h"
#include "monitor/journal.h"
#include "monitor/source_book.h"
#include "monitor/sqlite.h"

// The facts of a partition in their order: a chain, linked by fact.previous from the newest on.
// Reads rows of the commit that is being made, too. Owned by the ledger, its thread only.
class FactChains {
 public:
  // `entry`: the commit being made, whose rows are not in the table yet.
  FactChains(Database& database, SourceBook& sources, const JournalEntry& entry);

  // Views of what is returned point into the commit's batch or into `storage`.
  FactRow Row(int64_t seq, std::deque<std::string>& storage);
  // Oldest first. A damaged ledger fails the transaction, and the chain is empty then.
  std::vector<FactRow> Chain(int64_t last, std::deque<std::string>& storage);

  // Whether `a` comes after `b` (DESIGN section 3, "Order"): within one log byte order is run
  // order, unless runs are segments (RocksDB writes lines late); logged time orders only between
  // logs.
  bool Later(const FactRow& a, const FactRow& b);

 private:
  Database& database_;
  SourceBook& sources_;
  const JournalEntry& entry_;
  Statement select_row_;
};

// Whether `retry` is the retry, after a crash, of `earlier` (DESIGN section 3, "Fact keys").
bool Supersedes(const FactRow& retry, const FactRow& earlier);
