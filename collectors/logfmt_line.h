#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/field_mapping.h"
#include "collectors/line_template.h"

// One logfmt line (the dialect of github.com/go-logfmt/logfmt) → the values of given keys.
//
//   line  = { blank } pair { blank { blank } pair } { blank }     blank: any byte up to 0x20
//   pair  = key [ "=" [ value ] ]
//   key   = bytes above 0x20 without = and "
//   value = bytes above 0x20 without " | a JSON string
//
// Unlike go-logfmt a bare value may contain "=", as paths and encoded ids do. A line without any
// "=" is prose, not logfmt. Of equal keys the first counts. A key without a value, an empty bare
// value and a bare null are absent; "" is an empty text.
//
// Lines of a shape seen before are read by a template instead; its result is the same.
//
// Owned by its source's LineParser; collector thread only. Movable.
class LogfmtLine {
 public:
  explicit LogfmtLine(std::vector<std::string> keys) : keys_(std::move(keys)) {}

  // Fills `values`, one a key; returns why the line is no logfmt, or nothing. The texts are valid
  // until the next call and as long as `line`.
  std::string_view Read(std::string_view line, std::span<Value> values);
  // The same without templates: for lines of new shapes, and to test Read() against.
  std::string_view ReadAnyShape(std::string_view line, std::span<Value> values);

 private:
  bool Scan(std::string_view line, std::span<Value> values, std::vector<TemplateHole>* holes);
  int IndexOf(std::string_view key);

  std::vector<std::string> keys_;
  size_t next_key_ = 0;    // where the last search ended: logs repeat their order
  std::string unescaped_;  // texts of the last line that had escapes
  TemplateSet templates_;
};
