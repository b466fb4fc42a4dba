#pragma once

#include <string>

#include "monitor/error.h"

// Writes the file `copy` once more as `to`, with its owner, permissions and times, durably. `to` is
// there as a whole or not at all, and nothing that is there is ever replaced: an Error then, too.
// Shares blocks where the file system can. Any thread.
[[nodiscard]] Result<void> PutBack(const std::string& copy, const std::string& to);
