#include "collectors/path_template.h"

#include <string>

#include "tests/catch.h"

namespace {

std::string Of(std::string_view path, std::string_view project, std::string_view day_text,
               const std::string& day = "2016-02-22") {
  PathTemplate paths;
  return std::string(paths.Of(path, project, day_text, ParseDay(day).value()));
}

}  // namespace

TEST_CASE("project and day are taken out of a path", "[path_template]") {
  CHECK(Of("/data/row/acme/2016-02-22.evt", "acme", "2016-02-22") ==
        "/data/row/{project}/{day}.evt");
  CHECK(Of("/data/row/acme-22.02.2016.evt", "acme", "22.02.2016") ==
        "/data/row/{project}-{day}.evt");
}

TEST_CASE("a path may spell the day in its own way", "[path_template]") {
  const auto of = [](std::string_view path) { return Of(path, "acme", "2016-02-22"); };
  CHECK(Of("/data/acme/2016-02-22.evt", "acme", "20160222") == "/data/{project}/{day}.evt");
  CHECK(of("/data/2016/02/22/acme.evt") == "/data/{year}/{month}/{day}/{project}.evt");
  CHECK(of("/data/acme/20160222.evt") == "/data/{project}/{year}{month}{day}.evt");
  CHECK(of("/data/year=2016/month=2/day=22/x") == "/data/year={year}/month={month}/day={day}/x");
  CHECK(of("/data/201602/acme/22.evt") == "/data/{year}{month}/{project}/{day}.evt");
  CHECK(of("/data/2016/0222/acme") == "/data/{year}/{month}{day}/{project}");
  CHECK(of("/data/2016/acme/y2016m02d22") == "/data/{year}/{project}/y{year}m{month}d{day}");
}

TEST_CASE("other numbers stay in the path", "[path_template]") {
  const auto of = [](std::string_view path) { return Of(path, "acme", "2016-02-22"); };
  CHECK(of("/data-02/22/acme") == "/data-02/22/{project}");
  CHECK(of("/data/2015/02/22") == "/data/2015/02/22");
  CHECK(of("/data/2016/03/22") == "/data/{year}/03/22");
  CHECK(of("/data/20160222170211/12016/20160") == "/data/20160222170211/12016/20160");
  CHECK(of("/data/2016/02/22/22") == "/data/{year}/{month}/{day}/22");
  CHECK(Of("/data/1970/01/01", "acme", "", "-") == "/data/1970/01/01");
}

TEST_CASE("a project is not taken out of the middle of a word", "[path_template]") {
  CHECK(Of("/data/row/a/2016.evt", "a", "2016") == "/data/row/{project}/{day}.evt");
  CHECK(Of("/data/acmeacme/x", "acme", "") == "/data/acmeacme/x");
}

TEST_CASE("a path without either stays as it is, however long", "[path_template]") {
  CHECK(Of("", "acme", "d").empty());
  const std::string path(5000, 'x');
  CHECK(Of(path, "x", "x") == path);
}

TEST_CASE("project and day are taken out of a long path, too", "[path_template]") {
  const std::string deep = "/" + std::string(3000, 'd') + "/";
  CHECK(Of(deep + "acme/2016-02-22", "acme", "2016-02-22") == deep + "{project}/{day}");
}
