#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/balance.h"
#include "monitor/config.h"

// The arithmetic of DESIGN section 3 for the `segments` shape: runs add, merge and remove files of
// a partition. Pure functions; the ledger keeps the set of segments of each partition.

struct Segment {
  int64_t records = kUnknownCount;  // entries in the file, as its creation said
  bool live = true;                 // false: merged or deleted, kept to recognise it
  int64_t seq = 0;                  // fact that last changed it
};
using SegmentSet = std::map<std::string, Segment, std::less<>>;

// The `detail` of a finished run of the segments shape; see collectors/presets/README.md.
struct SegmentRun {
  struct Output {
    std::string segment;
    int64_t records = kUnknownCount;
    int64_t range_deletions = 0;
  };
  std::string kind;  // flush | compaction | trivial_move
  std::vector<std::string> inputs;
  std::vector<Output> outputs;
  int64_t input_records = kUnknownCount;    // what the engine says it read
  int64_t output_records = kUnknownCount;   // what the engine says it wrote
  std::map<int64_t, int64_t> merge_counts;  // k: partitions of the engine merged from k inputs
  bool expires = false;                     // the table has a time to live
  bool estimate = false;                    // input_records is an upper bound
};
// Nothing when the detail is not of that form.
std::optional<SegmentRun> ParseSegmentRun(std::string_view detail);

struct SegmentDeletion {
  std::vector<std::string> segments;
  bool explained = false;  // a dropped family, FIFO, a range, a failed job's leftovers
  bool uncertain = false;  // the log does not tell what became of them
};
std::optional<SegmentDeletion> ParseSegmentDeletion(std::string_view detail);

Booking BookSegmentRun(const SegmentRun& run, const RunCounts& counts, Conservation conservation,
                       int64_t seq, SegmentSet& segments, Balance& balance);
Booking BookSegmentDeletion(const SegmentDeletion& deletion, int64_t seq, SegmentSet& segments,
                            Balance& balance);
