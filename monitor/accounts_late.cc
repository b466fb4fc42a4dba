// Accounts, second part: chains with facts that were found late, which are booked again. What that
// makes of them is written where it differs.

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "monitor/accounts.h"

namespace {

bool SameDerived(const FactRow& a, const FactRow& b) {
  return a.previous == b.previous && a.before == b.before && a.missing == b.missing &&
         a.lost == b.lost && a.cause == b.cause && a.marks == b.marks;
}

// From where on a chain holds only facts that are new. The retry of a run that was known before
// stands for that one.
size_t NewsOf(const std::vector<FactRow>& chain, int64_t first_new) {
  size_t news = chain.size();
  while (news > 0 && chain[news - 1].seq >= first_new) --news;
  bool retried = false;
  for (size_t i = 0; i < chain.size() && (i < news || retried); ++i) {
    if (chain[i].kind == FactKind::kRun) retried = (chain[i].marks & kSuperseded) != 0;
    news = std::max(news, i + 1);
  }
  return news;
}

bool HasPermit(const std::vector<FactRow>& chain) {
  return std::any_of(chain.begin(), chain.end(),
                     [](const FactRow& row) { return row.kind == FactKind::kPermit; });
}

}  // namespace

void Accounts::BookLate() {
  while (const auto key = late_.Any()) BookLate(*key);
}

void Accounts::BookLate(const PartitionKey& key) {
  const std::vector<int64_t> waiting = late_.Take(key);
  // What it reads from comes first: its losses are judged by that.
  const PartitionKey base = bookkeeper_.BaseOf(key);
  if (late_.Waits(base)) BookLate(base);
  if (waiting.empty()) return;
  entry_.more_than_appended = true;
  BookedPartition partition = balances_.At(key);
  std::deque<std::string> storage;
  Rebuilt rebuilt;
  rebuilt.first_new = waiting.front();
  rebuilt.chain = chains_.Chain(partition.balance.last, storage);
  for (const int64_t seq : waiting) rebuilt.chain.push_back(chains_.Row(seq, storage));
  chains_.Sort(rebuilt.chain);
  Rebuild(rebuilt, partition);
  balances_.Put(partition);
  JudgeReaders(key);
}

void Accounts::Rebuild(Rebuilt& rebuilt, BookedPartition& partition) {
  const std::vector<FactRow> was = rebuilt.chain;
  const Balance old = partition.balance;
  BookAnew(rebuilt, partition);
  rebuilt.news = NewsOf(rebuilt.chain, rebuilt.first_new);
  Increase(entry_.tallies[partition.key.format].missing, partition.balance.missing - old.missing);
  for (size_t i = 0; i < was.size(); ++i) {
    const FactRow& row = rebuilt.chain[i];
    const bool added = row.seq >= rebuilt.first_new;
    if (!added && SameDerived(row, was[i])) continue;
    WriteDerived(row);
    if (!added && was[i].lost > 0) lookout_.CountLoss(was[i], -1);
    if (row.lost > 0) lookout_.CountLoss(row, 1);
  }
  CountStarted(rebuilt);
  lookout_.SawAgain(rebuilt.chain);
  partition.balance.alerting = old.alerting;
  ShowRebuilt(rebuilt, was, partition.balance);
}

// Until no run turns out to be a retry of the one before it, which then counts as not run.
void Accounts::BookAnew(Rebuilt& rebuilt, BookedPartition& partition) {
  std::vector<FactRow>& chain = rebuilt.chain;
  std::vector<Booked>& booked = rebuilt.booked;
  BookedPartition unopened = partition;
  unopened.balance = {};
  unopened.source = 0;
  for (FactRow& row : chain) row.marks = 0;
  booked.reserve(chain.size());
  const bool of_segments = bookkeeper_.IsSegments(chain.back());
  // More than a balance would have to be as it was before the run that was retried.
  const bool from_begin = of_segments || HasPermit(chain);
  bookkeeper_.BeginAnew(partition.key);
  partition = unopened;
  while (booked.size() < chain.size()) {
    FactRow* crashed = BookNext(rebuilt, of_segments ? &rebuilt.segments : nullptr, partition);
    if (!crashed) continue;
    crashed->marks = kSuperseded;
    if (from_begin) bookkeeper_.BeginAnew(partition.key);
    booked.resize(from_begin ? 0 : static_cast<size_t>(crashed - chain.data()));
    rebuilt.segments = SegmentSet();
    partition = booked.empty() ? unopened : booked.back().after;
  }
  if (of_segments) segments_.Replace(partition.key, std::move(rebuilt.segments));
}

