#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/config.h"

// How many bytes of log these files hold, for a progress bar: archives count with what they say of
// themselves. 0: nobody can tell.
int64_t LogBytes(const std::vector<std::string>& files);

// The files that are there for a source, with their rotated siblings, roughly as the tail finds
// them.
std::vector<std::string> LogFilesOf(const CompactionLogConfig& source);
