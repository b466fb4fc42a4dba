#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/config.h"

// What `rollcall check config` says of a configuration. Pure. `rules_in_force`: the rules that
// look; all others may be tuned, too.

// What it will make rollcall watch, in a few lines for the person who wrote it.
std::string DescribeConfig(const Config& config, std::span<const std::string_view> rules_in_force);
// The keys that are set and that this version does nothing about, such as "preserve".
std::vector<std::string> NotInForce(const Config& config,
                                    std::span<const std::string_view> rules_in_force);
