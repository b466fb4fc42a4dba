#pragma once

#include <string_view>

#include "monitor/error.h"
#include "monitor/time.h"

// One name that spells project and day, as a source's `partition` says ("{project}/{day}"): column
// families, topics, table partitions. Pure.

struct PartitionName {
  std::string_view project;  // part of the name that was split
  Day day;
};

// A name that does not match is a project without days. A project may contain the separator: the
// longest one that leaves a date wins. `day_format` as in the configuration; "-" finds no day.
PartitionName SplitPartition(std::string_view pattern, std::string_view name,
                             std::string_view day_format);

// An error unless the pattern has {project} once and {day} once.
Result<void> CheckPartition(std::string_view pattern);
