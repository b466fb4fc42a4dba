#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/fact_row.h"
#include "monitor/file_book.h"
#include "monitor/sqlite.h"
#include "monitor/time.h"

// A copy of one generation of a canonical file, as the ledger knows it.
struct KeptGeneration {
  int64_t id = 0;  // seq of the fact that told of it
  PartitionKey partition;
  int64_t directory = 0;  // with `name`: the path it was kept of
  std::string name;
  uint64_t inode = 0;
  int64_t born_ns = 0, modified_ns = 0, size_bytes = 0;
  bool reflink = false;
  std::string copy;
  int64_t kept_at = 0;      // Unix ms, as the next
  int64_t replaced_at = 0;  // 0: it is what stands at its path
  int64_t noticed_at = 0;   // when that was seen, by our clock: the window begins then
  bool is_void = false;     // a hard link of a file that was rewritten in place since
};

// What may be kept, and until when.
struct KeepBounds {
  Time now{};
  std::chrono::milliseconds window{};  // after it was seen to be replaced
  bool bounds_only = false;            // leave what is over its window or erased for now
  int64_t max_bytes = 0;               // of replaced generations, 0: any
  int64_t max_files = 0;
  int64_t wanted_bytes = 0;  // to be given back to the disk
  bool keep_deleted = false;
};

// Tables `kept` and `erased`: copies of generations, and which of them hold events that were
// deleted since. Owned by the ledger, its thread only, within its transaction.
class KeptBook {
 public:
  KeptBook(Database& database, FileTally& tally);

  std::optional<KeptGeneration> Find(std::string_view copy);
  void Add(const KeptGeneration& kept);
  void Release(const KeptGeneration& kept);

  // From `at` (Unix ms) on `file` is what stands at its path, or nothing does, as was noticed at
  // `noticed_at`. A hard link of what was rewritten in place has the new content, too.
  void Stands(const KnownFile& file, int64_t at, int64_t noticed_at);
  // The rows of what stands at that path were counted.
  void Counted(int64_t directory, std::string_view name, int64_t rows);
  // A run logged then (Unix ms) reports that it deleted events.
  void Erased(const PartitionKey& key, int64_t logged_at);

  // What is to be removed now, at most `most`: what is worth nothing, what holds deleted events,
  // what was kept long enough; beyond the bounds the oldest, and such as an open alert needs only
  // while there is nothing else. Nothing of a project-day with an open alert goes for another
  // reason than the bounds.
  std::vector<CopyToCheck> ToRelease(const KeepBounds& bounds, size_t most);
  // The next `most` after that one, by id; 0 begins.
  std::vector<CopyToCheck> After(int64_t id, size_t most);
  int64_t files() { return tally_.Sum("kept"); }

 private:
  static KeptGeneration Row(const Statement& row);
  void AddOver(const KeepBounds& bounds, size_t most, std::vector<CopyToCheck>& chosen);
  void AddBeyond(const KeepBounds& bounds, size_t most, std::vector<CopyToCheck>& chosen);

  FileTally& tally_;
  Statement find_, add_, release_, at_path_, stands_, counted_, erased_, voided_, over_, oldest_,
      after_;
};
