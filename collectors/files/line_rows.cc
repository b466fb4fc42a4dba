#include "collectors/files/line_rows.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "collectors/log_stream.h"

namespace {

constexpr size_t kBlock = 128 * 1024;

// Formats in which a newline means nothing, by how their files begin.
struct Binary {
  std::string_view magic, name;
};
constexpr std::array<Binary, 5> kBinaries{{
    {{"\xfd"
      "7zXZ\0",
      6},
     "xz"},
    {"BZh", "bzip2"},
    {"\x04\x22\x4d\x18", "lz4"},
    {"\x1f\x9d", "compress"},
    {"PAR1", "Parquet"},
}};

// The claim that the file's name makes, where its content is plain.
std::string WhyNotPlain(std::string_view name, std::string_view first_bytes) {
  for (const Binary& binary : kBinaries) {
    if (first_bytes.starts_with(binary.magic)) {
      return "is not made of lines: it is " + std::string(binary.name);
    }
  }
  for (const std::string_view suffix : {".gz", ".zst"}) {
    if (name.ends_with(suffix))
      return "is called " + std::string(suffix) + " and is not compressed";
  }
  return "";
}

struct Lines {
  int64_t ended = 0;
  bool open = false;  // something stands after the last newline

  void Add(std::string_view bytes) {
    ended += std::count(bytes.begin(), bytes.end(), '\n');
    open = bytes.back() != '\n';
  }
  int64_t rows() const { return ended + (open ? 1 : 0); }
};

RowCount EndOf(const Lines& lines, const LogStream::Chunk& end) {
  switch (end.status) {
    case StreamStatus::kEnd:
      return {lines.rows(), ""};
    case StreamStatus::kIncomplete:
      if (lines.open) return {.problem = "is incomplete: the last record has no end"};
      return {.problem = "is incomplete: its compressed data ends too early"};
    case StreamStatus::kDamaged:
      return {.problem = "is damaged: its compressed data makes no sense"};
    case StreamStatus::kTooLarge:
      return {.problem = "needs more than 32 MiB to be unpacked"};
    default:
      return {.problem = std::string(WhyNotRead(end.status, end.error))};
  }
}

}  // namespace

RowCount CountLineRows(int fd, std::string_view name, ReadPace& pace) {
  LogInput input = LogInput::File(UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 0)));
  LogStream stream(input);
  std::vector<char> block(kBlock);
  Lines lines;
  for (;;) {
    // Bytes made are paid for, not bytes read: a small archive may hold a great deal.
    if (!pace.Take(kBlock)) return {.problem = std::string(kStopped)};
    const bool first = stream.offset() == 0;
    const LogStream::Chunk chunk = stream.Read(block, {});
    const std::string_view bytes(block.data(), chunk.size);
    if (first && !stream.compressed()) {
      if (std::string why = WhyNotPlain(name, bytes); !why.empty()) return {.problem = why};
    }
    if (chunk.status != StreamStatus::kBytes) return EndOf(lines, chunk);
    lines.Add(bytes);
  }
}
