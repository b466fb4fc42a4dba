#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/field_mapping.h"
#include "collectors/joiner.h"
#include "collectors/path_template.h"
#include "collectors/timestamp.h"
#include "monitor/batch.h"

// The values of one line → one fact, whatever the line's format was. Owned by the LineParser;
// not shared between threads.
class FactBuilder {
 public:
  static Result<FactBuilder> Create(const CompactionLogConfig& config, FieldMapping mapping);

  const FieldMapping& mapping() const { return mapping_; }
  // Appends a fact, or says why the line makes none; then the batch is as it was. A text that
  // equals the same field of the batch's last fact shares its slice.
  LineResult Add(std::span<const Value> values, size_t length, const LineOrigin& origin,
                 Batch& batch);

 private:
  struct CountField {
    FactField field;
    int64_t Fact::*count;
    std::string_view reason;  // when it is not a count
  };
  struct TextField {
    FactField field;
    Text Fact::*text;
    std::string_view reason;  // when it is not a string
  };
  static const std::array<CountField, 6> kCounts;
  static const std::array<TextField, 7> kTexts;

  FactBuilder(FieldMapping mapping, TimeFormat time);

  // Each returns the reason for a quarantine, empty when all is well.
  std::string_view ReadCounts(std::span<const Value> values, Fact& fact) const;
  std::string_view ReadMoment(std::span<const Value> values, Fact& fact) const;
  std::string_view ReadPartition(std::span<const Value> values, Fact& fact,
                                 std::string_view& project) const;
  std::string_view CheckTexts(std::span<const Value> values) const;
  // The last step: it cannot fail.
  void AddTexts(std::span<const Value> values, std::string_view project, Fact& fact, Batch& batch);

  FieldMapping mapping_;
  TimeFormat time_;
  std::vector<CountField> counts_;  // those that the source can have
  std::vector<TextField> texts_;    // likewise
  std::string day_format_;
  std::string partition_;
  PathTemplate path_;
};
