#include "collectors/files/line_rows.h"

#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "tests/catch.h"
#include "tests/compressed.h"

namespace {

RowCount Count(const std::string& content, const std::string& name = "x.evt") {
  const SystemClock clock;
  ReadPace pace(clock);
  const UniqueFd fd(memfd_create("file", MFD_CLOEXEC));
  REQUIRE(write(fd.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  return CountLineRows(fd.get(), name, pace);
}

std::string Records(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "{\"event\": " + std::to_string(i * 7919) + "}\n";
  return text;
}

}  // namespace

TEST_CASE("each newline ends a record, and the last one needs none", "[line_rows]") {
  CHECK(Count("").rows == 0);
  CHECK(Count("\n").rows == 1);
  CHECK(Count("a").rows == 1);
  CHECK(Count("a\nb\n").rows == 2);
  CHECK(Count("a\nb").rows == 2);
  CHECK(Count(Records(100'000)).rows == 100'000);
}

TEST_CASE("compressed records are counted by content, of several members, too", "[line_rows]") {
  const std::string text = Records(100'000), more = Records(7);
  for (const std::string name : {"x.evt.gz", "x.evt"}) {
    CHECK(Count(Gzip(text), name).rows == 100'000);
    CHECK(Count(Gzip(text) + Gzip(more), name).rows == 100'007);
  }
  CHECK(Count(Zstd(text), "x.zst").rows == 100'000);
  CHECK(Count(Zstd(text) + Zstd(more), "x").rows == 100'007);
  CHECK(Count(Gzip(""), "x.gz").rows == 0);
  CHECK(Count(Gzip("a\nb"), "x.gz").rows == 2);
}

TEST_CASE("an archive cut off anywhere is a problem", "[line_rows]") {
  const std::string text = Records(300);
  for (const auto& [archive, name] :
       {std::pair(Gzip(text), "x.gz"), std::pair(Zstd(text), "x.zst")}) {
    for (size_t size = 0; size < archive.size(); ++size) {
      const RowCount count = Count(archive.substr(0, size), name);
      CAPTURE(name, size);
      CHECK(count.rows == kUnknownCount);
      CHECK(!count.problem.empty());
    }
  }
  CHECK(Count(Gzip(text).substr(0, 500), "x").problem ==
        "is incomplete: the last record has no end");
}

TEST_CASE("what stands behind an archive is a problem", "[line_rows]") {
  for (const std::string garbage : {"x", "\n", "more lines\nmore lines\n"}) {
    CHECK(Count(Gzip("a\n") + garbage).rows == kUnknownCount);
    CHECK(Count(Zstd("a\n") + garbage).rows == kUnknownCount);
  }
  CHECK(Count(Gzip("a\n") + std::string(512, '\0')).rows == 1);  // tapes pad so
}

TEST_CASE("a wrong checksum of a gz is a problem", "[line_rows]") {
  std::string archive = Gzip(Records(300));
  archive[archive.size() - 8] ^= 1;
  CHECK(Count(archive).problem == "is damaged: its compressed data makes no sense");
}

TEST_CASE("newlines of what is not made of lines are not counted", "[line_rows]") {
  CHECK(Count("BZh91AY\n\n").problem == "is not made of lines: it is bzip2");
  CHECK(Count("PAR1\n").problem == "is not made of lines: it is Parquet");
  CHECK(Count("a\n", "x.gz").problem == "is called .gz and is not compressed");
  CHECK(Count("", "x.zst").problem == "is called .zst and is not compressed");
}

TEST_CASE("a small archive of endless lines is counted in little memory", "[line_rows]") {
  CHECK(Count(Gzip(std::string(64 << 20, '\n'))).rows == 64 << 20);
}
