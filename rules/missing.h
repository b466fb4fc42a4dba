#pragma once

#include <vector>

#include "monitor/rule_book.h"
#include "rules/tuning.h"

// count_drop, lost_in_gap and file_disagrees: what is missing from a partition, each rule for the
// causes it speaks for. Pure.
//
// A rule opens at a loss of its own cause and stays while the partition's `missing` reaches its
// threshold, whoever the later losses belong to. So a loss in a gap is a warning alone until
// something else is lost as well.
//
// Broken closure of segments (an input that was gone, a live file deleted unmerged) is a count_drop
// even when the log cannot say how many records that was; so are broken conservation (a merge that
// wrote more than it read) and a merge of something into nothing. Where nothing is missing
// by the numbers these stay open until the partition's next clean merge; a flush or a file's
// deletion proves nothing.
std::vector<Finding> MissingFindings(const RunObservation& run, const Tunings& tunings);
