#pragma once

#include <string>
#include <vector>

#include "monitor/ledger_rows.h"
#include "rules/impact.h"

// One project-day for ComputeImpact: which of its copies stand for the customer, how much the
// customer misses, and which losses took it. Pure; the rows belong to the caller.

struct StandingLoss {
  const LossRow* row = nullptr;
  bool selected = true;  // by the filter
};

struct LostCopy {
  const BalanceRow* balance = nullptr;
  std::vector<StandingLoss> losses;  // oldest first
};

struct DayCase {
  std::vector<LostCopy> copies;  // at least one of them with a loss
};

struct DayVerdict {
  // What one loss took from the customer and is still not back.
  struct Share {
    StandingLoss loss;
    int64_t events = 0;
  };
  std::string format, unit;
  ImpactCount events;
  std::vector<Share> shares;  // their sum is events.missing
};

// The losses since the partition was last whole, oldest first: what was lost and put back before is
// not missing now.
std::vector<const LossRow*> StandingLosses(std::vector<const LossRow*> losses);

// DESIGN section 3: in the serving format (of several the worst, of none the one that misses
// least), the highest expected over the copies less the highest min(actual, expected). Copies of
// different units are judged apart. What was put back is put against the oldest loss first.
DayVerdict JudgeDay(const DayCase& day, const std::vector<FormatRow>& formats);
