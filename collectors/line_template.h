#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/byte_scan.h"
#include "collectors/field_mapping.h"

// The bytes that all lines of one shape share, learned from a line that the format's own reader
// understood: every value is a hole, all between them is literal.
//
// Invariant: Match() gives what the reader would give, or refuses. It holds since the literals fix
// all keys and structure, and since a hole takes only what `scan` takes: a complete value, spelt so
// that the reader would take the same bytes for it. Anything else is refused, and the reader
// decides.

struct TemplateHole {
  uint32_t begin = 0;  // of the value in the line, quotes included
  uint32_t end = 0;
  int path = -1;  // index of the value it feeds; -1: nobody asked for it
};

// Reads one value at `at`: its end, or null when in doubt. Never reads at or past `end`.
using ScanValue = const char* (*)(const char* at, const char* end, Value& value);

class LineTemplate {
 public:
  // Holes in the order of the line, not touching.
  LineTemplate(std::string_view line, std::span<const TemplateHole> holes);

  // On true all holes' values are set and the others untouched; on false they are undefined.
  template <ScanValue scan>
  bool Match(std::string_view line, std::span<Value> values) const;

 private:
  struct Piece {
    uint32_t at = 0;  // of the literal before the hole, in literals_
    uint32_t size = 0;
    int path = -1;
  };

  std::string literals_;  // followed by kScanStep bytes that do not count
  std::vector<Piece> pieces_;
  uint32_t last_at_ = 0, last_size_ = 0;  // the literal after the last hole
};

// The templates of one source, the most recently matched first. Collector thread only.
class TemplateSet {
 public:
  template <ScanValue scan>
  bool Match(std::string_view line, std::span<Value> values);
  // Call after a line that no template matched. False while too many learned ones were of no use: a
  // log whose every line is new must not pay for learning each time.
  bool WantsToLearn();
  void Learn(std::string_view line, std::span<const TemplateHole> holes);

 private:
  static constexpr size_t kMaxTemplates = 4;
  static constexpr uint32_t kMaxPause = 1024;  // lines

  std::vector<LineTemplate> templates_;
  uint32_t pause_ = 0;       // after the next learning
  uint32_t lines_left_ = 0;  // of the current pause
};

// ---- Implementation of the templates. ----

template <ScanValue scan>
bool LineTemplate::Match(std::string_view line, std::span<Value> values) const {
  const char* at = line.data();
  const char* const end = at + line.size();
  Value unasked;
  for (const Piece& piece : pieces_) {
    if (!StartsWith(at, end, literals_.data() + piece.at, piece.size)) return false;
    at += piece.size;
    at = scan(at, end, piece.path >= 0 ? values[static_cast<size_t>(piece.path)] : unasked);
    if (at == nullptr) return false;
  }
  return static_cast<size_t>(end - at) == last_size_ &&
         StartsWith(at, end, literals_.data() + last_at_, last_size_);
}

template <ScanValue scan>
bool TemplateSet::Match(std::string_view line, std::span<Value> values) {
  for (size_t i = 0; i < templates_.size(); ++i) {
    if (!templates_[i].Match<scan>(line, values)) continue;
    if (i > 0) std::swap(templates_[i], templates_[i - 1]);
    pause_ -= pause_ > 0 ? 1 : 0;
    return true;
  }
  return false;
}
