#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "monitor/fact_row.h"
#include "monitor/sqlite.h"

// Tables `open_run` (runs that started and have no end) and `waiting` (partitions whose fresh data
// is known to wait, since a run of theirs failed or was merely started and none has finished
// since). Owned by the ledger, its thread only, within its transaction. Waits are kept in memory
// and written at the end of a commit: most are short.
class UnfinishedBook {
 public:
  struct Wait {
    int64_t since = 0;  // logged time of the first such run, Unix ms
    int64_t seq = 0;    // of its fact
  };
  struct Overdue {
    PartitionKey key;
    Wait wait;
  };

  explicit UnfinishedBook(Database& database);

  // Reads what is there; also after a rollback.
  void Open();

  void Start(const FactRow& row);
  // `end` ends its run; with `earlier` also those of the partition that started before it.
  void End(const PartitionKey& key, const FactRow& end, bool earlier);
  bool any_started() const { return any_started_; }
  bool AnyStarted(const PartitionKey& key);

  // The partition waits from then on, if it did not before.
  void BeginWait(const PartitionKey& key, const Wait& wait);
  // Exactly so from now on; nothing: it does not wait.
  void SetWait(const PartitionKey& key, const std::optional<Wait>& wait);
  bool any_waits() const { return !waits_.empty(); }
  std::optional<Wait> WaitOf(const PartitionKey& key) const;
  // Before the commit is written.
  void Flush();

  // Runs that started at `started` or before and have no end.
  std::vector<Overdue> WithoutEnd(int64_t started);
  // Who has waited since `since` or longer and has no alert of that; but not those of WithoutEnd(),
  // which are told already.
  std::vector<Overdue> Waiting(int64_t since, int64_t started);

 private:
  std::vector<Overdue> Rows(Statement& rows);

  Database& database_;
  Statement start_, end_, started_;
  bool any_started_ = false;
  std::map<PartitionKey, Wait> waits_;
  std::set<PartitionKey> changed_;  // waits not yet written
};
