#pragma once

#include <cctz/time_zone.h>

#include <optional>
#include <string>
#include <string_view>

#include "monitor/error.h"
#include "monitor/time.h"

// Times and days as logs spell them (`time_format`, `time_zone`, `day_format` of a source).

// Reads logged times in one configured spelling. Owned by its source's LineParser; immutable.
class TimeFormat {
 public:
  // `format`: rfc3339 | unix_s | unix_ms | unix_us | a strptime format. A format that cannot carry
  // a date (no year, say) and a zone that is not known are refused.
  static Result<TimeFormat> Create(const std::string& format, const std::string& zone);

  // Nothing for what is no time after 1970, since the epoch itself means "unknown" in a fact, and
  // for what the zone's clocks skipped in spring. What they show twice in autumn is the earlier
  // one.
  std::optional<Time> Parse(std::string_view text) const;

 private:
  enum class Spelling { kRfc3339, kUnixSeconds, kUnixMillis, kUnixMicros, kPattern };

  TimeFormat() = default;

  Spelling spelling_ = Spelling::kRfc3339;
  std::string pattern_;      // as cctz takes it
  bool has_offset_ = false;  // the pattern reads one, so that the zone does not matter
  cctz::time_zone zone_;
};

// ParseTime() from 1970 to 9999, with a shortcut for the common spellings.
std::optional<Time> ParseRfc3339(std::string_view text);

// "1456160531", "1456160531.25", "1.456e9": a count of units of 10^-`exponent` seconds since 1970.
// Digits below the millisecond are cut off.
std::optional<Time> ParseUnixTime(std::string_view text, int exponent);

// A date in a strptime format; nothing for what is no date. `format` must have passed
// CheckDayFormat() and is not "-".
std::optional<Day> ParseDayAs(std::string_view format, std::string_view text);

// An error unless a date written in this format can be read back ("%m/%d" has no year).
Result<void> CheckDayFormat(std::string_view format);
