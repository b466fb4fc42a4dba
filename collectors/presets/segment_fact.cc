#include "collectors/presets/segment_fact.h"

#include <nlohmann/json.hpp>

#include "collectors/partition_name.h"

SegmentFacts::SegmentFacts(const CompactionLogConfig& config)
    : format_("segments"), partition_(config.partition), day_format_(config.day_format) {
  const auto format = config.constants.find("format");
  if (format != config.constants.end()) format_ = format->second;
}

Fact& SegmentFacts::Add(Batch& batch, const LineOrigin& origin, size_t line_bytes, FactKind kind,
                        std::string_view partition, const nlohmann::json& detail) const {
  Fact fact;
  fact.kind = kind;
  fact.source = origin.source;
  fact.log = origin.log;
  fact.length = static_cast<uint32_t>(line_bytes);
  fact.epoch = origin.epoch;
  fact.offset = origin.offset;
  const PartitionName name = SplitPartition(partition_, partition, day_format_);
  fact.project = batch.Add(name.project);
  fact.day = name.day;
  fact.format = batch.Add(format_);
  fact.version = batch.Add(version);
  // A log line is valid UTF-8, but a name cut out of it by its quotes need not be.
  fact.detail = batch.Add(detail.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  batch.facts.push_back(fact);
  return batch.facts.back();
}
