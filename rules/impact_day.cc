#include "rules/impact_day.h"

#include <algorithm>
#include <map>

namespace {

// Copies of one format and unit.
struct Candidate {
  std::string format, unit;
  std::vector<const LostCopy*> copies;
  ImpactCount events;
  bool serving = false;
};

void Judge(Candidate& candidate) {
  int64_t held = 0;
  for (const LostCopy* copy : candidate.copies) {
    const BalanceRow& row = *copy->balance;
    if (row.verdict == "unknown" || row.uncertain) candidate.events.certain = false;
    if (!row.expected || !row.actual) continue;
    candidate.events.expected = std::max(candidate.events.expected, *row.expected);
    held = std::max(held, std::min(*row.actual, *row.expected));
  }
  candidate.events.missing = std::max<int64_t>(0, candidate.events.expected - held);
}

std::vector<Candidate> Candidates(const DayCase& day, const std::vector<FormatRow>& formats) {
  std::map<std::pair<std::string, std::string>, Candidate> found;
  for (const LostCopy& copy : day.copies) {
    Candidate& candidate = found[{copy.balance->format, copy.balance->unit}];
    candidate.format = copy.balance->format;
    candidate.unit = copy.balance->unit;
    candidate.copies.push_back(&copy);
  }
  std::vector<Candidate> candidates;
  for (auto& entry : found) {
    auto& candidate = entry.second;  // clang 14 cannot capture a structured binding
    candidate.serving = std::any_of(formats.begin(), formats.end(), [&](const FormatRow& format) {
      return format.serving && format.format == candidate.format;
    });
    Judge(candidate);
    candidates.push_back(std::move(candidate));
  }
  return candidates;
}

const Candidate& Standing(const std::vector<Candidate>& candidates) {
  const bool served = std::any_of(candidates.begin(), candidates.end(),
                                  [](const Candidate& candidate) { return candidate.serving; });
  const Candidate* standing = nullptr;
  for (const Candidate& candidate : candidates) {
    if (candidate.serving != served) continue;
    const bool better = !standing || (served ? candidate.events.missing > standing->events.missing
                                             : candidate.events.missing < standing->events.missing);
    if (better) standing = &candidate;
  }
  return *standing;
}

// The earliest selected loss: of the copies that expect most, else of any copy of the format, else
// of the day.
const LossRow* Onset(const DayCase& day, const Candidate& standing) {
  const LossRow* onset = nullptr;
  int rank = -1;
  for (const LostCopy& copy : day.copies) {
    if (copy.losses.empty()) continue;
    const BalanceRow& row = *copy.balance;
    const bool same = row.format == standing.format && row.unit == standing.unit;
    const int own = !same ? 0 : row.expected == standing.events.expected ? 2 : 1;
    const LossRow* first = copy.losses.front();
    if (own < rank || (own == rank && onset && onset->at <= first->at)) continue;
    rank = own;
    onset = first;
  }
  return onset;
}

}  // namespace

std::vector<const LossRow*> StandingLosses(std::vector<const LossRow*> losses) {
  std::stable_sort(losses.begin(), losses.end(),
                   [](const LossRow* a, const LossRow* b) { return a->at < b->at; });
  // A loss after which no more is missing than it took found the partition whole.
  const auto whole = std::find_if(losses.rbegin(), losses.rend(),
                                  [](const LossRow* loss) { return loss->missing <= loss->lost; });
  if (whole != losses.rend()) losses.erase(losses.begin(), whole.base() - 1);
  return losses;
}

DayVerdict JudgeDay(const DayCase& day, const std::vector<FormatRow>& formats) {
  const std::vector<Candidate> candidates = Candidates(day, formats);
  const Candidate& standing = Standing(candidates);
  ImpactCount events = standing.events;
  // Where no format is known to serve, which one misses least depends on all of them.
  if (!standing.serving) {
    events.certain = std::all_of(candidates.begin(), candidates.end(),
                                 [](const Candidate& one) { return one.events.certain; });
  }
  return {standing.format, standing.unit, events, Onset(day, standing)};
}
