#pragma once

#include <string>
#include <string_view>

#include "monitor/rule_book.h"
#include "rules/tuning.h"

// What the rules of a partition share: a finding with its tuning filled in, and the numbers and
// names of an observation as a JSON object. Unknown counts are null. Pure functions.

Finding FiringAs(std::string_view rule, const Tuning& tuning);
Finding ClearAs(std::string_view rule, const Tuning& tuning);

// Of the run that a finding is about.
Finding FiringAs(std::string_view rule, const Tuning& tuning, const RunObservation& run,
                 std::string_view cause);
// The rule still fires, without anything new.
Finding StillFiringAs(std::string_view rule, const Tuning& tuning, const RunObservation& run);

std::string RunEvidence(const RunObservation& run, std::string_view cause);

// At least min_events and at least min_ratio of what is expected; never nothing.
bool Reaches(int64_t events, const Balance& balance, const Tuning& tuning);
