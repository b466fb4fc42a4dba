#include "monitor/time.h"

#include "tests/catch.h"

TEST_CASE("a time is written in RFC 3339 with milliseconds and read back", "[time]") {
  const auto time = ParseTime("2016-02-22T17:02:11.123Z");
  REQUIRE(time);
  CHECK(FormatTime(*time) == "2016-02-22T17:02:11.123Z");
}

TEST_CASE("an offset moves a time to UTC", "[time]") {
  CHECK(FormatTime(ParseTime("2016-02-22 17:02:11,5+01:30").value()) == "2016-02-22T15:32:11.500Z");
}

TEST_CASE("what is no time is refused", "[time]") {
  for (const char* text :
       {"", "2016-02-30T00:00:00Z", "2016-02-22T25:00:00Z", "2016-02-22T17:02:11",
        "2016-02-22T17:02:11.Z", "2016-02-22T17:02:11+1:00", "yesterday evening!"}) {
    CHECK_FALSE(ParseTime(text));
  }
}

TEST_CASE("a day is a date or no day at all", "[time]") {
  CHECK(FormatDay(ParseDay("2016-02-29").value()) == "2016-02-29");
  CHECK(FormatDay(ParseDay("-").value()) == "-");
  CHECK_FALSE(ParseDay("2015-02-29"));
  CHECK_FALSE(ParseDay("20160222"));
}
