#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// A moment, UTC, to the millisecond. Two clocks never mix: `observed_at` is ours, `logged_at`
// theirs.
using Time = std::chrono::sys_time<std::chrono::milliseconds>;

// "2016-02-22T17:02:11.123Z"
std::string FormatTime(Time time);
// RFC 3339 with `T` or a space, any number of fraction digits, `Z` or a numeric offset. No
// allocation.
std::optional<Time> ParseTime(std::string_view text);

// An event date as the store partitions it: days since 1970-01-01, or kNone where the source has no
// days (Cassandra), written "-".
struct Day {
  static constexpr int32_t kNone = -1'000'000;
  int32_t days = kNone;
  auto operator<=>(const Day&) const = default;
};
std::string FormatDay(Day day);
// "2016-02-22" or "-"; nothing for what is no date ("2016-02-30").
std::optional<Day> ParseDay(std::string_view text);
// The first moment of a day, UTC.
Time StartOf(Day day);

// The only way to learn the time. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time Now() const = 0;
  // For durations; also runs while the machine is suspended (CLOCK_BOOTTIME).
  virtual std::chrono::milliseconds SinceBoot() const = 0;
};

class SystemClock final : public Clock {
 public:
  Time Now() const override;
  std::chrono::milliseconds SinceBoot() const override;
};
