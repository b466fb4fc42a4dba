#include "monitor/accounts.h"

#include <algorithm>

namespace {

constexpr const char* kUpdateDerived =
    "UPDATE fact SET previous = ?2, before = ?3, missing = ?4, lost = ?5, cause = ?6, marks = ?7 "
    "WHERE seq = ?1";

bool SameDerived(const FactRow& a, const FactRow& b) {
  return a.previous == b.previous && a.before == b.before && a.missing == b.missing &&
         a.lost == b.lost && a.cause == b.cause && a.marks == b.marks;
}

// The balance after a fact at the end of its chain.
void Follow(const FactRow& row, BookedPartition& partition) {
  Balance& balance = partition.balance;
  balance.disordered = balance.disordered || row.logged_at < balance.logged_until;
  balance.last = row.seq;
  balance.logged_until = std::max(balance.logged_until, row.logged_at);
  if (row.source) partition.source = row.source;
}

}  // namespace

Accounts::Accounts(Database& database, BalanceBook& balances, FactChains& chains,
                   Bookkeeper& bookkeeper, Lookout& lookout, Journal& journal, JournalEntry& entry)
    : database_(database),
      balances_(balances),
      chains_(chains),
      bookkeeper_(bookkeeper),
      lookout_(lookout),
      journal_(journal),
      entry_(entry),
      segments_(database),
      update_derived_(database.Prepare(kUpdateDerived)) {}

void Accounts::Take(FactRow& row) {
  BookedPartition partition = balances_.At(row.partition);
  // A fact newer than all others of its partition is new: its logged time is part of its key.
  if (partition.balance.last != 0 && row.logged_at <= partition.balance.logged_until) {
    TakeLate(row, partition);
  } else {
    Append(row, partition);
  }
  balances_.Put(partition);
}

void Accounts::TakeAgain(FactRow& row) {
  BookedPartition partition = balances_.At(row.partition);
  bookkeeper_.Book(row, partition.balance, nullptr);
  Follow(row, partition);
  partition.balance.alerting = lookout_.AnyOpen(row.partition);
  balances_.Put(partition);
}

// Usually a tie: several lines of a partition in one millisecond, in their order. While logged
// times only rise along the chain, a known fact or a later one can only be among the newest.
void Accounts::TakeLate(FactRow& row, BookedPartition& partition) {
  const Balance& balance = partition.balance;
  if (balance.disordered) return Insert(row, partition);
  std::deque<std::string> storage;
  for (int64_t seq = balance.last; seq != 0;) {
    const FactRow known = chains_.Row(seq, storage);
    if (known.logged_at < row.logged_at) break;
    if (SameFact(known, row)) {
      ++entry_.known_facts;
      return;
    }
    if (chains_.Later(known, row)) return Insert(row, partition);
    seq = known.previous;
  }
  Append(row, partition);
}

void Accounts::Append(FactRow& row, BookedPartition& partition) {
  const Balance& balance = partition.balance;
  // A run that does not find what the previous one left may be a retry of that one.
  if (!row.batch.empty() && balance.last != 0 && row.counts.existing != balance.actual) {
    std::deque<std::string> storage;
    if (Supersedes(row, chains_.Row(balance.last, storage))) return Insert(row, partition);
  }
  AppendAtEnd(row, partition);
}

void Accounts::AppendAtEnd(FactRow& row, BookedPartition& partition) {
  Balance& balance = partition.balance;
  const int64_t missing = balance.missing;
  row.previous = balance.last;
  row.seq = entry_.last_seq + 1;
  const bool segments = bookkeeper_.IsSegments(row);
  const Booking booking =
      bookkeeper_.Book(row, balance, segments ? &segments_.Of(row.partition) : nullptr);
  if (segments) {
    entry_.more_than_appended = true;
    segments_.Save(row.partition, row.seq);
  }
  entry_.Push(row);
  Follow(row, partition);
  entry_.tallies[row.partition.format].missing += balance.missing - missing;
  lookout_.Saw(row, booking, partition);
}

// Into its place in the chain, which is then booked again; nowhere when it is there already.
void Accounts::Insert(FactRow& row, BookedPartition& partition) {
  std::deque<std::string> storage;
  std::vector<FactRow> chain = chains_.Chain(partition.balance.last, storage);
  for (const FactRow& known : chain) {
    if (!SameFact(known, row)) continue;
    ++entry_.known_facts;
    return;
  }
  auto place = chain.end();
  while (place != chain.begin() && chains_.Later(*(place - 1), row)) --place;
  entry_.Push(row);
  chain.insert(place, row);
  journal_.WriteRows(entry_.rows);  // the rows must be there to be updated
  entry_.more_than_appended = true;
  Rebuild(partition, chain, row.seq);
}

// Books the whole chain again and writes what came out differently.
void Accounts::Rebuild(BookedPartition& partition, std::vector<FactRow>& chain, int64_t new_seq) {
  const Balance old = partition.balance;
  SegmentSet segments;
  SegmentSet* set = bookkeeper_.IsSegments(chain.back()) ? &segments : nullptr;
  Balance balance, before_last_run;
  FactRow* last_run = nullptr;
  std::vector<std::pair<size_t, Booking>> remarkable;
  for (size_t i = 0; i < chain.size(); ++i) {
    FactRow& row = chain[i];
    const FactRow was = row;
    row.previous = i == 0 ? 0 : chain[i - 1].seq;
    row.marks = 0;
    if (last_run && Supersedes(row, *last_run)) {
      balance = before_last_run;
      last_run->marks |= kSuperseded;
      last_run->lost = 0;
      last_run->cause = 0;
      WriteDerived(*last_run);
      std::erase_if(remarkable, [&](const auto& entry) { return &chain[entry.first] == last_run; });
    }
    if (row.kind == FactKind::kRun) {
      before_last_run = balance;
      last_run = &row;
    }
    const Booking booking = bookkeeper_.Book(row, balance, set);
    balance.disordered = balance.disordered || row.logged_at < balance.logged_until;
    balance.logged_until = std::max(balance.logged_until, row.logged_at);
    const bool changed = row.lost != was.lost || row.seq == new_seq;
    if (booking.remarkable() && changed && i + 1 < chain.size())
      remarkable.emplace_back(i, booking);
    if (i + 1 == chain.size()) remarkable.emplace_back(i, booking);
    if (!SameDerived(row, was)) WriteDerived(row);
  }
  balance.last = chain.back().seq;
  balance.alerting = old.alerting;
  partition.balance = balance;
  if (chain.back().source) partition.source = chain.back().source;
  entry_.tallies[partition.key.format].missing += balance.missing - old.missing;
  if (set) {
    segments_.Of(partition.key) = std::move(segments);
    segments_.Save(partition.key, 0);
  }
  for (const auto& [index, booking] : remarkable) {
    ShowRebuilt(chain[index], booking, partition, new_seq);
  }
}

// Shows a rebuilt run to the rules with the balance as it is now; only the new fact counts as a
// run.
void Accounts::ShowRebuilt(const FactRow& row, const Booking& booking, BookedPartition& partition,
                           int64_t new_seq) {
  if (row.seq == new_seq) return lookout_.Saw(row, booking, partition);
  lookout_.SawAgain(row, booking, partition);
}

void Accounts::WriteDerived(const FactRow& row) {
  const auto some = [](int64_t value) { return value ? Cell::Of(value) : Cell::Null(); };
  update_derived_.Run({Cell::Of(row.seq), some(row.previous),
                       row.before == kUnknownCount ? Cell::Null() : Cell::Of(row.before),
                       some(row.missing), some(row.lost), some(row.cause), some(row.marks)});
}
