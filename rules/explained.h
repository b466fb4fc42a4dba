#pragma once

#include <vector>

#include "monitor/rule_book.h"
#include "rules/tuning.h"

// surplus, overstated and deleted_came_back: runs whose explanations do not add up. Pure.
//
// surplus and overstated end with the partition's next clean run. An erasure undone does not: it
// ends when a later run deletes again and nothing comes back, or with a person's permit.
std::vector<Finding> ExplainedFindings(const RunObservation& run, const Tunings& tunings);
