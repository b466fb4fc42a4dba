#include "collectors/files/parquet_rows.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "tests/catch.h"

namespace {

// DuckDB's files (tests/data/parquet/README.md), and their rows.
struct Sample {
  std::string name;
  int64_t rows;
};

std::vector<Sample> SamplesIn(const std::string& directory) {
  std::vector<Sample> samples;
  std::ifstream list(directory + "/rows");
  for (Sample sample; list >> sample.name >> sample.rows;) samples.push_back(sample);
  return samples;
}
const std::string kDirectory = ROLLCALL_SOURCE_DIR "/tests/data/parquet";

std::string Content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A file in memory.
class File {
 public:
  explicit File(const std::string& content) : fd_(memfd_create("file", MFD_CLOEXEC)) {
    Write(0, content);
  }
  void Write(size_t at, std::string_view bytes) {
    REQUIRE(pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(at)) ==
            static_cast<ssize_t>(bytes.size()));
  }
  void Truncate(size_t size) { REQUIRE(ftruncate(fd_.get(), static_cast<off_t>(size)) == 0); }
  RowCount Count() {
    ReadPace pace(clock_);
    return CountParquetRows(fd_.get(), pace);
  }

 private:
  SystemClock clock_;
  UniqueFd fd_;
};

RowCount Count(const std::string& content) { return File(content).Count(); }

void CheckAll(const std::string& directory) {
  const auto samples = SamplesIn(directory);
  REQUIRE(samples.size() >= 10);
  for (const auto& [name, rows] : samples) {
    const RowCount count = Count(Content(directory + "/" + name));
    CAPTURE(name);
    CHECK(count.rows == rows);
    CHECK(count.problem == (rows < 0 ? "has an encrypted footer" : ""));
  }
}

uint32_t FooterLength(const std::string& content) {
  uint32_t length = 0;
  std::memcpy(&length, content.data() + content.size() - 8, sizeof length);
  return length;
}

// Thrift's compact protocol, as far as a footer takes it: to write what no other writer would.
class Compact {
 public:
  // Field `id` of the struct begun last, of a type: 5 i32, 6 i64, 8 string, 9 list, 12 struct.
  Compact& Field(int id, int type) {
    bytes_ += static_cast<char>((id - last_.back()) << 4 | type);
    last_.back() = id;
    return *this;
  }
  Compact& Unsigned(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
    return *this;
  }
  Compact& Signed(int64_t value) {
    return Unsigned(static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63));
  }
  Compact& I64(int id, int64_t value) { return Field(id, 6).Signed(value); }
  Compact& List(int id, uint64_t size, int type = 12) {
    Field(id, 9);
    bytes_ += static_cast<char>(0xf0 | type);
    return Unsigned(size);
  }
  Compact& Raw(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  Compact& Begin() {
    last_.push_back(0);
    return *this;
  }
  Compact& End() {
    bytes_ += '\0';
    last_.pop_back();
    return *this;
  }
  // The whole file, with 100 bytes for column chunks.
  std::string File(std::string_view behind = "") {
    const std::string footer = bytes_ + std::string(behind);
    const auto length = static_cast<uint32_t>(footer.size());
    std::string tail(reinterpret_cast<const char*>(&length), sizeof length);
    return "PAR1" + std::string(100, 'x') + footer + tail + "PAR1";
  }

 private:
  std::string bytes_;
  std::vector<int> last_ = {0};
};

struct Group {
  int64_t rows = 0;
  int64_t values = 0;
  int64_t offset = 4;
  int64_t size = 100;
};

// A footer of one column, up to and with its row groups; the struct is not ended.
Compact Footer(int64_t rows, const std::vector<Group>& groups) {
  Compact file;
  file.Field(1, 5).Signed(1);
  file.List(2, 2);
  file.Begin().Field(4, 8).Unsigned(1).Raw("r").Field(5, 5).Signed(1).End();
  file.Begin().Field(4, 8).Unsigned(1).Raw("c").End();
  file.I64(3, rows).List(4, groups.size());
  for (const Group& group : groups) {
    file.Begin().List(1, 1).Begin().I64(2, 4).Field(3, 12).Begin();
    file.I64(5, group.values).I64(7, group.size).I64(9, group.offset).End().End();
    file.I64(2, 1000).I64(3, group.rows).End();
  }
  return file;
}
RowCount CountForged(int64_t rows, const std::vector<Group>& groups) {
  return Count(Footer(rows, groups).End().File());
}
// Field 15 of a whole footer is unknown, so it is skipped.
Compact WithUnknown(int type) { return Footer(0, {}).Field(15, type); }

