#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "monitor/balance.h"
#include "monitor/fact_row.h"
#include "monitor/huge_pages.h"
#include "monitor/sqlite.h"

// A partition's balance as kept in memory.
struct BookedPartition {
  PartitionKey key;
  Balance balance;
  int32_t source = 0;       // the source that last observed it
  uint32_t index : 31 = 0;  // where the book stores it
  uint32_t dirty : 1 = 0;
};

// Table `balance` with a bounded cache before it: the ledger's working set. Owned by the ledger,
// used on its thread only. References stay valid until Clear() or MakeRoom().
class BalanceBook {
 public:
  // `capacity`: partitions kept in memory (about 105 bytes each).
  BalanceBook(Database& database, size_t capacity);

  // The partition's balance, read from the table or new. Call Touch when it changed.
  BookedPartition& At(const PartitionKey& key);
  void Touch(BookedPartition& partition);
  // Bring what At() will look at into the processor's cache: first the slot, some facts later the
  // partition that the slot names.
  void PrefetchSlot(const PartitionKey& key) const;
  void PrefetchPartition(const PartitionKey& key) const;
  // Null when the ledger does not know the partition.
  BookedPartition* Find(const PartitionKey& key);

  // Writes what changed, in key order, within the caller's transaction.
  void Flush();
  bool full() const { return stored_ >= capacity_; }
  size_t dirty() const { return dirty_.size(); }
  // Forgets everything: after a rollback, or after Flush to make room.
  void Clear();

 private:
  size_t SlotOf(const PartitionKey& key) const;
  void Grow();
  bool Load(const PartitionKey& key, BookedPartition& partition);
  BookedPartition& Insert(const BookedPartition& partition);

  static constexpr size_t kBlock = 65'536;  // partitions; stable addresses, and no doubling
  BookedPartition& Stored(size_t index) { return blocks_[index / kBlock][index % kBlock]; }
  const BookedPartition& Stored(size_t index) const {
    return blocks_[index / kBlock][index % kBlock];
  }
  struct Place {
    uint32_t index = 0;  // + 1 of a stored partition, 0: free
    uint32_t tag = 0;    // of the hash: a probe need not look at the partition
  };

  Database& database_;
  size_t capacity_;
  bool table_empty_ = false;  // a fresh ledger: nothing to look up
  Statement select_;
  std::vector<Place, HugePages<Place>> slots_;  // open addressing
  std::vector<std::vector<BookedPartition, HugePages<BookedPartition>>> blocks_;
  size_t stored_ = 0;
  std::vector<uint32_t> dirty_;  // indices
};
