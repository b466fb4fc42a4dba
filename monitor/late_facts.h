#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "monitor/fact_chains.h"
#include "monitor/fact_row.h"

// The partitions of a commit of which a fact was found late: what is new of them waits until their
// chains are booked again, once for the commit however many there are. Owned by the ledger, its
// thread only.
class LateFacts {
 public:
  explicit LateFacts(FactChains& chains) : chains_(chains) {}

  bool empty() const { return partitions_.empty(); }
  bool Waits(const PartitionKey& key) const { return partitions_.contains(key); }
  // Whether the partition has this fact already, in its chain, which ends at fact `last`, or among
  // those that wait. From here on the partition waits.
  bool Knows(const FactRow& row, int64_t last);
  // The fact has its sequence. After Knows().
  void Add(const FactRow& row);

  // Ends the wait of one partition. Gives the sequences of its facts, in the order in which they
  // were found; there may be none.
  std::vector<int64_t> Take(const PartitionKey& key);
  std::optional<PartitionKey> Any() const;
  // After a rollback.
  void Forget() { partitions_.clear(); }

 private:
  struct Partition {
    std::unordered_multimap<int64_t, int64_t> seqs;  // by logged time: of its chain and new ones
    std::vector<int64_t> waiting;
  };

  FactChains& chains_;
  std::map<PartitionKey, Partition> partitions_;
};
