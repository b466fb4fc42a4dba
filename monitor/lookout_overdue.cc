// Lookout, second part: what does not happen although it should. Runs that have no end, and fresh
// data that waits for one that finishes.

#include <algorithm>
#include <deque>
#include <set>

#include "monitor/fact_detail.h"
#include "monitor/lookout.h"

namespace {

constexpr const char* kCountedFormats = "SELECT format FROM tally";

bool IsUnfinished(const FactRow& row) {
  return row.kind == FactKind::kFailedRun || row.kind == FactKind::kStartedRun;
}

// After it nothing that came before waits any more: it was built, or no longer lives here.
bool EndsWait(const FactRow& row) {
  if (row.kind == FactKind::kRun) return true;
  return row.kind == FactKind::kPermit && FactDetail(row.detail).Text("kind") == "rehomed_away";
}

}  // namespace

// A run ended: it is not overdue, nor are those that a rewritten partition had begun before.
void Lookout::SawEnd(const FactRow& row) {
  const bool earlier = !IsSegments(row);
  unfinished_.End(row.partition, row, earlier);
  EndOverdue(row.partition, row);
  const PartitionKey unnamed = OfNoFormat(row.partition);
  if (unnamed == row.partition) return;
  unfinished_.End(unnamed, row, earlier);
  EndOverdue(unnamed, row);
}

// A segment that is not merged stays where it is and is read from there: nothing waits. A clock of
// the future must not hide a wait, so it begins when it was read at the latest.
void Lookout::SawNewest(const FactRow& row) {
  files_.SawRun(row, Millis(entry_.batch->observed_at));
  CompareFormats(row);
  if (IsUnfinished(row) && !IsSegments(row) && !FinishedElsewhere(row)) {
    const int64_t since = std::min(row.logged_at, Millis(entry_.batch->observed_at));
    unfinished_.BeginWait(row.partition, {since, row.seq});
  }
  if (!unfinished_.any_waits() || !EndsWait(row)) return;
  EndWaitOfNoFormat(row);
  EndWait(row.partition, row);
}

void Lookout::SawAgain(const std::vector<FactRow>& chain) {
  const FactRow& last = chain.back();
  files_.SawRun(last, Millis(entry_.batch->observed_at));
  CompareFormats(last);
  if (IsSegments(last)) return;
  std::optional<UnfinishedBook::Wait> wait;
  for (size_t i = chain.size(); i-- > 0;) {
    const FactRow& row = chain[i];
    if (EndsWait(row)) {
      EndWaitOfNoFormat(row);
      break;
    }
    if (!IsUnfinished(row) || FinishedElsewhere(row)) continue;
    const int64_t latest = wait ? wait->since : Millis(entry_.batch->observed_at);
    wait = {std::min(row.logged_at, latest), row.seq};
  }
  if (!wait) return EndWait(last.partition, last);
  unfinished_.SetWait(last.partition, wait);
}

void Lookout::EndWait(const PartitionKey& key, const FactRow& row) {
  if (!unfinished_.WaitOf(key)) return;
  unfinished_.SetWait(key, std::nullopt);
  EndOverdue(key, row);
}

// A line that does not say the format speaks of all of them: what finished in one has begun.
void Lookout::EndWaitOfNoFormat(const FactRow& row) {
  const PartitionKey unnamed = OfNoFormat(row.partition);
  const auto wait = unfinished_.WaitOf(unnamed);
  if (unnamed != row.partition && wait && wait->since <= row.logged_at) EndWait(unnamed, row);
}

// Of a line without a format: whether a later run of its project and day has finished in another.
bool Lookout::FinishedElsewhere(const FactRow& row) {
  if (row.partition != OfNoFormat(row.partition)) return false;
  std::set<int64_t> formats;
  Statement counted = database_.Prepare(kCountedFormats);
  counted.Bind({});
  while (counted.Step()) formats.insert(counted.Integer(0));
  for (const auto& [format, tally] : entry_.tallies) formats.insert(format);
  formats.erase(row.partition.format);
  return std::any_of(formats.begin(), formats.end(), [&](int64_t format) {
    PartitionKey key = row.partition;
    key.format = static_cast<int32_t>(format);
    const auto found = balances_.Find(key);
    if (!found) return false;
    std::deque<std::string> storage;
    const FactRow run = chains_.LatestRun(found->balance.last, storage);
    return run.seq != 0 && run.logged_at > row.logged_at;
  });
}

// The partition of the lines of this project and day that do not say their format.
PartitionKey Lookout::OfNoFormat(PartitionKey key) {
  if (const int64_t format = names_.Find(kNoFormat)) key.format = static_cast<int32_t>(format);
  return key;
}

// Nothing of the partition is overdue any more, unless a run has no end or its data still waits.
void Lookout::EndOverdue(const PartitionKey& key, const FactRow& row) {
  if (!balances_.At(key).balance.alerting || unfinished_.AnyStarted(key)) return;
  if (unfinished_.WaitOf(key)) {
    const auto since = alerts_.OpenEvidence(kOverdueRule, {key, 0}, "waiting_since", row.logged_at);
    if (since && !since->empty()) return;
  }
  OverdueObservation none;
  none.overdue = false;
  Apply(rules_.OnOverdue(none), {key, 0}, row.logged_at, row.seq);
}

void Lookout::ShowOverdue(Time now) {
  const int64_t started = Millis(now - rules_.overdue_after());
  for (const auto& run : unfinished_.WithoutEnd(started)) ShowOverdue(run, false, now);
  const auto waiting = unfinished_.Waiting(Millis(now - rules_.waiting_after()), started);
  for (const auto& data : waiting) ShowOverdue(data, true, now);
}

void Lookout::ShowOverdue(const UnfinishedBook::Overdue& overdue, bool data_waits, Time now) {
  const auto& [key, wait] = overdue;
  // Else the alert that its retention has ended comes again.
  const CanonicalFilesConfig* format = formats_.Of(key.format);
  if (format && !IsKept(*format, key.day, now)) return;
  std::deque<std::string> storage;
  const FactRow first = chains_.Row(wait.seq, storage);
  OverdueObservation run;
  run.server = names_.Text(key.server);
  run.project = names_.Text(key.project);
  run.format = names_.Text(key.format);
  run.run = std::string(first.run);
  run.version = names_.Text(first.version);
  run.day = Day{key.day};
  run.started_at = Time(std::chrono::milliseconds(wait.since));
  run.data_waits = data_waits;
  Apply(rules_.OnOverdue(run), {key, 0}, Millis(now), wait.seq);
  BookedPartition partition = balances_.At(key);
  if (partition.balance.alerting) return;
  partition.balance.alerting = alerts_.AnyOpen(key);  // so that its end is shown to the rules
  balances_.Put(partition);
}
