#pragma once

#include <cstdint>
#include <string>

// A number as people read it: 1234567 → "1,234,567". Pure.
inline std::string Grouped(int64_t number) {
  std::string text = std::to_string(number);
  const size_t first = number < 0 ? 1 : 0;
  for (size_t at = text.size(); at > first + 3;) text.insert(at -= 3, ",");
  return text;
}
