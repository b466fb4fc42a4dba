// A Parquet file is "PAR1", column chunks, the footer, its length (4 bytes, little-endian), "PAR1";
// one with an encrypted footer has "PARE" at both ends. Source:
// https://github.com/apache/parquet-format, README.md and Encryption.md.
#include "collectors/files/parquet_rows.h"

#include <endian.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "collectors/files/parquet_footer.h"

namespace {

constexpr int64_t kMagicSize = 4;
constexpr int64_t kTailSize = 8;
constexpr int64_t kLongestFooter = int64_t{64} << 20;

}  // namespace

RowCount CountParquetRows(int fd, ReadPace& pace) {
  RowCount unreadable{.problem = "cannot be read"};
  struct stat status;
  if (fstat(fd, &status) != 0) return unreadable;
  const int64_t size = status.st_size;
  if (size < kMagicSize + kTailSize) return {.problem = "is too short to be a Parquet file"};
  std::array<char, kMagicSize> head;
  std::array<char, kTailSize> tail;
  if (!pace.Take(kMagicSize + kTailSize)) return {.problem = std::string(kStopped)};
  if (pread(fd, head.data(), head.size(), 0) != kMagicSize ||
      pread(fd, tail.data(), tail.size(), size - kTailSize) != kTailSize) {
    return unreadable;
  }
  const std::string_view first(head.data(), head.size());
  const std::string_view last(tail.data() + kMagicSize, kMagicSize);
  if (first == "PARE" && last == "PARE") return {.problem = "has an encrypted footer"};
  if (first != "PAR1") return {.problem = "is not a Parquet file: it does not begin with PAR1"};
  if (last != "PAR1") return {.problem = "is cut off or damaged: it does not end with PAR1"};
  uint32_t length = 0;
  std::memcpy(&length, tail.data(), sizeof length);
  length = le32toh(length);
  if (length > kLongestFooter) return {.problem = "has a footer of more than 64 MiB"};
  const int64_t end = size - kTailSize;
  if (length > end - kMagicSize) {
    return {.problem = "has a footer that would be longer than the file"};
  }
  return CountFooterRows(fd, end - length, end, pace);
}
