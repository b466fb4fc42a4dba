#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/balance.h"
#include "monitor/config.h"
#include "monitor/sqlite.h"

// One configured compaction log as the ledger knows it, and when it was not being watched.
struct Source {
  int32_t id = 0;
  std::string name;
  Shape shape = Shape::kRewrite;
  Conservation conservation = Conservation::kStrict;
  std::string unit;
  int32_t epoch = 0;                  // gaps so far; each raises it by one
  std::vector<int32_t> blind_epochs;  // those that were blind intervals, ascending
  int64_t last_gap_at = 0;            // newest moment of any gap, Unix ms
  int64_t logged_until = 0;           // newest logged time seen
  bool gap_open = false;              // the newest gap ends at the next fact
};

// Table `source` and table `gap`. A gap is a blind interval or a quarantined line: either makes the
// source's partitions unknown until each is next observed. Ledger's thread only.
class SourceBook {
 public:
  SourceBook(Database& database, const Config& config);

  // Inserts or updates the configured sources; the order is the configuration's.
  void Open();
  Source& At(int16_t index) { return sources_[static_cast<size_t>(index)]; }
  const Source& At(int16_t index) const { return sources_[static_cast<size_t>(index)]; }
  Source* ById(int32_t id);
  const std::vector<Source>& all() const { return sources_; }

  // Records a gap that begins at `began` (Unix ms; 0: at the newest logged time).
  struct Gap {
    bool blind = true;
    std::string reason;
    int64_t began = 0;
    int64_t ended = 0;  // 0: until the next fact
    int64_t log = 0, position = 0, length = 0;
    int64_t seq = 0;
  };
  void Add(Source& source, const Gap& gap);
  // A fact logged at `logged_at` was read: an open gap ends there.
  void Observed(Source& source, int64_t logged_at);

  // What lies between the epoch a partition was last observed in and `now`.
  static RunContext::Gap Between(const Source& source, int32_t then, int32_t now);

 private:
  Database& database_;
  const Config& config_;
  std::vector<Source> sources_;
  Statement insert_gap_, end_gap_;
};
