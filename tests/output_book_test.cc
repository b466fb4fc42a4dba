#include "monitor/output_book.h"

#include "tests/catch.h"

TEST_CASE("the directory of a path is what is before its last slash", "[output]") {
  CHECK(OutputDirectory("/data/row/{project}/{day}.evt") == "/data/row/{project}");
  CHECK(OutputDirectory("/data/row/{project}/{day}/part-00017-ab12.evt") ==
        "/data/row/{project}/{day}");
  CHECK(OutputDirectory("file.evt").empty());
  CHECK(OutputDirectory("").empty());
}

TEST_CASE("a date in parts is a day", "[output]") {
  for (const std::string date :
       {"{day}", "{year}{month}{day}", "{year}/{month}/{day}", "{year}{month}", "{year}-{month}"}) {
    INFO(date);
    CHECK(OutputDirectory("/data/" + date + "/{project}.evt") == "/data/{day}");
  }
  CHECK(OutputDirectory("/data/year={year}/month={month}/day={day}/x") == "/data/year={day}");
}

TEST_CASE("a date whose end is the file's own name leaves no part of it in the directory",
          "[output]") {
  CHECK(OutputDirectory("/data/{project}/{year}/{month}/{day}.evt") == "/data/{project}");
}

TEST_CASE("parts that belong to no date stay", "[output]") {
  CHECK(OutputDirectory("/data/v{year}/x.evt") == "/data/v{year}");
  CHECK(OutputDirectory("/data/{year}/{project}/{month}/x") == "/data/{year}/{project}/{month}");
}
