#pragma once

#include <cstdint>

#include "monitor/balance_book.h"
#include "monitor/canonical_formats.h"
#include "monitor/fact_chains.h"
#include "monitor/names.h"
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
             FactChains& chains, CanonicalFormats& formats);

  // Changes the row's derived columns and the balance, and, of segments, their set.
  Booking Book(FactRow& row, Balance& balance, SegmentSet* segments);
  bool IsSegments(const FactRow& row);

 private:
  Booking BookByKind(FactRow& row, Balance& balance, SegmentSet* segments);
  Booking BookRewrite(const FactRow& row, Balance& balance);
  Booking BookOperatorPermit(const FactRow& row, Balance& balance);
  bool PermitsExpired(const FactRow& row, const Balance& balance);
  void JudgeByBase(const FactRow& row, Booking& booking);
  bool Retired(const FactRow& row, const Balance& balance);

  Database& database_;
  Names& names_;
  SourceBook& sources_;
  BalanceBook& balances_;
  FactChains& chains_;
  CanonicalFormats& formats_;
};
