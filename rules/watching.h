#pragma once

#include <optional>

#include "monitor/rule_book.h"
#include "rules/tuning.h"

// blind and compaction_overdue: what does not happen although it should. Pure.

// Nothing until the source has been unwatched for `after`; critical after three times that.
std::optional<Finding> SourceFinding(const SourceObservation& source, Time now,
                                     const Tuning& tuning);
Finding OverdueFinding(const OverdueObservation& run, const Tuning& tuning);
