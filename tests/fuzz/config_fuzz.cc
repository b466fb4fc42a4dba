#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "monitor/config.h"
#include "monitor/config_text.h"

// libFuzzer: whatever the bytes, ParseConfig answers with a configuration that can be described or
// with words, and does not crash. Presets are given; preset files cannot be meant, the name is a
// directory.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  static const std::vector<Preset> presets = {
      {"rocksdb", "format: json\nshape: segments\nfields: {time: time_micros}\n"},
      {"cassandra", "format: regex\nday_format: \"-\"\npattern: 'x (?P<written>.)'\n"}};
  const std::string_view yaml(reinterpret_cast<const char*>(bytes), size);
  const auto config = ParseConfig(yaml, "/proc/self/fuzz/rollcall.yml", presets);
  if (config ? DescribeConfig(*config, {}).empty() : config.error().message.empty()) std::abort();
  return 0;
}
