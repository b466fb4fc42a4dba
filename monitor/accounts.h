#pragma once

#include <vector>

#include "monitor/balance_book.h"
#include "monitor/bookkeeper.h"
#include "monitor/fact_chains.h"
#include "monitor/journal.h"
#include "monitor/late_facts.h"
#include "monitor/lookout.h"
#include "monitor/segment_book.h"
#include "monitor/source_book.h"
#include "monitor/sqlite.h"

// Gives each fact of a partition its place in the partition's chain and books it there. Most follow
// the newest one. One that is found late makes its partition's whole chain, and no other's, be
// booked again in the end of the commit; until then what else is new of the partition waits, too.
// Owned by the ledger, its thread only, within its transaction.
class Accounts {
 public:
  // `entry`: the commit being made, which new facts are added to.
  Accounts(Database& database, SourceBook& sources, BalanceBook& balances, FactChains& chains,
           Bookkeeper& bookkeeper, Lookout& lookout, Journal& journal, JournalEntry& entry);

  // Books a fact that is new; one that is known already changes nothing.
  void Take(FactRow& row);
  // Books what waits. Before the commit is written: until then balances and derived columns of the
  // partitions concerned are those of before.
  void BookLate();
  // Books a fact of the ledger, whose balance was still in memory when a backfill was killed.
  void TakeAgain(FactRow& row);
  // After a rollback.
  void Forget();

 private:
  // What a fact of a chain did, and how the partition stands after it.
  struct Booked {
    Booking booking;
    BookedPartition after;
    FactRow* last_run = nullptr;  // which a retry may take the place of
  };
  // A chain that is booked again.
  struct Rebuilt {
    std::vector<FactRow> chain;
    std::vector<Booked> booked;
    SegmentSet segments;
    int64_t first_new = 0;  // sequence
    size_t news = 0;        // from here on in the chain all is new
  };

  static void Follow(const FactRow& row, Balance& balance);
  bool Waits(const FactRow& row);
  void Wait(FactRow& row, BookedPartition& partition);
  void TakeLate(FactRow& row, BookedPartition& partition);
  void Append(FactRow& row, BookedPartition& partition);
  void AppendAtEnd(FactRow& row, BookedPartition& partition);
  void Observe(const FactRow& row);

  void BookLate(const PartitionKey& key);
  void Rebuild(Rebuilt& rebuilt, BookedPartition& partition);
  void BookAnew(Rebuilt& rebuilt, BookedPartition& partition);
  FactRow* BookNext(Rebuilt& rebuilt, SegmentSet* segments, BookedPartition& partition);
  void CountStarted(const Rebuilt& rebuilt);
  void ShowRebuilt(const Rebuilt& rebuilt, const std::vector<FactRow>& was, Balance& balance);

  void JudgeReaders(const PartitionKey& base);
  void WriteDerived(const FactRow& row);

  SourceBook& sources_;
  BalanceBook& balances_;
  FactChains& chains_;
  Bookkeeper& bookkeeper_;
  Lookout& lookout_;
  Journal& journal_;
  JournalEntry& entry_;
  LateFacts late_;
  SegmentBook segments_;
  Statement update_derived_;
};
