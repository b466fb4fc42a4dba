#include "collectors/files/file_pattern.h"

#include <chrono>
#include <string>

#include "tests/catch.h"

namespace {

FilePattern Parsed(const std::string& path) {
  auto pattern = FilePattern::Parse(path);
  if (!pattern) FAIL(pattern.error().message);
  return *std::move(pattern);
}

std::string Told(const std::optional<FilePattern::Match>& match) {
  if (!match) return "nothing";
  return std::string(match->project) + " " + FormatDay(match->day);
}

std::string Of(const std::string& pattern, const std::string& directory, const std::string& name) {
  return Told(Parsed(pattern).MatchFile(directory, name));
}

using Place = FilePattern::Place;

}  // namespace

TEST_CASE("a path of a format tells its project and its day", "[file_pattern]") {
  const std::string plain = "/data/columnar/{project}/{day}.parquet";
  CHECK(Of(plain, "/data/columnar/acme", "2016-02-22.parquet") == "acme 2016-02-22");
  CHECK(Of(plain, "/data/columnar/a.b-c", "2016-02-29.parquet") == "a.b-c 2016-02-29");
  const std::string parts = "/data/{project}/{day}/*.parquet";
  CHECK(Of(parts, "/data/acme/2016-02-22", "part-0.parquet") == "acme 2016-02-22");
  const std::string flat = "/data/{project}-{day}.evt";
  CHECK(Of(flat, "/data", "acme-eu-2016-02-22.evt") == "acme-eu 2016-02-22");
  CHECK(Of(flat, "/data", "2016-01-01-2016-02-22.evt") == "2016-01-01 2016-02-22");
  CHECK(Of("/{project}/{day}", "/acme", "2016-02-22") == "acme 2016-02-22");
  CHECK(Of("/{project}-{day}", "/", "acme-2016-02-22") == "acme 2016-02-22");
}

TEST_CASE("what is not quite the path of a format is not canonical", "[file_pattern]") {
  const std::string plain = "/data/columnar/{project}/{day}.parquet";
  for (const char* name :
       {"2016-02-30.parquet", "2016-2-22.parquet", "2016-02-22.parquet.tmp", "2016-02-22.parque",
        "", ".2016-02-22.parquet", "x2016-02-22.parquet", "-.parquet"}) {
    INFO(name);
    CHECK(Of(plain, "/data/columnar/acme", name) == "nothing");
  }
  for (const char* directory : {"/data/columnar", "/data/columnar/acme/x", "/data/row/acme",
                                "/data/columnar/.acme", "", "/"}) {
    INFO(directory);
    CHECK(Of(plain, directory, "2016-02-22.parquet") == "nothing");
  }
}

TEST_CASE("a project or a day that stands twice is the same both times", "[file_pattern]") {
  const std::string twice = "/data/{project}/{day}/{project}-{day}.evt";
  CHECK(Of(twice, "/data/acme/2016-02-22", "acme-2016-02-22.evt") == "acme 2016-02-22");
  CHECK(Of(twice, "/data/acme/2016-02-22", "acm-2016-02-22.evt") == "nothing");
  CHECK(Of(twice, "/data/acme/2016-02-22", "acme-2016-02-23.evt") == "nothing");
  // The shorter reading of the directory does not fit the name; the longer one does.
  const std::string loose = "/data/{project}-*/{project}.{day}";
  CHECK(Of(loose, "/data/acme-eu-1", "acme-eu.2016-02-22") == "acme-eu 2016-02-22");
}

