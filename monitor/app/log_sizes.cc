// RFC 1952: a gzip file ends with its size modulo 2^32, little endian. RFC 8878: a Zstandard frame
// may say its size in its header.
#include "monitor/app/log_sizes.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <array>
#include <cstring>

namespace {

// What a file holds once decompressed; 0: it does not say.
int64_t BytesIn(int fd, int64_t size) {
  std::array<unsigned char, 18> head{};  // of a frame, at most
  std::array<unsigned char, 4> end{};
  const ssize_t read = pread(fd, head.data(), head.size(), 0);
  if (read >= 2 && head[0] == 0x1f && head[1] == 0x8b) {
    if (pread(fd, end.data(), end.size(), size - 4) != 4) return 0;
    const int64_t holds = end[0] | end[1] << 8 | end[2] << 16 | int64_t{end[3]} << 24;
    return holds > size ? holds : 0;  // else there are several members, or more than 4 GiB
  }
  constexpr std::array<unsigned char, 4> kZstd = {0x28, 0xb5, 0x2f, 0xfd};
  if (read < 4 || std::memcmp(head.data(), kZstd.data(), kZstd.size()) != 0) return size;
  const auto holds = ZSTD_getFrameContentSize(head.data(), static_cast<size_t>(read));
  if (holds == ZSTD_CONTENTSIZE_UNKNOWN || holds == ZSTD_CONTENTSIZE_ERROR) return 0;
  return static_cast<int64_t>(holds);
}

}  // namespace

// Opens and closes each file; a pipe's other end is never waited for.
int64_t LogBytes(const std::vector<std::string>& files) {
  int64_t total = 0;
  for (const std::string& file : files) {
    struct stat status {};
    const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    const bool regular = fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    const int64_t holds = regular && status.st_size > 0 ? BytesIn(fd, status.st_size) : 0;
    if (fd >= 0) close(fd);
    if (!regular || (holds == 0 && status.st_size > 0)) return 0;
    total += holds;
  }
  return total;
}

std::vector<std::string> LogFilesOf(const CompactionLogConfig& source) {
  std::vector<std::string> files;
  for (const std::string& path : source.paths) {
    for (const std::string& pattern : {path, path + ".*"}) {
      glob_t found{};
      if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
        files.insert(files.end(), found.gl_pathv, found.gl_pathv + found.gl_pathc);
      }
      globfree(&found);
    }
  }
  return files;
}
