#include "monitor/output_book.h"

#include "tests/catch.h"

namespace {

std::string Directory(const std::string& path, const std::string& day = "2016-02-05") {
  return OutputDirectory(path, ParseDay(day).value());
}

}  // namespace

TEST_CASE("the directory of a path is what is before its last slash", "[output]") {
  CHECK(Directory("/data/row/{project}/{day}.evt") == "/data/row/{project}");
  CHECK(Directory("/data/row/{project}/{day}/part-00017-ab12.evt") == "/data/row/{project}/{day}");
  CHECK(Directory("file.evt").empty());
  CHECK(Directory("").empty());
}

TEST_CASE("a day that the path spells otherwise than the log is taken out", "[output]") {
  for (const std::string day :
       {"20160205", "2016-02-05", "2016/02/05", "2016.02.05", "2016/2/5", "2016/02", "2016-02"}) {
    INFO(day);
    CHECK(Directory("/data/" + day + "/acme.evt") == "/data/{day}");
  }
  CHECK(Directory("/data/year=2016/month=2/day=5/acme.evt") == "/data/year={day}");
}

TEST_CASE("a day in the file's own name leaves no part of it in the directory", "[output]") {
  CHECK(Directory("/data/2016/02/05.evt") == "/data");
}

TEST_CASE("other numbers than the day stay", "[output]") {
  CHECK(Directory("/data/v2016/x.evt") == "/data/v2016");
  CHECK(Directory("/data/2016-03/x.evt") == "/data/2016-03");
  CHECK(Directory("/data/12016-02-05/x.evt") == "/data/12016-02-05");
  CHECK(Directory("/data/2016-02-051/x.evt") == "/data/2016-02-051");
  CHECK(Directory("/data/201602059/x.evt") == "/data/201602059");
  CHECK(OutputDirectory("/data/2016-02-05/x.evt", Day{}) == "/data/2016-02-05");
}
