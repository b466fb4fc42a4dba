#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/balance.h"
#include "monitor/config.h"
#include "monitor/coverage.h"
#include "monitor/sqlite.h"

// One compaction log's source as the ledger knows it, and when it was not being watched.
struct Source {
  int32_t id = 0;
  std::string name;
  Shape shape = Shape::kRewrite;
  Conservation conservation = Conservation::kStrict;
  std::string unit;
  int64_t logged_until = 0;  // newest logged time seen

  // What the gaps up to one of them mean together.
  struct GapMark {
    int64_t log = 0;           // of this gap; 0: of none
    int64_t logged_until = 0;  // newest logged time before any of them
    int64_t ended = 0;         // newest moment of any of them, Unix ms
    // What another log says sees past it from this logged time on: that before it, and of a
    // quarantined line, which may have said anything, that of the line after it.
    int64_t passed_from = 0;
  };
  std::vector<GapMark> gaps;          // gap `epoch` is gaps[epoch - 1]
  std::vector<int32_t> blind_epochs;  // gaps that were blind intervals, ascending
  bool gap_open = false;              // the newest gap ends at the next fact
  int64_t log = 0;                    // of the newest fact, and the newest logged time in it
  int64_t log_until = 0;

  // Gaps so far; each raises it by one.
  int32_t epoch() const { return static_cast<int32_t>(gaps.size()); }
};

// Table `source` and table `gap`. A gap is a blind interval or a quarantined line: either makes the
// source's partitions unknown until each is next observed. Ledger's thread only.
class SourceBook {
 public:
  // `watches_files`: FileSources() are among its sources.
  SourceBook(Database& database, const Config& config, bool watches_files);

  // Inserts or updates the configured sources, which come first and in the configuration's order;
  // those of earlier configurations follow.
  void Open();
  Source& At(int16_t index) { return sources_[static_cast<size_t>(index)]; }
  const Source& At(int16_t index) const { return sources_[static_cast<size_t>(index)]; }
  // Null for 0, which no source has.
  Source* ById(int32_t id);
  const std::vector<Source>& all() const { return sources_; }

  // A gap that begins at `began` (Unix ms; 0: at the newest logged time).
  struct NewGap {
    bool blind = true;
    std::string reason;
    int64_t began = 0;
    int64_t ended = 0;  // 0: until the next fact
    int64_t log = 0, position = 0, length = 0;
    int64_t seq = 0;
  };
  void Add(Source& source, const NewGap& gap);

  // What collectors told of it, which no fact tells; across restarts.
  SourceCoverage Coverage(const Source& source);
  void Keep(const Source& source, const SourceCoverage& coverage);

  // Files were being watched at `now` (Unix ms). Written once in a while, for who comes after a
  // crash.
  void FilesWatched(int64_t now);

  // How many gaps lie before a fact of `log`. One found late, in another log than a gap and logged
  // before it, does not see past that gap.
  static int32_t EpochOf(const Source& source, int64_t log, int64_t logged_at);
  // A new fact of `log` was read: an open gap ends there.
  void Observed(Source& source, int64_t log, int64_t logged_at);
  // What lies between the epoch a partition was last observed in and `now`.
  static Gap Between(const Source& source, int32_t then, int32_t now);
  // The newest blind interval up to epoch `now`, 0: none.
  static int32_t BlindEpoch(const Source& source, int32_t now);
  // Whether the source had no gap from `since` to the epoch `now`. A source whose first gap is yet
  // to come was always watched.
  static bool WatchedSince(const Source& source, int64_t since, int32_t now);

 private:
  void LoadGaps(Source& source);

  Database& database_;
  const Config& config_;
  const bool watches_files_;
  std::vector<Source> sources_;
  Statement insert_gap_, end_gap_;
  int64_t files_watched_ = 0;  // as written last
};
