#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "monitor/balance.h"
#include "monitor/fact_row.h"
#include "monitor/sqlite.h"

// A partition's balance as kept in memory.
struct BookedPartition {
  PartitionKey key;
  int32_t source = 0;  // the source that last observed it
  uint32_t index = 0;  // where the book keeps it
  bool dirty = false;
  Balance balance;
};

// Table `balance` with a bounded cache before it: the ledger's working set. Owned by the ledger,
// used on its thread only. References stay valid until Clear() or MakeRoom().
class BalanceBook {
 public:
  // `capacity`: partitions kept in memory (about 100 bytes each).
  BalanceBook(Database& database, size_t capacity);

  // The partition's balance, read from the table or new. Call Touch when it changed.
  BookedPartition& At(const PartitionKey& key);
  void Touch(BookedPartition& partition);
  // Brings what At() will look at into the processor's cache.
  void Prefetch(const PartitionKey& key) const;
  // Null when the ledger does not know the partition.
  BookedPartition* Find(const PartitionKey& key);

  // Writes what changed, in key order, within the caller's transaction.
  void Flush();
  bool full() const { return partitions_.size() >= capacity_; }
  size_t dirty() const { return dirty_.size(); }
  // Forgets everything: after a rollback, or after Flush to make room.
  void Clear();

 private:
  size_t SlotOf(const PartitionKey& key) const;
  void Grow();
  bool Load(const PartitionKey& key, BookedPartition& partition);
  BookedPartition& Insert(const BookedPartition& partition);

  Database& database_;
  size_t capacity_;
  bool table_empty_ = false;  // a fresh ledger: nothing to look up
  Statement select_;
  std::deque<BookedPartition> partitions_;  // stable addresses, no doubling
  struct Place {
    uint32_t index = 0;  // + 1 into partitions_, 0: free
    uint32_t tag = 0;    // of the hash: a probe need not look at the partition
  };
  std::vector<Place> slots_;     // open addressing
  std::vector<uint32_t> dirty_;  // indexes into partitions_
};
