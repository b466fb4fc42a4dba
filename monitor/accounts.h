#pragma once

#include <vector>

#include "monitor/balance_book.h"
#include "monitor/bookkeeper.h"
#include "monitor/fact_chains.h"
#include "monitor/journal.h"
#include "monitor/lookout.h"
#include "monitor/segment_book.h"
#include "monitor/source_book.h"
#include "monitor/sqlite.h"

// Gives each fact of a partition its place in the partition's chain and books it there. Most follow
// the newest one. One that is found late makes its partition's whole chain be booked again, and no
// other's. Owned by the ledger, its thread only, within its transaction.
class Accounts {
 public:
  // `entry`: the commit being made, which new facts are added to.
  Accounts(Database& database, SourceBook& sources, BalanceBook& balances, FactChains& chains,
           Bookkeeper& bookkeeper, Lookout& lookout, Journal& journal, JournalEntry& entry);

  // Books a fact that is new; one that is known already changes nothing.
  void Take(FactRow& row);
  // Books a fact of the ledger, whose balance was still in memory when a backfill was killed.
  void TakeAgain(FactRow& row);
  // After a rollback.
  void Forget() { segments_.Forget(); }

 private:
  // What a fact of a chain did, and the balance after it.
  struct Booked {
    Booking booking;
    Balance after;
  };

  // True: the chain was booked anew.
  bool TakeLate(FactRow& row, BookedPartition& partition);
  bool Append(FactRow& row, BookedPartition& partition);
  bool Insert(FactRow& row, BookedPartition& partition);
  void AppendAtEnd(FactRow& row, BookedPartition& partition);
  void Rebuild(BookedPartition& partition, std::vector<FactRow>& chain, int64_t new_seq);
  std::vector<Booked> BookAnew(BookedPartition& partition, std::vector<FactRow>& chain);
  FactRow* BookOnce(BookedPartition& partition, std::vector<FactRow>& chain, SegmentSet* segments,
                    std::vector<Booked>& booked);
  bool EndIsKnown(const std::vector<FactRow>& chain, size_t started);
  void Observe(const FactRow& row);
  void JudgeReaders(const PartitionKey& base);
  void WriteDerived(const FactRow& row);

  SourceBook& sources_;
  BalanceBook& balances_;
  FactChains& chains_;
  Bookkeeper& bookkeeper_;
  Lookout& lookout_;
  Journal& journal_;
  JournalEntry& entry_;
  SegmentBook segments_;
  Statement update_derived_;
};
