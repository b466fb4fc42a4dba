#pragma once

#include <span>
#include <string>

#include "collectors/field_mapping.h"
#include "collectors/joiner.h"
#include "collectors/timestamp.h"
#include "monitor/fact.h"

// The values of one line → one fact, whatever the line's format was. Owned by the LineParser;
// immutable.
class FactBuilder {
 public:
  static Result<FactBuilder> Create(const CompactionLogConfig& config, FieldMapping mapping);

  const FieldMapping& mapping() const { return mapping_; }
  // Appends a fact, or says why the line makes none; then the batch is as it was. A text that
  // equals the same field of the batch's last fact shares its slice.
  LineResult Add(std::span<const Value> values, size_t length, const LineOrigin& origin,
                 Batch& batch) const;

 private:
  FactBuilder(FieldMapping mapping, TimeFormat time)
      : mapping_(std::move(mapping)), time_(std::move(time)) {}

  // Each returns the reason for a quarantine, empty when all is well.
  std::string_view ReadCounts(std::span<const Value> values, Fact& fact) const;
  std::string_view ReadMoment(std::span<const Value> values, Fact& fact) const;
  std::string_view ReadPartition(std::span<const Value> values, Fact& fact,
                                 std::string_view& project) const;

  FieldMapping mapping_;
  TimeFormat time_;
  std::string day_format_;
  std::string partition_;
};