// Gives the run that the next fact is a retry of, if it is not yet known as such.
FactRow* Accounts::BookNext(Rebuilt& rebuilt, SegmentSet* segments, BookedPartition& partition) {
  std::vector<Booked>& booked = rebuilt.booked;
  FactRow& row = rebuilt.chain[booked.size()];
  Booked next;
  row.previous = 0;
  if (!booked.empty()) {
    next.last_run = booked.back().last_run;
    row.previous = rebuilt.chain[booked.size() - 1].seq;
  }
  bool reopened = bookkeeper_.Reopen(row, partition.balance);
  if (reopened) next.last_run = nullptr;
  // A run that counts as not run reopened it for the one that took its place.
  if (!booked.empty() && rebuilt.chain[booked.size() - 1].marks & kSuperseded) {
    reopened = reopened || booked.back().booking.reopened;
  }
  if (row.marks & kSuperseded) {
    row.lost = row.cause = 0;
    row.missing = partition.balance.missing;
  } else {
    if (next.last_run && Supersedes(row, *next.last_run)) return next.last_run;
    next.booking = bookkeeper_.Book(row, partition, segments);
    if (row.kind == FactKind::kRun) next.last_run = &row;
  }
  next.booking.reopened = reopened;
  Follow(row, partition.balance);
  next.after = partition;
  booked.push_back(next);
  return nullptr;
}

// Runs that began and whose end is not known already.
void Accounts::CountStarted(const Rebuilt& rebuilt) {
  const std::vector<FactRow>& chain = rebuilt.chain;
  const bool segments = bookkeeper_.IsSegments(chain.back());
  std::set<std::string_view> ended;
  std::vector<const FactRow*> open;
  for (size_t i = chain.size(); i-- > 0;) {
    const FactRow& row = chain[i];
    if (row.kind == FactKind::kRun || row.kind == FactKind::kFailedRun) ended.insert(row.run);
    if (row.kind != FactKind::kStartedRun || row.seq < rebuilt.first_new) continue;
    if (!(segments ? ended.contains(row.run) : !ended.empty())) open.push_back(&row);
  }
  std::for_each(open.rbegin(), open.rend(),
                [&](const FactRow* row) { lookout_.Count(*row, false); });
}

// What was known before is shown again, with what was found between; the alerts become those that
// would be open then. What lies beyond is shown as what it is: news.
void Accounts::ShowRebuilt(const Rebuilt& rebuilt, const std::vector<FactRow>& was,
                           Balance& balance) {
  const std::vector<FactRow>& chain = rebuilt.chain;
  const size_t news = rebuilt.news;
  AlertReplay replay;
  bool changed = false;
  for (size_t i = 0; i < news; ++i) {
    changed = changed || chain[i].seq >= rebuilt.first_new || !SameDerived(chain[i], was[i]);
    if (chain[i].marks & kSuperseded) continue;
    lookout_.ShowAgain(chain[i], rebuilt.booked[i].booking, rebuilt.booked[i].after.balance,
                       replay);
  }
  if (changed) {
    const FactRow& last = chain[news - 1];
    balance.alerting = lookout_.Settle(
        last.partition, replay, rebuilt.booked[news - 1].after.balance.logged_until, last.seq);
  }
  for (size_t i = news; i < chain.size(); ++i) {
    if (chain[i].marks & kSuperseded) continue;
    Balance after = rebuilt.booked[i].after.balance;
    after.alerting = balance.alerting;
    lookout_.Show(chain[i], rebuilt.booked[i].booking, after);
    balance.alerting = after.alerting;
  }
}
