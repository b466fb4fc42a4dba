#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "collectors/joiner.h"
#include "monitor/batch.h"

// What the facts of all `segments` presets share. Owned by a joiner, used on its thread.
//
// `detail` of a kRun: {"kind", "session", "reason", "inputs": [segment…],
// "outputs": [{"segment", "records", "range_deletions"}…], "input_records", "output_records",
// "merge_counts", "micros"}; of a kSegmentsDeleted: {"segments": [segment…], "reason",
// "uncertain", "micros"}.
// What the log does not say is absent.
class SegmentFacts {
 public:
  explicit SegmentFacts(const CompactionLogConfig& config);

  // Appends a fact about the partition of that name; the caller adds run and counts.
  Fact& Add(Batch& batch, const LineOrigin& origin, size_t line_bytes, FactKind kind,
            std::string_view partition, const nlohmann::json& detail) const;

  std::string version = "unknown";  // of the engine, as the log last said

 private:
  std::string format_;
  std::string partition_;
  std::string day_format_;
};
