#include "collectors/brief_files.h"

#include "tests/catch.h"

// Events as inotify gives them.

using Strings = std::vector<std::string>;

namespace {
BriefFiles Written(const std::string& path) {
  BriefFiles files;
  files.Created(path);
  files.Written(path);
  return files;
}
}  // namespace

TEST_CASE("a file that was written and went is lost once", "[brief_files]") {
  BriefFiles files = Written("x.log");
  files.Deleted("x.log");
  CHECK(files.TakeLost() == Strings{"x.log"});
  CHECK(files.TakeLost().empty());
}

TEST_CASE("a file that stays, is empty, or was listed is not lost", "[brief_files]") {
  BriefFiles files = Written("listed");
  files.Listed("listed");
  files.Deleted("listed");
  files.Created("empty");
  files.Deleted("empty");
  files.Created("stays");
  files.Written("stays");
  CHECK(files.TakeLost().empty());
}

TEST_CASE("a file is followed through its renames", "[brief_files]") {
  BriefFiles files = Written("x.log");
  files.MovedFrom(1, "x.log");
  files.MovedTo(1, "x.log.1");
  files.MovedFrom(2, "x.log.1");
  files.MovedTo(2, "x.log.2");
  CHECK(files.TakeLost().empty());
  files.Deleted("x.log.2");
  CHECK(files.TakeLost() == Strings{"x.log.2"});
}

TEST_CASE("a file that is replaced by a rename is lost", "[brief_files]") {
  BriefFiles files = Written("x.log.1");
  files.MovedFrom(1, "x.log");  // that one was listed
  files.MovedTo(1, "x.log.1");
  CHECK(files.TakeLost() == Strings{"x.log.1"});
  files.Deleted("x.log.1");
  CHECK(files.TakeLost().empty());
}

// The reader woke between the two.
TEST_CASE("the halves of a rename may come one after the other", "[brief_files]") {
  BriefFiles files = Written("x.log");
  files.MovedFrom(1, "x.log");
  CHECK(files.TakeLost().empty());
  files.MovedTo(1, "x.log.1");
  CHECK(files.TakeLost().empty());
  files.Deleted("x.log.1");
  CHECK(files.TakeLost() == Strings{"x.log.1"});
}

TEST_CASE("a file that is moved out of sight is lost", "[brief_files]") {
  BriefFiles files = Written("x.log");
  files.MovedFrom(1, "x.log");
  CHECK(files.TakeLost().empty());
  CHECK(files.TakeLost() == Strings{"x.log"});
  CHECK(files.TakeLost().empty());
}

TEST_CASE("a file that was moved in and went is lost", "[brief_files]") {
  BriefFiles files;
  files.MovedTo(1, "x.log");
  files.Deleted("x.log");
  CHECK(files.TakeLost() == Strings{"x.log"});
}

TEST_CASE("a file that was compressed before it went is not lost", "[brief_files]") {
  for (const char* suffix : {".gz", ".zst"}) {
    BriefFiles files = Written("x.log.1");
    files.Created(std::string("x.log.1") + suffix);
    files.Deleted("x.log.1");
    CHECK(files.TakeLost().empty());
  }
}
