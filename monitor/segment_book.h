#pragma once

#include <cstddef>
#include <map>

#include "monitor/fact_row.h"
#include "monitor/segments.h"
#include "monitor/sqlite.h"

// Table `segment` with a bounded cache before it: the files of each partition of the segments
// shape. Owned by the ledger, its thread only.
class SegmentBook {
 public:
  explicit SegmentBook(Database& database);

  // Valid until the next call.
  SegmentSet& Of(const PartitionKey& key);
  // Writes what facts from `since_seq` on changed, within the caller's transaction.
  void Save(const PartitionKey& key, int64_t since_seq);
  // After a rollback.
  void Forget();

 private:
  std::map<PartitionKey, SegmentSet> sets_;
  size_t cached_ = 0;  // segments in them
  Statement upsert_, select_;
};
