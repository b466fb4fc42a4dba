#pragma once

#include <cstdint>

#include "monitor/fact_row.h"
#include "monitor/sqlite.h"

// Table `permit`: what is left of the permits that were given in advance, each with its end. The
// sum for a partition is its Balance::permitted. Owned by the ledger, its thread only.
class PermitBook {
 public:
  explicit PermitBook(Database& database) : database_(database) {}

  // `ends_at`: Unix ms, 0: never. `seq`: of the permit's fact.
  void Give(const PartitionKey& key, int64_t seq, int64_t events, int64_t ends_at);
  // What is left for a decrease at `now`. What has ended by then is void.
  int64_t LeftAt(const PartitionKey& key, int64_t now);
  // Takes from those that end first.
  void Use(const PartitionKey& key, int64_t events);
  void Forget(const PartitionKey& key);

 private:
  Database& database_;
};
