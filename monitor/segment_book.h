#pragma once

#include <cstddef>
#include <map>

#include "monitor/fact_row.h"
#include "monitor/segments.h"
#include "monitor/sqlite.h"

// Table `segment` with a bounded cache of the live ones before it: the files of each partition of
// the segments shape. Owned by the ledger, its thread only.
class SegmentBook {
 public:
  explicit SegmentBook(Database& database);

  // Valid until the next call.
  SegmentSet& Of(const PartitionKey& key);
  // Writes what was changed in the set of Of(), within the caller's transaction.
  void Save(const PartitionKey& key);
  // In place of all that was known of the partition's files.
  void Replace(const PartitionKey& key, SegmentSet segments);
  // After a rollback.
  void Forget();

 private:
  SegmentSet::Recall RecallOf(const PartitionKey& key);

  std::map<PartitionKey, SegmentSet> sets_;
  size_t cached_ = 0;  // segments in them when they were read
  Statement upsert_, select_live_, select_one_, delete_;
};
