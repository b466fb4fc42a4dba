#include "collectors/files/dead_reads.h"

#include <sys/fanotify.h>

#include "tests/catch.h"

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Events of one file by one process, and what they are told as.
struct Reads {
  DeadReads reads{4};
  Time now{std::chrono::hours(1)};
  void Take(uint64_t mask, int32_t pid = 1, const std::string& file = "a") {
    DeadRead read;
    read.files = 0;
    read.name = file;
    reads.Take(mask, pid, file, read, now);
  }
};

}  // namespace

TEST_CASE("bytes that were returned are told at once, and once", "[dead_reads]") {
  Reads reads;
  reads.Take(FAN_OPEN | FAN_ACCESS);
  const auto told = reads.reads.Told(reads.now);
  REQUIRE(told.size() == 1);
  CHECK(told[0].bytes);
  CHECK(told[0].reads == 1);
  reads.Take(FAN_ACCESS);
  reads.Take(FAN_CLOSE_NOWRITE);
  CHECK(reads.reads.Told(reads.now).empty());
}

TEST_CASE("an open is told when it is closed unwritten", "[dead_reads]") {
  Reads reads;
  reads.Take(FAN_OPEN);
  CHECK(reads.reads.Told(reads.now).empty());
  reads.Take(FAN_CLOSE_NOWRITE);
  const auto told = reads.reads.Told(reads.now);
  REQUIRE(told.size() == 1);
  CHECK(!told[0].bytes);
}

TEST_CASE("an open for writing is no read", "[dead_reads]") {
  Reads reads;
  reads.Take(FAN_OPEN | FAN_MODIFY);
  reads.now += DeadReads::kPatience;
  CHECK(reads.reads.Told(reads.now).empty());
  reads.Take(FAN_CLOSE_WRITE);
  CHECK(reads.reads.Told(reads.now).empty());
  CHECK(!reads.reads.Knows(1, "a"));
}

TEST_CASE("that a file was opened by its maker is no read", "[dead_reads]") {
  Reads reads;
  reads.Take(FAN_OPEN);
  reads.reads.Made(1, "a");
  CHECK(reads.reads.Told(reads.now + DeadReads::kPatience).empty());
}

TEST_CASE("a file that is read and written was read", "[dead_reads]") {
  Reads reads;
  reads.Take(FAN_OPEN | FAN_ACCESS | FAN_MODIFY | FAN_CLOSE_WRITE);
  CHECK(reads.reads.Told(reads.now).size() == 1);
}

TEST_CASE("what stays open is told in the end", "[dead_reads]") {
  Reads reads;
  reads.Take(FAN_OPEN);
  CHECK(reads.reads.Told(reads.now + DeadReads::kPatience - milliseconds(1)).empty());
  CHECK(reads.reads.Told(reads.now + DeadReads::kPatience).size() == 1);
  CHECK(reads.reads.Told(reads.now + 2 * DeadReads::kPatience).empty());
  SECTION("and its bytes are no further read") {
    reads.Take(FAN_ACCESS);
    const auto told = reads.reads.Told(reads.now);
    REQUIRE(told.size() == 1);
    CHECK(told[0].bytes);
    CHECK(told[0].reads == 0);
  }
  SECTION("and its end tells nothing new") {
    reads.Take(FAN_CLOSE_NOWRITE);
    CHECK(reads.reads.Told(reads.now).empty());
  }
}

TEST_CASE("one that was open before anybody looked is a read at its end", "[dead_reads]") {
  Reads reads;
  reads.Take(FAN_CLOSE_NOWRITE);
  REQUIRE(reads.reads.Told(reads.now).size() == 1);
}

TEST_CASE("reads of one file by one process are one, with their number", "[dead_reads]") {
  Reads reads;
  for (int i = 0; i < 3; ++i) reads.Take(FAN_OPEN | FAN_ACCESS | FAN_CLOSE_NOWRITE);
  reads.Take(FAN_OPEN | FAN_ACCESS | FAN_CLOSE_NOWRITE, 2);
  reads.Take(FAN_OPEN | FAN_ACCESS | FAN_CLOSE_NOWRITE, 1, "b");
  const auto told = reads.reads.Told(reads.now);
  REQUIRE(told.size() == 3);
  CHECK(told[0].reads == 3);
  CHECK(told[1].reads == 1);
  CHECK(told[2].name == "b");
}

TEST_CASE("opens beyond what is kept are told as such, the oldest first", "[dead_reads]") {
  Reads reads;
  for (int32_t pid = 1; pid <= 6; ++pid) reads.Take(FAN_OPEN, pid);
  const auto told = reads.reads.Told(reads.now);
  CHECK(told.size() == 2);
  CHECK(!reads.reads.Knows(1, "a"));
  CHECK(reads.reads.Knows(6, "a"));
}
