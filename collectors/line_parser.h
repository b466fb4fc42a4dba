#pragma once

#include <string_view>
#include <variant>
#include <vector>

#include "collectors/fact_builder.h"
#include "collectors/joiner.h"
#include "collectors/json_line.h"
#include "collectors/logfmt_line.h"
#include "collectors/regex_line.h"
#include "monitor/batch.h"
#include "monitor/config.h"
#include "monitor/error.h"

// Lines of one source → facts: the format reads values, the mapping makes the fact. One per source,
// owned by the collector of that source; collector thread only.
class LineParser {
 public:
  // What the source says about its lines, checked: pattern, zone, formats, names of fields.
  static Result<LineParser> Create(const CompactionLogConfig& config);

  // One complete line, no newline, valid UTF-8, at most 64 KiB. Appends one fact, or none.
  LineResult Parse(std::string_view line, const LineOrigin& origin, Batch& batch);

 private:
  using Format = std::variant<JsonLine, LogfmtLine, RegexLine>;

  LineParser(Format format, FactBuilder builder);
  // Of one format each: kFacts when the values are there.
  static LineResult Read(JsonLine& json, std::string_view line, std::span<Value> values);
  static LineResult Read(LogfmtLine& logfmt, std::string_view line, std::span<Value> values);
  static LineResult Read(RegexLine& regex, std::string_view line, std::span<Value> values);

  Format format_;
  FactBuilder builder_;
  std::vector<Value> values_;  // of the line being parsed; means nothing between lines
};
