#include "collectors/timestamp.h"

#include <random>
#include <string>

#include "tests/catch.h"

namespace {

// What a format reads, written in RFC 3339; "none" where it reads nothing.
std::string Read(const std::string& format, std::string_view text,
                 const std::string& zone = "UTC") {
  const auto time = TimeFormat::Create(format, zone).value().Parse(text);
  return time ? FormatTime(*time) : "none";
}

std::string ReadDay(std::string_view format, std::string_view text) {
  const auto day = ParseDayAs(format, text);
  return day ? FormatDay(*day) : "none";
}

}  // namespace

TEST_CASE("the fast RFC 3339 reader agrees with the plain one on damaged times", "[timestamp]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const std::string originals[] = {"2016-02-29T17:02:11.123Z", "2016-12-31T23:59:60Z",
                                   "2100-02-28T00:00:00Z", "0000-01-01T00:00:00Z",
                                   "9999-12-31T23:59:59.999+14:00"};
  constexpr std::string_view kBytes = "0123456789-:.TtZz +/\xff";
  int accepted = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string text = originals[random() % 5];
    for (unsigned changes = random() % 3; changes > 0; --changes) {
      text[random() % text.size()] = kBytes[random() % kBytes.size()];
    }
    if (random() % 16 == 0) text.resize(random() % text.size());
    const auto plain = ParseTime(text);
    const auto fast = ParseRfc3339(text);
    INFO(text);
    if (plain && *plain > Time{} && *plain < Time(std::chrono::seconds(253'402'300'800))) {
      ++accepted;
      REQUIRE(fast == plain);
    } else {
      REQUIRE_FALSE(fast);
    }
  }
  CHECK(accepted > 10'000);
}

TEST_CASE("the date arithmetic agrees with the standard library's on every day of 800 years",
          "[timestamp]") {
  for (int days = -146'097; days < 146'097; ++days) {
    const std::string text = FormatDay(Day{days});
    REQUIRE(ParseDayAs("%Y-%m-%d", text) == Day{days});
  }
}

TEST_CASE("unix times have units and fractions", "[timestamp]") {
  CHECK(Read("unix_s", "1456160531") == "2016-02-22T17:02:11.000Z");
  CHECK(Read("unix_s", "1456160531.1239") == "2016-02-22T17:02:11.123Z");
  CHECK(Read("unix_s", "1456160531.5") == "2016-02-22T17:02:11.500Z");
  CHECK(Read("unix_ms", "1456160531123") == "2016-02-22T17:02:11.123Z");
  CHECK(Read("unix_us", "1456160531123999") == "2016-02-22T17:02:11.123Z");
  CHECK(Read("unix_s", "1.456160531e9") == "2016-02-22T17:02:11.000Z");
}

TEST_CASE("what is no unix time is refused", "[timestamp]") {
  for (const char* text :
       {"", "0", "-1456160531", "+1456160531", "1456160531 ", " 1", "1.", ".5", "1.2.3", "12a",
        "1e400", "nan", "inf", "0x10", "253402300800", "99999999999999999999999"}) {
    INFO(text);
    CHECK(Read("unix_s", text) == "none");
  }
}

TEST_CASE("a configured format is read in the configured zone", "[timestamp]") {
  const std::string format = "%Y-%m-%d %H:%M:%S";
  CHECK(Read(format, "2016-02-22 17:02:11") == "2016-02-22T17:02:11.000Z");
  CHECK(Read(format, "2016-02-22 17:02:11", "Europe/Berlin") == "2016-02-22T16:02:11.000Z");
  CHECK(Read(format, "2016-07-22 17:02:11", "Europe/Berlin") == "2016-07-22T15:02:11.000Z");
}

TEST_CASE("a time that clocks skipped is none, and one shown twice is the first", "[timestamp]") {
  const std::string format = "%Y-%m-%d %H:%M:%S";
  CHECK(Read(format, "2016-03-27 01:59:59", "Europe/Berlin") == "2016-03-27T00:59:59.000Z");
  CHECK(Read(format, "2016-03-27 02:00:00", "Europe/Berlin") == "none");
  CHECK(Read(format, "2016-03-27 02:59:59", "Europe/Berlin") == "none");
  CHECK(Read(format, "2016-03-27 03:00:00", "Europe/Berlin") == "2016-03-27T01:00:00.000Z");
  CHECK(Read(format, "2016-10-30 02:30:00", "Europe/Berlin") == "2016-10-30T00:30:00.000Z");
  CHECK(Read(format, "2016-03-27 01:00:00", "Europe/London") == "none");
  CHECK(Read("%Y-%m-%d %H:%M:%S %z", "2016-03-27 02:30:00 +0100", "Europe/Berlin") ==
        "2016-03-27T01:30:00.000Z");
  CHECK(Read("%s", "1459042200", "Europe/Berlin") == "2016-03-27T01:30:00.000Z");
  CHECK(Read("%Y-%m-%d", "2011-12-30", "Pacific/Apia") == "none");  // the day that Samoa left out
}

TEST_CASE("an offset in the text wins over the zone", "[timestamp]") {
  CHECK(Read("%d/%b/%Y:%H:%M:%S %z", "22/Feb/2016:17:02:11 +0530", "America/New_York") ==
        "2016-02-22T11:32:11.000Z");
}

TEST_CASE("a compact format needs no separators and may have fractions", "[timestamp]") {
  CHECK(Read("%Y%m%d%H%M%S", "20160222170211") == "2016-02-22T17:02:11.000Z");
  CHECK(Read("%F %H:%M:%E*S", "2016-02-22 17:02:11.25") == "2016-02-22T17:02:11.250Z");
}

TEST_CASE("what a format does not describe is refused", "[timestamp]") {
  using namespace std::string_literals;
  for (const std::string& text :
       {""s, " 2016-02-22 17:02"s, "2016-02-22 17:02 "s, "2016-02-30 17:02"s, "2016-02-22 25:02"s,
        "2016-02-22"s, "1970-01-01 00:00"s, "-999-02-22 17:02"s, "2016-02-22 17:02\0"s,
        "2016-02-22 17:02\0rest"s}) {
    INFO(text);
    CHECK(Read("%Y-%m-%d %H:%M", text) == "none");
  }
}

TEST_CASE("a time format without a year and an unknown zone are errors", "[timestamp]") {
  CHECK(TimeFormat::Create("%b %d %H:%M:%S", "UTC").error().message ==
        "time_format: '%b %d %H:%M:%S' does not carry year, month and day");
  CHECK(TimeFormat::Create("rfc3339", "Mars/Olympus").error().message ==
        "time_zone: 'Mars/Olympus' is no known IANA zone");
  CHECK_FALSE(TimeFormat::Create("", "UTC"));
  CHECK_FALSE(TimeFormat::Create("%", "UTC"));
}

TEST_CASE("days are read in the configured format", "[timestamp]") {
  CHECK(ReadDay("%Y-%m-%d", "2016-02-29") == "2016-02-29");
  CHECK(ReadDay("%Y%m%d", "20160229") == "2016-02-29");
  CHECK(ReadDay("%d.%m.%Y", "29.02.2016") == "2016-02-29");
  CHECK(ReadDay("day=%F", "day=2016-02-29") == "2016-02-29");
}

TEST_CASE("what is no date is refused", "[timestamp]") {
  for (const char* text : {"2015-02-29", "2016-2-29", "-", "", "20160229", "2016-02-29 "}) {
    INFO(text);
    CHECK(ReadDay("%Y-%m-%d", text) == "none");
  }
  CHECK(ReadDay("%Y%m%d", "2016-02-29") == "none");
  CHECK(ReadDay("%Y%m%d", "20160230") == "none");
  CHECK(ReadDay("%d.%m.%Y", "30.02.2016") == "none");
}

TEST_CASE("a day format must carry a whole date", "[timestamp]") {
  CHECK(CheckDayFormat("%Y/%m/%d"));
  CHECK(CheckDayFormat("-"));
  for (const char* format : {"%m/%d", "%Y", "%Y-W%V", "%H", "", "date"}) {
    INFO(format);
    CHECK_FALSE(CheckDayFormat(format));
  }
}
