#include "collectors/timestamp.h"

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace {

using std::chrono::milliseconds;
using CctzTime = cctz::time_point<cctz::seconds>;

constexpr int64_t kYear10000Seconds = 253'402'300'800;
constexpr int64_t kProbeSeconds = 1'456'160'531;  // 2016-02-22T17:02:11Z: no two fields are alike

std::optional<Time> AfterEpoch(int64_t millis) {
  if (millis <= 0 || millis >= kYear10000Seconds * 1000) return std::nullopt;
  return Time(milliseconds(millis));
}

// cctz reads as many digits as there are for %Y, which breaks "%Y%m%d"; strptime has no %E4Y.
std::string CctzPattern(std::string_view format) {
  std::string pattern;
  for (size_t i = 0; i < format.size(); ++i) {
    pattern += format[i];
    if (format[i] != '%' || i + 1 == format.size()) continue;
    const char directive = format[++i];
    if (directive == 'Y') {
      pattern += "E4Y";
    } else if (directive == 'F') {
      pattern += "E4Y-%m-%d";
    } else {
      pattern += directive;
    }
  }
  return pattern;
}

// cctz skips blanks around the text and stops at a NUL.
bool Plain(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n\v\f\r";
  return !text.empty() && kBlanks.find(text.front()) == kBlanks.npos &&
         kBlanks.find(text.back()) == kBlanks.npos && text.find('\0') == text.npos;
}

std::optional<CctzTime> ParseWith(const std::string& pattern, std::string_view text,
                                  const cctz::time_zone& zone, int64_t& millis) {
  if (!Plain(text)) return std::nullopt;
  CctzTime seconds;
  cctz::detail::femtoseconds fraction{};
  if (!cctz::detail::parse(pattern, std::string(text), zone, &seconds, &fraction)) {
    return std::nullopt;
  }
  millis = std::chrono::duration_cast<milliseconds>(fraction).count();
  return seconds;
}

// Whether a moment survives being written and read, at least to its day.
bool KeepsTheDate(const std::string& pattern, const cctz::time_zone& zone) {
  const CctzTime probe{cctz::seconds(kProbeSeconds)};
  int64_t millis = 0;
  const auto read = ParseWith(pattern, cctz::format(pattern, probe, zone), zone, millis);
  return read && cctz::civil_day(zone.lookup(*read).cs) == cctz::civil_day(zone.lookup(probe).cs);
}

// Whether what is read does not depend on the zone that is given.
bool HasOffset(const std::string& pattern) {
  const cctz::time_zone utc = cctz::utc_time_zone();
  const cctz::time_zone other = cctz::fixed_time_zone(cctz::seconds(3600));
  const std::string text = cctz::format(pattern, CctzTime{cctz::seconds(kProbeSeconds)}, utc);
  int64_t millis = 0;
  return ParseWith(pattern, text, utc, millis) == ParseWith(pattern, text, other, millis);
}

// The first `count` bytes of `text` as a number; -1 unless all are digits.
template <int count>
int Digits(const char* text) {
  int value = 0;
  unsigned bad = 0;
  for (int i = 0; i < count; ++i) {
    const unsigned digit = static_cast<unsigned char>(text[i]) - unsigned{'0'};
    bad |= digit > 9 ? 1U : 0U;
    value = value * 10 + static_cast<int>(digit);
  }
  return bad != 0 ? -1 : value;
}

// Days since 1970 of a date of our era (Howard Hinnant, "chrono-Compatible Low-Level Date
// Algorithms", days_from_civil), which the standard library computes the slower way; kNoDate where
// there is no such date. A number, not an optional: this runs twice a line.
constexpr int kNoDate = INT32_MIN;
int CivilDay(int year, int month, int day) {
  static constexpr int8_t kLengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (year < 0 || month < 1 || month > 12 || day < 1) return kNoDate;
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  if (day > kLengths[month - 1] + (leap && month == 2 ? 1 : 0)) return kNoDate;
  const int y = year + 400 - (month <= 2 ? 1 : 0);  // + 400: never negative
  const int era = y / 400, year_of_era = y % 400;
  const int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return (era - 1) * 146'097 + day_of_era - 719'468;
}

std::optional<Day> DayOf(int year, int month, int day) {
  const int days = CivilDay(year, month, day);
  if (days == kNoDate) return std::nullopt;
  return Day{days};
}

}  // namespace

Result<TimeFormat> TimeFormat::Create(const std::string& format, const std::string& zone) {
  TimeFormat time;
  if (!cctz::load_time_zone(zone, &time.zone_)) {
    return Fail(Error::Kind::kUsage, "time_zone: '" + zone + "' is no known IANA zone");
  }
  if (format == "rfc3339") return time;
  time.spelling_ = format == "unix_s"    ? Spelling::kUnixSeconds
                   : format == "unix_ms" ? Spelling::kUnixMillis
                   : format == "unix_us" ? Spelling::kUnixMicros
                                         : Spelling::kPattern;
  if (time.spelling_ != Spelling::kPattern) return time;
  time.pattern_ = CctzPattern(format);
  if (!KeepsTheDate(time.pattern_, time.zone_)) {
    return Fail(Error::Kind::kUsage,
                "time_format: '" + format + "' does not carry year, month and day");
  }
  time.has_offset_ = HasOffset(time.pattern_);
  return time;
}

