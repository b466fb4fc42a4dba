#include "rules/recoverable.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "monitor/balance.h"
#include "monitor/counts.h"
#include "monitor/file_fact.h"

namespace {

bool IsOf(const KeptRow& kept, const BalanceRow& copy) {
  return kept.server == copy.server && kept.project == copy.project && kept.day == copy.day &&
         kept.format == copy.format;
}

// What stood when the loss happened was replaced about then, and was written before. A loss that
// was counted in the files is as old as the count, which may have had to wait.
bool MayHaveStood(const KeptRow& kept, const LossRow& loss) {
  if (!kept.replaced_at || kept.modified_at >= loss.at) return false;
  if (kept.rows && *kept.rows < loss.lost) return false;
  const auto later = loss.at - *kept.replaced_at;
  const bool counted = loss.cause == NameOf(Cause::kFileDisagrees);
  return later >= -kLoggedBefore && (counted || later <= kLoggedBefore);
}

// The kept generation that a loss took the place of, of those that no earlier loss did.
const KeptRow* StoodAt(const LossRow& loss, const std::vector<const KeptRow*>& kept,
                       const std::set<const KeptRow*>& taken) {
  const KeptRow* nearest = nullptr;
  const auto distance = [&](const KeptRow& row) {
    return std::chrono::abs(*row.replaced_at - loss.at);
  };
  for (const KeptRow* row : kept) {
    if (taken.contains(row) || !MayHaveStood(*row, loss)) continue;
    if (!nearest || distance(*row) < distance(*nearest)) nearest = row;
  }
  return nearest;
}

std::vector<const KeptRow*> KeptOf(const BalanceRow& copy, const std::vector<KeptRow>& kept) {
  std::vector<const KeptRow*> rows;
  for (const KeptRow& row : kept) {
    if (IsOf(row, copy)) rows.push_back(&row);
  }
  return rows;
}

// Adds the generations that put back losses of one copy; returns how many events they hold of them.
int64_t AddKept(const LostCopy& copy, const std::vector<KeptRow>& all, ImpactRecovery& recovery) {
  const std::vector<const KeptRow*> kept = KeptOf(*copy.balance, all);
  std::set<const KeptRow*> taken;
  int64_t events = 0;
  for (const StandingLoss& loss : copy.losses) {
    if (!loss.selected) continue;
    const KeptRow* const stood = StoodAt(*loss.row, kept, taken);
    if (!stood) continue;
    taken.insert(stood);
    RecoverySource source{"kept_generation", stood->server, stood->format,    {},
                          stood->copy,       stood->id,     stood->expires_at};
    if (stood->rows) {
      source.events = std::min(loss.row->lost, *stood->rows);
      Increase(events, *source.events);
    }
    recovery.sources.push_back(std::move(source));
  }
  return std::min(events, copy.balance->missing);
}

// How many of the events that it should hold a copy does.
int64_t Held(const BalanceRow& copy) {
  return copy.expected && copy.actual ? std::max<int64_t>(0, *copy.expected - copy.missing) : 0;
}

}  // namespace

ImpactRecovery RecoverableOf(const DayCase& day, const DayVerdict& verdict,
                             const std::vector<KeptRow>& kept) {
  ImpactRecovery recovery;
  const int64_t missing = verdict.events.missing;
  if (missing == 0) return recovery;
  const int64_t customers_hold = verdict.events.expected - missing;
  int64_t best = 0;
  for (const LostCopy& copy : day.copies) {
    const BalanceRow& balance = *copy.balance;
    if (balance.unit != verdict.unit) continue;
    const int64_t more = std::clamp<int64_t>(Held(balance) - customers_hold, 0, missing);
    if (more > 0) {
      recovery.sources.push_back(
          {"other_format", balance.server, balance.format, more, {}, 0, std::nullopt});
    }
    const int64_t put_back = AddKept(copy, kept, recovery);
    best = std::max(best, Held(balance) + put_back - customers_hold);
  }
  recovery.events = std::clamp<int64_t>(best, 0, missing);
  const bool uncounted =
      std::any_of(recovery.sources.begin(), recovery.sources.end(),
                  [](const RecoverySource& source) { return !source.events.has_value(); });
  if (*recovery.events == 0 && uncounted) recovery.events.reset();
  return recovery;
}
