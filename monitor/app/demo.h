#pragma once

#include <cstdint>
#include <string>

#include "monitor/app/settings.h"

// `rollcall demo`: runs the small event store of deploy/demo/ as a process of its own, with a Watch
// beside it, through the release that loses events; says when each thing was noticed, and ends with
// the finding. Stopped before its end it leaves nothing behind.
struct DemoOptions {
  std::string directory;  // empty: a new one under the temporary directory
  uint64_t seed = 1;
};

int Demo(const Settings& settings, const DemoOptions& options);
