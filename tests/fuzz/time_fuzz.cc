#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "monitor/time.h"

// Any bytes are a time, a day, or neither; what is understood is written and read back unchanged.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto day = ParseDay(text);
  if (day && ParseDay(FormatDay(*day)) != day) std::abort();

  const auto time = ParseTime(text);
  // An offset can carry a moment out of the years that four digits can write.
  const Time first = StartOf(*ParseDay("0000-01-01"));
  const Time last = StartOf(*ParseDay("9999-12-31"));
  if (time && *time >= first && *time < last && ParseTime(FormatTime(*time)) != time) std::abort();
  return 0;
}
