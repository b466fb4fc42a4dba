#include "collectors/path_template.h"

#include "tests/catch.h"

TEST_CASE("project and day are taken out of a path", "[path_template]") {
  PathTemplate paths;
  CHECK(paths.Of("/data/row/acme/2016-02-22.evt", "acme", "2016-02-22") ==
        "/data/row/{project}/{day}.evt");
  CHECK(paths.Of("/data/row/acme-2016-02-22.evt", "acme", "2016-02-22") ==
        "/data/row/{project}-{day}.evt");
}

TEST_CASE("a project is not taken out of the middle of a word", "[path_template]") {
  PathTemplate paths;
  CHECK(paths.Of("/data/row/a/2016.evt", "a", "2016") == "/data/row/{project}/{day}.evt");
  CHECK(paths.Of("/data/acmeacme/x", "acme", "") == "/data/acmeacme/x");
}

TEST_CASE("a path without either stays as it is, however long", "[path_template]") {
  PathTemplate paths;
  CHECK(paths.Of("", "acme", "d") == "");
  const std::string path(5000, 'x');
  CHECK(paths.Of(path, "x", "x") == path);
}

TEST_CASE("project and day are taken out of a long path, too", "[path_template]") {
  PathTemplate paths;
  const std::string directory = "/srv/" + std::string(200, 'd') + "/canonical/row";
  CHECK(paths.Of(directory + "/a/2016-02-22.evt", "a", "2016-02-22") ==
        directory + "/{project}/{day}.evt");
}
