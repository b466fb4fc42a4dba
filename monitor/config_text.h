#pragma once

#include <string>

#include "monitor/config.h"

// What a configuration will make rollcall watch, in a few lines for the person who wrote it:
// `rollcall check config` prints it. Pure.
std::string DescribeConfig(const Config& config);