TEST_CASE("wildcards stay within their component and do not find what is hidden",
          "[file_pattern]") {
  const std::string pattern = "/d/disk*/{project}/{day}/part-?.*";
  CHECK(Of(pattern, "/d/disk12/acme/2016-02-22", "part-7.pq") == "acme 2016-02-22");
  CHECK(Of(pattern, "/d/disk/acme/2016-02-22", "part-7.") == "acme 2016-02-22");
  CHECK(Of(pattern, "/d/disk/x/acme/2016-02-22", "part-7.pq") == "nothing");
  CHECK(Of(pattern, "/d/disk12/acme/2016-02-22", "part-.pq") == "nothing");
  CHECK(Of("/d/{project}/{day}/*", "/d/acme/2016-02-22", ".part-1") == "nothing");
  CHECK(Of("/d/{project}/{day}/?part", "/d/acme/2016-02-22", ".part") == "nothing");
  CHECK(Of("/d/{project}/.{day}*", "/d/acme", ".2016-02-22.x") == "acme 2016-02-22");
  CHECK(Of("/d/{project}/*{day}*.evt", "/d/acme", "a-2016-02-30-2016-02-22.evt") ==
        "acme 2016-02-22");
  CHECK(Of("/d/{project}/{day}/[a].evt", "/d/acme/2016-02-22", "[a].evt") == "acme 2016-02-22");
}

TEST_CASE("a directory is a leaf, on the way to one, or elsewhere", "[file_pattern]") {
  const auto pattern = Parsed("/data/*/{project}/{day}/x-*.evt");
  CHECK(pattern.PlaceOf("/data/a/acme/2016-02-22") == Place::kLeaf);
  for (const char* directory : {"/", "/data", "/data/a", "/data/a/acme"}) {
    INFO(directory);
    CHECK(pattern.PlaceOf(directory) == Place::kOnTheWay);
  }
  for (const char* directory : {"/dat", "/data/.a", "/data/a/acme/2016-02-31", "/data/a/acme/x",
                                "/data/a/acme/2016-02-22/y", "", "data"}) {
    INFO(directory);
    CHECK(pattern.PlaceOf(directory) == Place::kElsewhere);
  }
  CHECK(pattern.PlaceOf("/data/a/acme", "2016-02-22") == Place::kLeaf);
  CHECK(pattern.PlaceOf("/", "data") == Place::kOnTheWay);
  CHECK(Parsed("/{project}-{day}").PlaceOf("/") == Place::kLeaf);
}

TEST_CASE("the root is what stands before placeholders and wildcards", "[file_pattern]") {
  CHECK(Parsed("/data/columnar/{project}/{day}.parquet").root() == "/data/columnar");
  CHECK(Parsed("/data//./x/d*/{project}/{day}").root() == "/data/x");
  CHECK(Parsed("/data/{project}-{day}.evt").root() == "/data");
  CHECK(Parsed("/{project}/{day}/events").root() == "/");
}

TEST_CASE("a bare name says what it can of its project and day", "[file_pattern]") {
  const auto dated = Parsed("/data/{project}/{day}.evt");
  CHECK(dated.name_tells());
  CHECK(Told(dated.MatchName("2016-02-22.evt")) == " 2016-02-22");
  CHECK(Told(dated.MatchName("2016-02-22.evt.gz")) == "nothing");
  CHECK(Told(Parsed("/data/{project}-{day}.evt").MatchName("acme-2016-02-22.evt")) ==
        "acme 2016-02-22");
  const auto parts = Parsed("/data/{project}/{day}/*.parquet");
  CHECK_FALSE(parts.name_tells());
  CHECK(Told(parts.MatchName("part-0.parquet")) == " -");
}

TEST_CASE("a path that cannot be a format's is refused with its reason", "[file_pattern]") {
  const auto why = [](const char* path) {
    const auto pattern = FilePattern::Parse(path);
    return pattern ? std::string("none") : pattern.error().message;
  };
  CHECK(why("data/{project}/{day}") == "data/{project}/{day}: is not an absolute path");
  CHECK(why("/data/{day}") == "/data/{day}: must contain {project}");
  CHECK(why("/data/{project}") == "/data/{project}: must contain {day}");
  CHECK(why("/data/../{project}/{day}") == "/data/../{project}/{day}: contains \"..\"");
  CHECK(why("/data/{project}/{day}/") == "/data/{project}/{day}/: names no file");
}

TEST_CASE("a name made to be read in many ways costs little", "[file_pattern]") {
  const auto pattern = Parsed("/d/{project}/{day}/*a*a*a*a*a*a*a*a*b");
  const std::string name(255, 'a');
  const auto begin = std::chrono::steady_clock::now();
  CHECK_FALSE(pattern.MatchFile("/d/acme/2016-02-22", name));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(1));
}
