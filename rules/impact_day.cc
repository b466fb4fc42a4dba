#include "rules/impact_day.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "monitor/balance.h"
#include "monitor/counts.h"

namespace {

// Copies of one format and unit.
struct Candidate {
  std::string format, unit;
  std::vector<const LostCopy*> copies;
  ImpactCount events;
  bool serving = false;
};

// Nobody counted what should be there, as where a log tells of segments alone: what the copy with
// the least loss lost is the least that is missing.
void JudgeUncounted(Candidate& candidate) {
  const auto least = std::min_element(candidate.copies.begin(), candidate.copies.end(),
                                      [](const LostCopy* a, const LostCopy* b) {
                                        return a->balance->missing < b->balance->missing;
                                      });
  candidate.events.missing = candidate.events.expected = (*least)->balance->missing;
  candidate.events.certain = false;
}

// What a gap took with it besides, nobody saw.
bool LostInGap(const LostCopy& copy) {
  return std::any_of(copy.losses.begin(), copy.losses.end(), [](const StandingLoss& loss) {
    return loss.row->cause == NameOf(Cause::kLostInGap);
  });
}

void Judge(Candidate& candidate) {
  const bool counted =
      std::any_of(candidate.copies.begin(), candidate.copies.end(),
                  [](const LostCopy* copy) { return copy->balance->expected.has_value(); });
  if (!counted) return JudgeUncounted(candidate);
  int64_t held = 0;
  for (const LostCopy* copy : candidate.copies) {
    const BalanceRow& row = *copy->balance;
    if (row.verdict == "unknown" || row.uncertain || LostInGap(*copy))
      candidate.events.certain = false;
    if (!row.expected) continue;
    candidate.events.expected = std::max(candidate.events.expected, *row.expected);
    // What is too many there is no credit for what is missing.
    if (row.actual) held = std::max(held, *row.expected - row.missing);
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

// The copy whose losses answer for the day: of those that expect most, else of any of the format,
// else of the day; one with a selected loss before others, and of these the one that lost first.
const LostCopy& Answering(const DayCase& day, const Candidate& standing) {
  const auto rank = [&](const LostCopy& copy) {
    const BalanceRow& row = *copy.balance;
    const bool same = row.format == standing.format && row.unit == standing.unit;
    const bool selected = std::any_of(copy.losses.begin(), copy.losses.end(),
                                      [](const StandingLoss& loss) { return loss.selected; });
    const bool whole = same && row.expected == standing.events.expected;
    return std::tuple(!copy.losses.empty(), selected, same, whole);
  };
  const LostCopy* answering = nullptr;
  for (const LostCopy& copy : day.copies) {
    const bool better = !answering || rank(copy) > rank(*answering);
    const bool earlier = answering && !copy.losses.empty() && rank(copy) == rank(*answering) &&
                         copy.losses[0].row->at < answering->losses[0].row->at;
    if (better || earlier) answering = &copy;
  }
  return *answering;
}

// What a copy's losses took, less what was put back, the oldest first.
std::vector<DayVerdict::Share> SharesOf(const LostCopy& copy) {
  std::vector<DayVerdict::Share> shares;
  const auto put_back = [&](int64_t events) {
    for (auto& share : shares) {
      const int64_t part = std::min(share.events, events);
      share.events -= part;
      events -= part;
    }
  };
  int64_t missing = 0;
  for (const StandingLoss& loss : copy.losses) {
    put_back(missing - (loss.row->missing - loss.row->lost));
    shares.push_back({loss, loss.row->lost});
    missing = loss.row->missing;
  }
  put_back(missing - copy.balance->missing);
  return shares;
}

// Made to add up to what the customer misses, which is less where another copy holds more.
void Fit(int64_t missing, std::vector<DayVerdict::Share>& shares) {
  for (size_t i = shares.size(); i-- > 0;) {
    shares[i].events = std::clamp<int64_t>(shares[i].events, 0, missing);
    missing -= shares[i].events;
  }
  if (!shares.empty()) Increase(shares[0].events, missing);
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
  // Where no format is known to serve, customers may read from one that misses more.
  if (!standing.serving) {
    events.certain = std::all_of(candidates.begin(), candidates.end(), [&](const Candidate& other) {
      return other.events.certain && other.events.missing <= events.missing;
    });
  }
  DayVerdict verdict{standing.format, standing.unit, events, SharesOf(Answering(day, standing))};
  Fit(events.missing, verdict.shares);
  return verdict;
}