std::optional<Time> TimeFormat::Parse(std::string_view text) const {
  switch (spelling_) {
    case Spelling::kRfc3339:
      return ParseRfc3339(text);
    case Spelling::kUnixSeconds:
      return ParseUnixTime(text, 0);
    case Spelling::kUnixMillis:
      return ParseUnixTime(text, 3);
    case Spelling::kUnixMicros:
      return ParseUnixTime(text, 6);
    case Spelling::kPattern:
      break;
  }
  int64_t millis = 0;
  const cctz::time_zone utc = cctz::utc_time_zone();
  auto seconds = ParseWith(pattern_, text, utc, millis);
  if (!seconds) return std::nullopt;
  if (!has_offset_) {
    const auto local = zone_.lookup(utc.lookup(*seconds).cs);
    if (local.kind == cctz::time_zone::civil_lookup::SKIPPED) return std::nullopt;
    seconds = local.pre;
  }
  const int64_t count = seconds->time_since_epoch().count();
  if (count < 0 || count >= kYear10000Seconds) return std::nullopt;
  return AfterEpoch(count * 1000 + millis);
}

std::optional<Time> ParseRfc3339(std::string_view text) {
  const auto slow = [text]() -> std::optional<Time> {
    const auto time = ParseTime(text);
    return time ? AfterEpoch(time->time_since_epoch().count()) : std::nullopt;
  };
  const char* at = text.data();
  const bool millis_given = text.size() == 24 && at[19] == '.';
  if (!millis_given && text.size() != 20) return slow();
  if (at[4] != '-' || at[7] != '-' || at[10] != 'T' || at[13] != ':' || at[16] != ':' ||
      text.back() != 'Z') {
    return slow();
  }
  const int hour = Digits<2>(at + 11), minute = Digits<2>(at + 14), second = Digits<2>(at + 17);
  const int millis = millis_given ? Digits<3>(at + 20) : 0;
  const int day = CivilDay(Digits<4>(at), Digits<2>(at + 5), Digits<2>(at + 8));
  if ((hour | minute | second | millis) < 0 || hour > 23 || minute > 59 || second > 59 ||
      day == kNoDate) {
    return slow();
  }
  return AfterEpoch(day * int64_t{86'400'000} + hour * 3'600'000 + minute * 60'000 + second * 1000 +
                    millis);
}

std::optional<Time> ParseUnixTime(std::string_view text, int exponent) {
  const size_t point = text.find_first_not_of("0123456789");
  const std::string_view whole = text.substr(0, point);
  std::string_view fraction;
  if (point != text.npos) {
    fraction = text.substr(point + 1);
    const bool decimal = text[point] == '.' && !fraction.empty() &&
                         fraction.find_first_not_of("0123456789") == fraction.npos;
    if (!decimal) {
      if (text.find_first_of("eE") == text.npos) return std::nullopt;
      double value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
      const double millis = std::floor(value * std::pow(10.0, 3 - exponent));
      if (!(millis > 0 && millis < static_cast<double>(kYear10000Seconds) * 1000)) {
        return std::nullopt;
      }
      return AfterEpoch(static_cast<int64_t>(millis));
    }
  }
  if (whole.empty() || whole.size() > 18) return std::nullopt;
  int64_t value = 0;
  std::from_chars(whole.data(), whole.data() + whole.size(), value);
  if (exponent == 6) return AfterEpoch(value / 1000);
  if (exponent == 3) return AfterEpoch(value);
  if (value >= kYear10000Seconds) return std::nullopt;
  int millis = 0;
  for (size_t i = 0, scale = 100; i < 3 && i < fraction.size(); ++i, scale /= 10) {
    millis += (fraction[i] - '0') * static_cast<int>(scale);
  }
  return AfterEpoch(value * 1000 + millis);
}

std::optional<Day> ParseDayAs(std::string_view format, std::string_view text) {
  const char* at = text.data();
  if (format == "%Y-%m-%d") {
    if (text.size() != 10 || at[4] != '-' || at[7] != '-') return std::nullopt;
    return DayOf(Digits<4>(at), Digits<2>(at + 5), Digits<2>(at + 8));
  }
  if (format == "%Y%m%d") {
    if (text.size() != 8) return std::nullopt;
    return DayOf(Digits<4>(at), Digits<2>(at + 4), Digits<2>(at + 6));
  }
  int64_t millis = 0;
  const cctz::time_zone utc = cctz::utc_time_zone();
  const auto seconds = ParseWith(CctzPattern(format), text, utc, millis);
  if (!seconds) return std::nullopt;
  const auto date = cctz::civil_day(utc.lookup(*seconds).cs);
  if (date.year() < 0 || date.year() > 9999) return std::nullopt;
  return DayOf(static_cast<int>(date.year()), date.month(), date.day());
}

Result<void> CheckDayFormat(std::string_view format) {
  if (format == "-" || KeepsTheDate(CctzPattern(format), cctz::utc_time_zone())) return {};
  return Fail(Error::Kind::kUsage,
              "day_format: '" + std::string(format) + "' does not carry year, month and day");
}
