#pragma once

#include "monitor/rule_book.h"
#include "rules/tuning.h"

// output_moved: a format is written where the last run of its server did not write it, or where the
// configuration does not say. Nothing is lost yet: a merge that still reads the old place finds
// nothing there. Ends when a later run writes to the old place again (and the configured one, where
// there is one); a person's permit of kind `move` ends it in the ledger. Writing to several places
// in turn, as the version before did, is no move. Pure.
Finding OutputFinding(const OutputObservation& output, const Tuning& tuning);
