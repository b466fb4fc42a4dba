#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "monitor/balance.h"
#include "monitor/fact_row.h"
#include "monitor/huge_pages.h"
#include "monitor/sqlite.h"

// Bits of balance.marks that readers look at, too.
inline constexpr int64_t kBalanceDoubtful = 2;
inline constexpr int64_t kBalanceRetired = 4;

struct BookedPartition {
  PartitionKey key;
  Balance balance;
  int32_t source = 0;  // the log's source that last told of it, 0: none yet
  uint32_t place = 0;  // the book's
};

// Table `balance` with a bounded cache before it: the ledger's working set. Owned by the ledger,
// used on its thread only.
class BalanceBook {
 public:
  // `capacity`: partitions kept in memory (about 85 bytes each).
  BalanceBook(Database& database, size_t capacity);

  // A copy of the partition's balance, read from the table or new.
  BookedPartition At(const PartitionKey& key);
  // Nothing when the ledger does not know the partition.
  std::optional<BookedPartition> Find(const PartitionKey& key);
  // Puts back what At or Find gave; not after a Clear between them.
  void Put(const BookedPartition& partition);
  // Bring what At() will look at into the processor's cache: first the slot, some facts later the
  // partition that the slot names.
  void PrefetchSlot(const PartitionKey& key) const;
  void PrefetchPartition(const PartitionKey& key) const;

  // Writes what changed, in key order, within the caller's transaction.
  void Flush();
  bool full() const { return packed_count_ >= capacity_; }
  // Forgets everything: after a rollback, or after Flush to make room.
  void Clear();

 private:
  // A cache line: with a million partitions nearly each access is a miss.
  struct alignas(64) Packed {
    PartitionKey key;
    int64_t actual = 0, missing = 0, last = 0, logged_until = 0;
    int32_t epoch = 0;
    int32_t source = 0;
    uint32_t rare = 0;  // + 1 into rare_, 0: none
    uint16_t marks = 0;
    Opening opening = Opening::kUnopened;
    bool dirty = false;
  };
  struct Rare {
    int64_t surplus = 0, permitted = 0;
  };
  struct Slot {
    uint32_t place = 0;  // + 1 of a packed partition, 0: free
    uint32_t tag = 0;    // of the hash: a probe need not look at the partition
  };
  static constexpr size_t kBlock = 65'536;  // partitions; no doubling
  Packed& PackedAt(size_t place) { return blocks_[place / kBlock][place % kBlock]; }
  const Packed& PackedAt(size_t place) const { return blocks_[place / kBlock][place % kBlock]; }

  size_t SlotOf(const PartitionKey& key) const;
  void Grow();
  bool Load(BookedPartition& partition);
  BookedPartition Insert(const PartitionKey& key);
  void Pack(const BookedPartition& partition);
  BookedPartition Unpack(size_t place) const;
  void FillCells(const Packed& packed, Cell* cells) const;

  Database& database_;
  size_t capacity_;
  bool table_empty_ = false;  // a fresh ledger: nothing to look up
  Statement select_;
  std::vector<Slot, HugePages<Slot>> slots_;  // open addressing
  std::vector<std::vector<Packed, HugePages<Packed>>> blocks_;
  size_t packed_count_ = 0;
  std::vector<Rare> rare_;
  std::vector<uint32_t> dirty_;  // places
};
