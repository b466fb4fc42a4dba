#include "collectors/timestamp.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "collectors/partition_name.h"

// The first line is a format, the rest is a time, a day and a partition name.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t end = text.find('\n');
  if (end == text.npos) return 0;
  const std::string format(text.substr(0, end));
  const std::string_view value = text.substr(end + 1);
  const auto check = [](std::optional<Time> time) {
    if (time && (*time <= Time{} || FormatTime(*time).size() != 24)) __builtin_trap();
  };
  check(ParseRfc3339(value));
  for (const int exponent : {0, 3, 6}) check(ParseUnixTime(value, exponent));
  if (const auto time = TimeFormat::Create(format, "Europe/Berlin")) check(time->Parse(value));
  if (format != "-" && CheckDayFormat(format)) {
    const auto day = ParseDayAs(format, value);
    if (day && FormatDay(*day).size() != 10) __builtin_trap();
    SplitPartition("{project}/{day}", value, format);
  }
  return 0;
}