constexpr int64_t kMost = int64_t{1} << 62;

}  // namespace

TEST_CASE("files that DuckDB wrote have the rows that DuckDB counts", "[parquet_rows]") {
  CheckAll(kDirectory);
}

// For tests/e2e/run_recount.sh, which writes the files.
TEST_CASE("files written just now have the rows that DuckDB counts", "[.written]") {
  const char* directory = std::getenv("ROLLCALL_PARQUET_DIRECTORY");
  REQUIRE(directory != nullptr);
  CheckAll(directory);
}

TEST_CASE("a Parquet file cut off anywhere is a problem", "[parquet_rows]") {
  for (const auto& sample : SamplesIn(kDirectory)) {
    const std::string content = Content(kDirectory + "/" + sample.name);
    File file(content);
    CAPTURE(sample.name);
    int64_t counted = 0;
    for (size_t size = content.size(); size-- > 0;) {
      file.Truncate(size);
      const RowCount count = file.Count();
      counted += count.rows != kUnknownCount || count.problem.empty() ? 1 : 0;
    }
    CHECK(counted == 0);
  }
}

// Two flips that agree, one in the file's num_rows and one in a row group's, cannot be noticed by
// anybody who does not read the pages.
TEST_CASE("no flip of one bit in a footer makes a wrong count", "[parquet_rows]") {
  for (const Sample& sample : SamplesIn(kDirectory)) {
    const std::string content = Content(kDirectory + "/" + sample.name);
    File file(content);
    CAPTURE(sample.name);
    int64_t wrong = 0, silent = 0;
    const auto flip_and_count = [&](size_t at) {
      for (int bit = 0; bit < 8; ++bit) {
        const char flipped = static_cast<char>(content[at] ^ 1 << bit);
        file.Write(at, {&flipped, 1});
        const RowCount count = file.Count();
        wrong += count.rows != kUnknownCount && count.rows != sample.rows ? 1 : 0;
        silent += (count.rows == kUnknownCount) == count.problem.empty() ? 1 : 0;
      }
      file.Write(at, {&content[at], 1});
    };
    for (size_t at = content.size() - 8 - FooterLength(content); at < content.size(); ++at) {
      flip_and_count(at);
    }
    for (size_t at = 0; at < 4; ++at) flip_and_count(at);
    CHECK(wrong == 0);
    CHECK(silent == 0);
  }
}

TEST_CASE("what is no Parquet file is called so", "[parquet_rows]") {
  CHECK(Count("").problem == "is too short to be a Parquet file");
  CHECK(Count("PAR1PAR1").problem == "is too short to be a Parquet file");
  CHECK(Count("{\"a\": 1, \"b\": 2}\n").problem ==
        "is not a Parquet file: it does not begin with PAR1");
  CHECK(Count("PAR1 and then nothing of the kind").problem ==
        "is cut off or damaged: it does not end with PAR1");
  CHECK(Count(std::string("PAR1\x64\0\0\0PAR1", 12)).problem ==
        "has a footer that would be longer than the file");
  CHECK(Count(std::string("PAR1\xff\xff\xff\xff"
                          "PAR1",
                          12))
            .problem == "has a footer of more than 64 MiB");
  CHECK(Count(std::string("PAR1\0\0\0\0PAR1", 12)).problem == "has a footer that ends too early");
}

TEST_CASE("a footer that contradicts itself is a problem", "[parquet_rows]") {
  CHECK(CountForged(7, {{.rows = 3, .values = 3}, {.rows = 4, .values = 9}}).rows == 7);
  CHECK(CountForged(8, {{.rows = 3, .values = 3}, {.rows = 4, .values = 4}}).problem ==
        "has a footer that says 8 rows and row groups of 7");
  CHECK(CountForged(1, {}).problem == "has a footer that says 1 rows and row groups of 0");
  CHECK(CountForged(-1, {}).problem == "has a footer with a negative num_rows");
  CHECK(CountForged(3, {{.rows = -4, .values = 1}, {.rows = 7, .values = 7}}).problem ==
        "has a footer with a negative num_rows of a row group");
  CHECK(CountForged(3, {{.rows = 3, .values = 2}}).problem ==
        "has a row group of 3 rows and a column in it of 2 values");
  const std::string too_many = "has row groups of more rows than there can be";
  CHECK(CountForged(0, {{kMost, kMost}, {kMost, kMost}}).problem == too_many);
  CHECK(CountForged(0, {{1, 1}, {INT64_MAX, INT64_MAX}}).problem == too_many);
}

