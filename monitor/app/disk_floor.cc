#include "monitor/app/disk_floor.h"

#include <sys/statvfs.h>

#include <algorithm>

int64_t BytesBelowFloor(const std::string& directory) {
  constexpr double kMost = 1024.0 * 1024 * 1024, kShare = 0.05;
  struct statvfs disk {};
  if (statvfs(directory.c_str(), &disk) != 0) return 0;
  const auto free = static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize);
  const auto size = static_cast<double>(disk.f_blocks) * static_cast<double>(disk.f_frsize);
  return static_cast<int64_t>(std::max(0.0, std::min(kShare * size, kMost) - free));
}
