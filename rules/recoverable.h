#pragma once

#include <vector>

#include "monitor/file_rows.h"
#include "rules/impact.h"
#include "rules/impact_day.h"

// How many of a project-day's missing events exist where. Pure; an event is counted once, however
// many places hold it.
//
// A loss is put back by the generation that stood when it happened, of which it took some or all: a
// kept copy of that one holds as many of the lost events as its rows, at most what was lost. A copy
// whose rows nobody counted is named, and counts for nothing. What another format still holds more
// than what customers see is recoverable from there. Two sources may hold the same events, so the
// best copy of the day counts, not the sum over them.
ImpactRecovery RecoverableOf(const DayCase& day, const DayVerdict& verdict,
                             const std::vector<KeptRow>& kept);
