#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "monitor/unique_fd.h"

// Opening log files safely, and what the file system says about one. The configured directory is
// trusted and may be a symbolic link; nothing below it may be one, since whoever writes there could
// point the reader, which may run as root, at any file.

// What identifies one state of one file; two equal states need no second look.
struct FileState {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t size = 0;
  int64_t modified_ns = 0;
  int64_t changed_ns = 0;
  bool unlinked = false;
  bool operator==(const FileState&) const = default;
};
FileState StateOf(const struct stat& status);
std::optional<FileState> StateOf(int fd);

// Why something under a configured name is not read; a constant. Empty for regular files.
std::string_view WhyNotRegular(mode_t mode);
// "cannot be opened: permission denied" and the like, a constant.
std::string_view WhyNotOpened(int error);

struct OpenedLog {
  UniqueFd fd;
  FileState state;
};
struct OpenFailure {
  int error = 0;            // errno; 0: it is no regular file
  std::string_view reason;  // a constant
};
// Opens `below` (relative) in the trusted directory `base` for reading. Never blocks, never follows
// a link below `base`, never touches the access time where the system permits that.
tl::expected<OpenedLog, OpenFailure> OpenLog(const std::string& base, const std::string& below);
// The same for a directory; an empty `below` is `base` itself.
tl::expected<UniqueFd, OpenFailure> OpenDirectory(const std::string& base,
                                                  const std::string& below);
