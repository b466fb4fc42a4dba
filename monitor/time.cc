#include "monitor/time.h"

#include <time.h>

#include <cstdio>

namespace {

using std::chrono::milliseconds;

// Reads exactly `count` digits at `at`; -1 where there is anything else.
int Digits(std::string_view text, size_t at, size_t count) {
  if (at + count > text.size()) return -1;
  int value = 0;
  for (size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

// Minutes east of UTC of "Z", "+01:00", "-0530" at the end of a timestamp; nothing for rubbish.
std::optional<int> OffsetMinutes(std::string_view zone) {
  if (zone == "Z" || zone == "z") return 0;
  if (zone.size() < 5 || (zone[0] != '+' && zone[0] != '-')) return std::nullopt;
  const size_t minute_at = zone[3] == ':' ? 4 : 3;
  const int hours = Digits(zone, 1, 2);
  const int minutes = Digits(zone, minute_at, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return std::nullopt;
  if (zone.size() != minute_at + 2) return std::nullopt;
  const int total = hours * 60 + minutes;
  return zone[0] == '-' ? -total : total;
}

std::optional<Day> CivilDay(int year, int month, int day) {
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return Day{static_cast<int32_t>(std::chrono::sys_days(date).time_since_epoch().count())};
}

}  // namespace

std::string FormatTime(Time time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  char buffer[40];
  std::snprintf(
      buffer, sizeof buffer, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return buffer;
}

std::optional<Time> ParseTime(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[13] != ':' || text[16] != ':') {
    return std::nullopt;
  }
  if (text[10] != 'T' && text[10] != 't' && text[10] != ' ') return std::nullopt;
  const int year = Digits(text, 0, 4), month = Digits(text, 5, 2), day = Digits(text, 8, 2);
  const int hour = Digits(text, 11, 2), minute = Digits(text, 14, 2), second = Digits(text, 17, 2);
  if (year < 0 || month < 1 || day < 1 || hour < 0 || minute < 0 || second < 0) return std::nullopt;
  if (hour > 23 || minute > 59 || second > 60) return std::nullopt;  // 60: a leap second
  size_t at = 19;
  int millis = 0;
  if (text[at] == '.' || text[at] == ',') {
    int scale = 100;
    const size_t first = ++at;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, scale /= 10) {
      millis += (text[at] - '0') * scale;
    }
    if (at == first) return std::nullopt;
  }
  const auto offset = OffsetMinutes(text.substr(at));
  const auto date = CivilDay(year, month, day);
  if (!offset || !date) return std::nullopt;
  return StartOf(*date) + std::chrono::hours(hour) + std::chrono::minutes(minute - *offset) +
         std::chrono::seconds(second) + milliseconds(millis);
}

std::string FormatDay(Day day) {
  if (day.days == Day::kNone) return "-";
  return FormatTime(StartOf(day)).substr(0, 10);
}

std::optional<Day> ParseDay(std::string_view text) {
  if (text == "-") return Day{};
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const int year = Digits(text, 0, 4), month = Digits(text, 5, 2), day = Digits(text, 8, 2);
  if (year < 0 || month < 1 || day < 1) return std::nullopt;
  return CivilDay(year, month, day);
}

Time StartOf(Day day) { return Time(std::chrono::days(day.days)); }

Time SystemClock::Now() const {
  return std::chrono::floor<milliseconds>(std::chrono::system_clock::now());
}

milliseconds SystemClock::SinceBoot() const {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec) + milliseconds(now.tv_nsec / 1'000'000);
}