TEST_CASE("a column chunk that is not in the file is a problem", "[parquet_rows]") {
  const std::string outside = "has a column chunk that is not between its beginning and its footer";
  const auto problem = [](int64_t offset, int64_t size) {
    return CountForged(1, {{.rows = 1, .values = 1, .offset = offset, .size = size}}).problem;
  };
  CHECK(problem(4, 100).empty());
  CHECK(problem(4, 101) == outside);
  CHECK(problem(3, 1) == outside);
  CHECK(problem(105, 0) == outside);
  CHECK(problem(INT64_MAX, 1) == outside);
  CHECK(problem(50, INT64_MAX) == outside);
  CHECK(CountForged(0, {{.offset = 0, .size = 0}}).problem.empty());
}

TEST_CASE("rows that a footer counts in other files are not this one's", "[parquet_rows]") {
  Compact file;
  file.List(2, 1).Begin().End().I64(3, 1).List(4, 1).Begin().List(1, 1);
  file.Begin().Field(1, 8).Unsigned(1).Raw("x").End().I64(3, 1).End().End();
  CHECK(Count(file.File()).problem == "has its rows in other files");
}

TEST_CASE("fields that are missing, doubled or of another type are a problem", "[parquet_rows]") {
  CHECK(Count(Compact().End().File()).problem == "has a footer without schema");
  CHECK(Count(Compact().List(2, 0).End().File()).problem == "has a footer without row_groups");
  CHECK(Count(Compact().List(2, 0).List(4, 0).End().File()).problem ==
        "has a footer without num_rows");
  CHECK(Count(Footer(0, {}).Raw(std::string("\x06\x06\0\0", 4)).File()).problem ==
        "has a footer with two num_rows");
  CHECK(Count(Compact().Field(3, 5).Signed(1).End().File()).problem ==
        "has a footer with a num_rows of another type");
  CHECK(Count(Compact().List(2, 1, 6).Signed(0).End().File()).problem ==
        "has a footer whose lists are of another type");
  CHECK(Count(Footer(0, {}).End().File("x")).problem ==
        "has a footer that is shorter than it says");
}

TEST_CASE("a signed footer is followed by its signature", "[parquet_rows]") {
  Compact file = Footer(3, {{.rows = 3, .values = 3}});
  file.Field(8, 12).Begin().End().End();
  CHECK(Count(file.File(std::string(28, 's'))).rows == 3);
  CHECK(Count(file.File()).problem == "has a footer that is shorter than it says");
  CHECK(Count(Footer(0, {}).End().File(std::string(28, 's'))).rows == kUnknownCount);
}

TEST_CASE("lengths that nobody could mean take neither memory nor time", "[parquet_rows]") {
  const std::string limit =
      "has a footer with a text of more than 8 MiB or a list of over a million";
  constexpr uint64_t kHuge = 0x7fffffff;
  CHECK(Count(Compact().List(2, kHuge).File()).problem == limit);
  CHECK(Count(Compact().List(2, 1 << 20).File()).problem == "has a footer that ends too early");
  CHECK(Count(Compact().List(2, 0xffffffff).File()).problem == "has a damaged footer");
  CHECK(Count(WithUnknown(8).Unsigned(kHuge).File()).problem == limit);
  CHECK(Count(WithUnknown(8).Unsigned(8 << 20).File()).problem ==
        "has a footer that ends too early");
  CHECK(Count(WithUnknown(11).Unsigned(kHuge).Raw("\xcc").File()).problem == limit);
  CHECK(Count(WithUnknown(9).Raw("\xf0").Unsigned(1 << 20).File()).problem ==
        "has a damaged footer");
  CHECK(Count(WithUnknown(6).Raw(std::string(100, '\xff')).File()).rows == kUnknownCount);
}

TEST_CASE("a footer nested without end is refused", "[parquet_rows]") {
  const std::string deep = "has a footer that is nested too deep";
  CHECK(Count(WithUnknown(9).Raw(std::string(1'000'000, '\x19')).File()).problem == deep);
  CHECK(Count(WithUnknown(12).Raw(std::string(1'000'000, '\x1c')).File()).problem == deep);
}

TEST_CASE("counting that was stopped gives no count", "[parquet_rows]") {
  const SystemClock clock;
  ReadPace pace(clock);
  pace.Stop();
  const UniqueFd fd(memfd_create("file", MFD_CLOEXEC));
  const std::string content = Footer(0, {}).End().File();
  REQUIRE(write(fd.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  CHECK(CountParquetRows(fd.get(), pace).problem == kStopped);
}
