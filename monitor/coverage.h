#pragma once

#include <chrono>
#include <map>
#include <string>

#include "monitor/time.h"

// How long a source has been watched and how long not, by reason. Plain data.
struct SourceCoverage {
  Time since{};  // when it was first watched; 0: never
  std::map<std::string, std::chrono::milliseconds> unwatched;
};
