#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "monitor/balance_book.h"
#include "monitor/canonical_formats.h"
#include "monitor/fact_chains.h"
#include "monitor/names.h"
#include "monitor/permit_book.h"
#include "monitor/segments.h"
#include "monitor/source_book.h"
#include "monitor/sqlite.h"

// Books one fact on its partition: knows what surrounds it (gaps, permits, retention, the format it
// reads from) and asks the arithmetic of balance.h and segments.h. Used for each fact in the order
// of its partition's chain, and again when the chain is rebuilt. Owned by the ledger, its thread
// only.
class Bookkeeper {
 public:
  Bookkeeper(Database& database, Names& names, SourceBook& sources, BalanceBook& balances,
             FactChains& chains, CanonicalFormats& formats, const ExplainedShare& suspicious);

  // Reads what is remembered beside the balances; also after a rollback.
  void Open();

  // Changes the row's derived columns and the partition's balance and source, and, of segments,
  // their set.
  Booking Book(FactRow& row, BookedPartition& partition, SegmentSet* segments);
  // True where the partition is as good as new when this fact comes; Book() does it, too.
  bool Reopen(const FactRow& row, Balance& balance);
  // Before a chain is booked anew.
  void BeginAnew(const PartitionKey& key) { permits_.Forget(key); }
  bool IsSegments(const FactRow& row);

  // The partition that a format with `reads` is read from; its format is 0 where there is none.
  PartitionKey BaseOf(const PartitionKey& reader);
  // Whether some format reads from this one.
  bool IsRead(int64_t format);
  // Losses that were judged without their run in the format that they read from, which is this one.
  bool Awaited(const PartitionKey& base) const { return awaited_.contains(base); }
  // Judges the losses of the formats that read from this one again. Gives those whose cause is
  // another now, as they were and as they are.
  std::vector<std::pair<FactRow, FactRow>> Rejudged(const PartitionKey& base,
                                                    std::deque<std::string>& storage);

 private:
  Booking BookByKind(const FactRow& row, BookedPartition& partition, SegmentSet* segments);
  Booking BookOperatorPermit(const FactRow& row, Balance& balance);
  Surroundings Around(const FactRow& row, const BookedPartition& partition);
  bool Reopens(const FactRow& row, const Balance& balance);
  bool Inherit(const FactRow& row, Cause& cause);
  std::vector<FactRow> LossesOf(const PartitionKey& key, std::deque<std::string>& storage);

  Database& database_;
  Names& names_;
  SourceBook& sources_;
  BalanceBook& balances_;
  FactChains& chains_;
  CanonicalFormats& formats_;
  const ExplainedShare suspicious_;
  PermitBook permits_;
  std::set<PartitionKey> awaited_;
};
