#pragma once

#include <dirent.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// What is in one directory, as the kernel lists it. Used again for one directory after the other,
// so that listing does not allocate. One thread.
class DirectoryNames {
 public:
  struct Entry {
    uint64_t inode = 0;  // of a mount point: of the directory beneath it
    uint32_t at = 0;
    uint8_t type = DT_UNKNOWN;
  };

  // 0 or an errno; then what there is of it is of no use. In order of inode numbers: to stat in
  // that order spares a disk most of its seeks (half the time at worst, cold) and costs nothing.
  int Read(int directory);

  const std::vector<Entry>& entries() const { return entries_; }
  // Ends with a zero; until the next Read().
  const char* name(const Entry& entry) const { return text_.data() + entry.at; }

 private:
  std::vector<Entry> entries_;
  std::string text_;
};
