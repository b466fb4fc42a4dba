#include "monitor/accounts.h"

#include <algorithm>
#include <utility>

namespace {

constexpr const char* kUpdateDerived =
    "UPDATE fact SET previous = ?2, before = ?3, missing = ?4, lost = ?5, cause = ?6, marks = ?7 "
    "WHERE seq = ?1";

}  // namespace

// The balance after a fact at the end of its chain.
void Accounts::Follow(const FactRow& row, Balance& balance) {
  balance.disordered = balance.disordered || row.logged_at < balance.logged_until;
  balance.last = row.seq;
  balance.logged_until = std::max(balance.logged_until, row.logged_at);
}

Accounts::Accounts(Database& database, SourceBook& sources, BalanceBook& balances,
                   FactChains& chains, Bookkeeper& bookkeeper, Lookout& lookout, Journal& journal,
                   JournalEntry& entry)
    : sources_(sources),
      balances_(balances),
      chains_(chains),
      bookkeeper_(bookkeeper),
      lookout_(lookout),
      journal_(journal),
      entry_(entry),
      late_(chains),
      segments_(database),
      update_derived_(database.Prepare(kUpdateDerived)) {}

void Accounts::Take(FactRow& row) {
  BookedPartition partition = balances_.At(row.partition);
  const Source* source = sources_.ById(row.source ? row.source : partition.source);
  if (source) row.epoch = SourceBook::EpochOf(*source, row.log, row.logged_at);
  // A fact newer than all others of its partition is new: its logged time is part of its key.
  const bool late = partition.balance.last != 0 && row.logged_at <= partition.balance.logged_until;
  if (Waits(row)) {
    Wait(row, partition);
  } else if (late) {
    TakeLate(row, partition);
  } else {
    Append(row, partition);
  }
  balances_.Put(partition);
  if (bookkeeper_.Awaited(row.partition) && !late_.Waits(row.partition)) {
    JudgeReaders(row.partition);
  }
}

void Accounts::Forget() {
  late_.Forget();
  segments_.Forget();
}

void Accounts::TakeAgain(FactRow& row) {
  BookedPartition partition = balances_.At(row.partition);
  bookkeeper_.Book(row, partition, nullptr);
  Follow(row, partition.balance);
  partition.balance.alerting = lookout_.AnyOpen(row.partition);
  balances_.Put(partition);
}

// Also what reads from a partition that waits, since its losses are judged by it.
bool Accounts::Waits(const FactRow& row) {
  if (late_.empty()) return false;
  return late_.Waits(row.partition) || late_.Waits(bookkeeper_.BaseOf(row.partition));
}

// Is new, unless it is known already, and stands in no chain yet.
void Accounts::Wait(FactRow& row, BookedPartition& partition) {
  Balance& balance = partition.balance;
  if (late_.Knows(row, balance.last)) {
    ++entry_.known_facts;
    return;
  }
  Observe(row);
  entry_.Push(row);
  late_.Add(row);
  if (row.kind != FactKind::kStartedRun) lookout_.Count(row, false);
  if (row.source && row.logged_at >= balance.logged_until) partition.source = row.source;
  balance.logged_until = std::max(balance.logged_until, row.logged_at);
}

// Usually a tie: several lines of a partition in one millisecond, in their order. While logged
// times only rise along the chain, a known fact or a later one can only be among the newest.
void Accounts::TakeLate(FactRow& row, BookedPartition& partition) {
  const Balance& balance = partition.balance;
  if (balance.disordered) return Wait(row, partition);
  std::deque<std::string> storage;
  for (int64_t seq = balance.last; seq != 0;) {
    const FactRow known = chains_.Row(seq, storage);
    if (known.logged_at < row.logged_at) break;
    if (SameFact(known, row)) {
      ++entry_.known_facts;
      return;
    }
    if (chains_.Later(known, row) || FactChains::Ties(known, row)) return Wait(row, partition);
    seq = known.previous;
  }
  Append(row, partition);
}

void Accounts::Append(FactRow& row, BookedPartition& partition) {
  const Balance& balance = partition.balance;
  if (balance.batch_tag != 0 && balance.batch_tag == BatchTag(row.batch)) {
    std::deque<std::string> storage;
    if (Supersedes(row, chains_.LatestRun(balance.last, storage))) return Wait(row, partition);
  }
  AppendAtEnd(row, partition);
}

void Accounts::AppendAtEnd(FactRow& row, BookedPartition& partition) {
  Balance& balance = partition.balance;
  const int64_t missing = balance.missing;
  Observe(row);
  row.previous = balance.last;
  row.seq = entry_.last_seq + 1;
  const bool segments = bookkeeper_.IsSegments(row);
  const Booking booking =
      bookkeeper_.Book(row, partition, segments ? &segments_.Of(row.partition) : nullptr);
  if (segments) {
    entry_.more_than_appended = true;
    segments_.Save(row.partition);
  }
  entry_.Push(row);
  Follow(row, balance);
  Increase(entry_.tallies[row.partition.format].missing, balance.missing - missing);
  lookout_.Count(row, false);
  lookout_.SawNewest(row);
  if (row.lost > 0) lookout_.CountLoss(row, 1);
  lookout_.Show(row, booking, balance);
}

// Only what is new ends a gap, so that the facts alone tell of its end.
void Accounts::Observe(const FactRow& row) {
  if (Source* source = sources_.ById(row.source)) {
    sources_.Observed(*source, row.log, row.logged_at);
  }
}

// Losses of formats that read from this one, judged by the runs that it has now.
void Accounts::JudgeReaders(const PartitionKey& base) {
  if (!bookkeeper_.IsRead(base.format)) return;
  std::deque<std::string> storage;
  journal_.WriteRows(entry_.rows);
  for (const auto& [was, row] : bookkeeper_.Rejudged(base, storage)) {
    lookout_.CountLoss(was, -1);
    lookout_.CountLoss(row, 1);
    WriteDerived(row);
  }
}

void Accounts::WriteDerived(const FactRow& row) {
  if (FactRow* unwritten = entry_.Unwritten(row.seq)) {
    *unwritten = row;
    return;
  }
  const auto some = [](int64_t value) { return value ? Cell::Of(value) : Cell::Null(); };
  update_derived_.Run({Cell::Of(row.seq), some(row.previous),
                       row.before == kUnknownCount ? Cell::Null() : Cell::Of(row.before),
                       some(row.missing), some(row.lost), some(row.cause), some(row.marks)});
}
