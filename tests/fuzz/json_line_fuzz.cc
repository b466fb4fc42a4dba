#include "collectors/json_line.h"

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "tests/fuzz/fuzz_lines.h"

// Whether another parser finds a JSON object in the line, too.
void CompareWithNlohmann(std::string_view line, std::string_view reason) {
  const bool object = nlohmann::json::parse(line, nullptr, false).is_object();
  if (object && !reason.empty() && reason != "json nested too deep") __builtin_trap();
  // It refuses numbers past a double's range, such as 1e400.
  const bool may_overflow = line.find_first_of("eE") != line.npos || line.size() > 300;
  if (!object && reason.empty() && !may_overflow) __builtin_trap();
}

// Lines of one log, one reader: what templates read must be what the reader alone reads.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::vector<std::string> paths = {"ts", "a", "a.b", "a.b.c", "existing"};
  auto reader = JsonLine::Create(paths).value();
  auto plain = JsonLine::Create(paths).value();
  ForEachLine({reinterpret_cast<const char*>(data), size}, [&](std::string_view line) {
    std::vector<Value> values(paths.size()), expected(paths.size());
    const std::string_view reason = reader.Read(line, values);
    if (reason != plain.ReadAnyShape(line, expected)) __builtin_trap();
    CompareWithNlohmann(line, reason);
    for (size_t i = 0; reason.empty() && i < paths.size(); ++i) {
      if (values[i].kind != expected[i].kind || values[i].text != expected[i].text)
        __builtin_trap();
    }
  });
  return 0;
}
