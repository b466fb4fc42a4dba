#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

// What the tail promises about lines, for fuzz targets that take bytes.

// Whether `text` is UTF-8: no overlong forms, surrogates or code points past U+10FFFF.
inline bool IsUtf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned first = byte(at++);
    if (first < 0x80) continue;
    const unsigned more = first < 0xC2   ? 0
                          : first < 0xE0 ? 1
                          : first < 0xF0 ? 2
                          : first < 0xF5 ? 3
                                         : 0;
    if (more == 0 || at + more > text.size()) return false;
    const unsigned second = byte(at);
    if (first == 0xE0 && second < 0xA0) return false;
    if (first == 0xED && second > 0x9F) return false;
    if (first == 0xF0 && second < 0x90) return false;
    if (first == 0xF4 && second > 0x8F) return false;
    for (unsigned i = 0; i < more; ++i) {
      if ((byte(at++) & 0xC0) != 0x80) return false;
    }
  }
  return true;
}

// Calls `take` with a copy of each line that is UTF-8 without NUL bytes, of its exact size, so that
// a read past its end is found.
template <class Take>
void ForEachLine(std::string_view text, Take take) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (IsUtf8(line) && line.find('\0') == line.npos) {
      const std::vector<char> copy(line.begin(), line.end());
      take(std::string_view(copy.data(), copy.size()));
    }
    if (end == text.npos) return;
    text.remove_prefix(end + 1);
  }
}
