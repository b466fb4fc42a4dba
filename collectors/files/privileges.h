#pragma once

#include <tl/expected.hpp>

#include "monitor/error.h"

// Capabilities of the calling thread and of threads that it starts afterwards: drop before any
// other thread is started.
bool HoldsSysAdmin();
// Gives CAP_SYS_ADMIN up for good: effective, permitted, inheritable, ambient and bounding sets.
// Doing so again, or without having it, is no error.
Result<void> DropSysAdmin();
