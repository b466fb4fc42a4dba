#include "collectors/logfmt_line.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tests/fuzz/fuzz_lines.h"

// Lines of one log, one reader: what templates read must be what the reader alone reads.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::vector<std::string> paths = {"ts", "a", "a.b", "a.b.c", "existing"};
  LogfmtLine reader(paths), plain(paths);
  ForEachLine({reinterpret_cast<const char*>(data), size}, [&](std::string_view line) {
    std::vector<Value> values(paths.size()), expected(paths.size());
    const std::string_view reason = reader.Read(line, values);
    if (reason != plain.ReadAnyShape(line, expected)) __builtin_trap();
    for (size_t i = 0; reason.empty() && i < paths.size(); ++i) {
      if (values[i].kind != expected[i].kind || values[i].text != expected[i].text)
        __builtin_trap();
    }
  });
  return 0;
}
