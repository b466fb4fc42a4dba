#pragma once

#include <string>

#include "monitor/app/settings.h"

// `rollcall demo`: runs the small event store of deploy/demo/ as a process of its own, with a Watch
// beside it, through the release that loses events; says when each thing was noticed, and ends with
// the finding.
struct DemoOptions {
  std::string directory;  // empty: a new one under the temporary directory; kept
  std::string seed;
};

int Demo(const Settings& settings, const DemoOptions& options);
