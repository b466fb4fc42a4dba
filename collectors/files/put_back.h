#pragma once

#include <cstdint>
#include <string>

#include "monitor/error.h"

// A copy as it has to be found, or it is another content by now.
struct CopyToPutBack {
  std::string path;
  int64_t modified_ms = 0, size_bytes = 0;
};

// Writes that file once more as `name` in a directory (a descriptor), with its owner, permissions
// and times, durably. It is there as a whole or not at all, and nothing that is there is ever
// replaced: an Error then, too. Shares blocks where the file system can. Any thread.
[[nodiscard]] Result<void> PutBack(const CopyToPutBack& copy, int directory,
                                   const std::string& name);
