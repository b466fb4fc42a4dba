#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/field_mapping.h"
#include "monitor/error.h"

// One line matched by a PCRE2 pattern → the values of its named groups. A group that took no part,
// or took nothing, is absent. Characters are Unicode's, but \d, \s and \w are ASCII's; the pattern
// is anchored only where it says so. A match is bounded in steps, time and memory.
//
// Owned by its source's LineParser; collector thread only. Movable.
class RegexLine {
 public:
  enum class Outcome { kMatch, kNoMatch, kGaveUp };

  static Result<RegexLine> Create(const std::string& pattern);
  RegexLine(RegexLine&&) noexcept;
  RegexLine& operator=(RegexLine&&) noexcept;
  ~RegexLine();

  // The pattern's named groups.
  std::vector<std::string> groups() const;
  // Which groups Read() gives, in this order; all must exist. Call once, before Read().
  void Ask(std::span<const std::string> groups);
  // The texts are valid as long as `line`.
  Outcome Read(std::string_view line, std::span<Value> values);

 private:
  class Compiled;

  RegexLine(std::unique_ptr<Compiled> bytes, std::unique_ptr<Compiled> characters);

  std::unique_ptr<Compiled> bytes_;       // for lines of ASCII alone; null where it could differ
  std::unique_ptr<Compiled> characters_;  // for all others
  std::vector<uint32_t> asked_;           // group numbers
};
