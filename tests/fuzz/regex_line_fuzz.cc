#include "collectors/regex_line.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// The first line is a pattern, the rest is a line, of any bytes.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t end = text.find('\n');
  if (end == text.npos || end > 200) return 0;
  auto reader = RegexLine::Create(std::string(text.substr(0, end)));
  if (!reader) return 0;
  const std::vector<std::string> groups = reader->groups();
  reader->Ask(groups);
  std::vector<Value> values(groups.size());
  const std::vector<char> line(text.begin() + static_cast<std::ptrdiff_t>(end) + 1, text.end());
  const std::string_view view(line.data(), line.size());
  if (reader->Read(view, values) != RegexLine::Outcome::kMatch) return 0;
  for (const Value& value : values) {
    if (value.kind == Value::Kind::kAbsent) continue;
    if (value.text.data() < view.data() ||
        value.text.data() + value.text.size() > view.data() + view.size()) {
      __builtin_trap();
    }
  }
  return 0;
}
