#include "collectors/files/directory_names.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace {

// getdents64(2). The name ends with a zero; `size` is of the whole record.
struct Record {
  uint64_t inode;
  int64_t offset;
  uint16_t size;
  uint8_t type;
};
constexpr size_t kNameAt = 19;

constexpr size_t kKeptBytes = 1 << 20;

}  // namespace

int DirectoryNames::Read(int directory) {
  // A huge directory before this one is no reason to hold its memory for ever.
  if (text_.capacity() > kKeptBytes) {
    text_ = {};
    entries_ = {};
  }
  text_.clear();
  entries_.clear();
  if (lseek(directory, 0, SEEK_SET) != 0) return errno;
  alignas(8) std::array<char, 32 * 1024> buffer;
  for (;;) {
    const long size = syscall(SYS_getdents64, directory, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno;
    if (size == 0) break;
    for (long at = 0; at < size;) {
      Record record;
      std::memcpy(&record, buffer.data() + at, kNameAt);
      const std::string_view name(buffer.data() + at + kNameAt);
      at += record.size;
      if (name == "." || name == "..") continue;
      entries_.push_back({record.inode, static_cast<uint32_t>(text_.size()), record.type});
      text_.append(name.data(), name.size() + 1);
    }
  }
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return a.inode < b.inode; });
  return 0;
}
