#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/field_mapping.h"
#include "collectors/line_template.h"
#include "monitor/error.h"

// One line holding one JSON object (RFC 8259) → the values at given paths.
//
// A path is a key, or keys joined by dots. At each level the longest literal key is tried first, so
// "a.b" finds {"a.b": 1} before {"a": {"b": 1}}. Of equal keys in one object the first counts. null
// is absent. Any order, nesting and escapes; the whole line is checked, not just what is asked for.
//
// Lines of a shape seen before are read by a template instead; its result is the same.
//
// Owned by its source's LineParser; collector thread only. Movable.
class JsonLine {
 public:
  static Result<JsonLine> Create(const std::vector<std::string>& paths);
  JsonLine(JsonLine&&) noexcept;
  JsonLine& operator=(JsonLine&&) noexcept;
  ~JsonLine();

  // Fills `values`, one a path; returns why the line is no JSON object, or nothing. The texts are
  // valid until the next call and as long as `line`.
  std::string_view Read(std::string_view line, std::span<Value> values);
  // The same without templates: for lines of new shapes, and to test Read() against.
  std::string_view ReadAnyShape(std::string_view line, std::span<Value> values);

 private:
  class Reader;  // simdjson's parser and the tree of paths

  explicit JsonLine(std::unique_ptr<Reader> reader);

  std::unique_ptr<Reader> reader_;
  TemplateSet templates_;
};
