#pragma once

#include <vector>

#include "monitor/rule_book.h"
#include "rules/tuning.h"

// The rules about canonical files: missing_canonical_file, file_replaced_without_run,
// file_rewritten_in_place, dead_file_read, misplaced_file, formats_differ. Pure functions.

Finding MissingFileFinding(const MissingFileObservation& file, const Tunings& tunings);

// Both rules are told each time, since a run that explains the newest generation ends both.
std::vector<Finding> GenerationFindings(const GenerationObservation& generation,
                                        const Tunings& tunings);

// What has been read or turned up at a moment keeps firing for `keep_firing_for` after it: that
// nothing was seen since is no proof of anything.
std::vector<Finding> DeadReadFindings(const DeadReadObservation& read, const Tunings& tunings);
std::vector<Finding> MisplacedFindings(const MisplacedFileObservation& file,
                                       const Tunings& tunings);

Finding FormatsFinding(const FormatsObservation& formats, const Tunings& tunings);
