#pragma once

#include <string>
#include <vector>

#include "monitor/ledger_rows.h"
#include "rules/impact.h"

// One project-day for ComputeImpact: which of its copies stand for the customer, and how much the
// customer misses. Pure; the rows belong to the caller.

struct LostCopy {
  const BalanceRow* balance = nullptr;
  std::vector<const LossRow*> losses;  // those selected, oldest first
};

struct DayCase {
  std::vector<LostCopy> copies;  // at least one of them with a loss
};

struct DayVerdict {
  std::string format, unit;
  ImpactCount events;
  const LossRow* onset = nullptr;  // the loss whose incident answers for this day's events
};

// The losses since the partition was last whole, oldest first: what was lost and put back before is
// not missing now.
std::vector<const LossRow*> StandingLosses(std::vector<const LossRow*> losses);

// DESIGN section 3: in the serving format (of several the worst, of none the one that misses
// least), the highest expected over the copies less the highest min(actual, expected). Copies of
// different units are judged apart.
DayVerdict JudgeDay(const DayCase& day, const std::vector<FormatRow>& formats);
