#include "monitor/accounts.h"

#include <algorithm>
#include <utility>

namespace {

constexpr const char* kUpdateDerived =
    "UPDATE fact SET previous = ?2, before = ?3, missing = ?4, lost = ?5, cause = ?6, marks = ?7 "
    "WHERE seq = ?1";

bool SameDerived(const FactRow& a, const FactRow& b) {
  return a.previous == b.previous && a.before == b.before && a.missing == b.missing &&
         a.lost == b.lost && a.cause == b.cause && a.marks == b.marks;
}

// The balance after a fact at the end of its chain.
void Follow(const FactRow& row, Balance& balance) {
  balance.disordered = balance.disordered || row.logged_at < balance.logged_until;
  balance.last = row.seq;
  balance.logged_until = std::max(balance.logged_until, row.logged_at);
}

}  // namespace

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
      segments_(database),
      update_derived_(database.Prepare(kUpdateDerived)) {}

void Accounts::Take(FactRow& row) {
  BookedPartition partition = balances_.At(row.partition);
  const Source* source = sources_.ById(row.source ? row.source : partition.source);
  if (source) row.epoch = SourceBook::EpochOf(*source, row.log, row.logged_at);
  // A fact newer than all others of its partition is new: its logged time is part of its key.
  const bool late = partition.balance.last != 0 && row.logged_at <= partition.balance.logged_until;
  const bool rebuilt = late ? TakeLate(row, partition) : Append(row, partition);
  balances_.Put(partition);
  if (rebuilt || bookkeeper_.Awaited(row.partition)) JudgeReaders(row.partition);
}

void Accounts::TakeAgain(FactRow& row) {
  BookedPartition partition = balances_.At(row.partition);
  bookkeeper_.Book(row, partition, nullptr);
  Follow(row, partition.balance);
  partition.balance.alerting = lookout_.AnyOpen(row.partition);
  balances_.Put(partition);
}

// Usually a tie: several lines of a partition in one millisecond, in their order. While logged
// times only rise along the chain, a known fact or a later one can only be among the newest.
bool Accounts::TakeLate(FactRow& row, BookedPartition& partition) {
  const Balance& balance = partition.balance;
  if (balance.disordered) return Insert(row, partition);
  std::deque<std::string> storage;
  for (int64_t seq = balance.last; seq != 0;) {
    const FactRow known = chains_.Row(seq, storage);
    if (known.logged_at < row.logged_at) break;
    if (SameFact(known, row)) {
      ++entry_.known_facts;
      return false;
    }
    if (chains_.Later(known, row)) return Insert(row, partition);
    seq = known.previous;
  }
  return Append(row, partition);
}

bool Accounts::Append(FactRow& row, BookedPartition& partition) {
  const Balance& balance = partition.balance;
  if (balance.batch_tag != 0 && balance.batch_tag == BatchTag(row.batch)) {
    std::deque<std::string> storage;
    if (Supersedes(row, chains_.LatestRun(balance.last, storage))) return Insert(row, partition);
  }
  AppendAtEnd(row, partition);
  return false;
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
  entry_.tallies[row.partition.format].missing += balance.missing - missing;
  lookout_.Count(row, false);
  if (row.lost > 0) lookout_.CountLoss(row, 1);
  lookout_.Show(row, booking, balance);
}

// Only what is new ends a gap, so that the facts alone tell of its end.
void Accounts::Observe(const FactRow& row) {
  if (Source* source = sources_.ById(row.source)) {
    sources_.Observed(*source, row.log, row.logged_at);
  }
}

// Into its place in the chain, which is then booked again; nowhere when it is there already.
bool Accounts::Insert(FactRow& row, BookedPartition& partition) {
  std::deque<std::string> storage;
  std::vector<FactRow> chain = chains_.Chain(partition.balance.last, storage);
  for (const FactRow& known : chain) {
    if (!SameFact(known, row)) continue;
    ++entry_.known_facts;
    return false;
  }
  Observe(row);
  entry_.Push(row);
  chain.push_back(row);
  chains_.Sort(chain);
  journal_.WriteRows(entry_.rows);  // the rows must be there to be updated
  entry_.more_than_appended = true;
  Rebuild(partition, chain, row.seq);
  return true;
}

// Books the whole chain again, writes what came out differently and shows all of it to the rules.
void Accounts::Rebuild(BookedPartition& partition, std::vector<FactRow>& chain, int64_t new_seq) {
  const std::vector<FactRow> was = chain;
  const Balance old = partition.balance;
  std::vector<Booked> booked = BookAnew(partition, chain);
  entry_.tallies[partition.key.format].missing += partition.balance.missing - old.missing;
  AlertReplay replay;
  for (size_t i = 0; i < chain.size(); ++i) {
    const FactRow& row = chain[i];
    const bool added = row.seq == new_seq;
    if (added || !SameDerived(row, was[i])) {
      WriteDerived(row);
      if (!added && was[i].lost > 0) lookout_.CountLoss(was[i], -1);
      if (row.lost > 0) lookout_.CountLoss(row, 1);
      if (added) lookout_.Count(row, EndIsKnown(chain, i));
    }
    if (row.marks & kSuperseded) continue;
    lookout_.ShowAgain(row, booked[i].booking, booked[i].after, replay);
  }
  lookout_.Settle(chain.back(), replay, partition.balance);
}

// A started run whose end was read before its begin.
bool Accounts::EndIsKnown(const std::vector<FactRow>& chain, size_t started) {
  const bool segments = bookkeeper_.IsSegments(chain[started]);
  return std::any_of(
      chain.begin() + static_cast<std::ptrdiff_t>(started), chain.end(), [&](const FactRow& row) {
        const bool ended = row.kind == FactKind::kRun || row.kind == FactKind::kFailedRun;
        return ended && (!segments || row.run == chain[started].run);
      });
}

// Until no run turns out to be a retry of the one before it, which then counts as not run.
std::vector<Accounts::Booked> Accounts::BookAnew(BookedPartition& partition,
                                                 std::vector<FactRow>& chain) {
  for (FactRow& row : chain) row.marks = 0;
  std::vector<Booked> booked;
  SegmentSet segments;
  const bool of_segments = bookkeeper_.IsSegments(chain.back());
  while (FactRow* crashed = BookOnce(partition, chain, of_segments ? &segments : nullptr, booked)) {
    crashed->marks = kSuperseded;
    segments = SegmentSet();
  }
  if (of_segments) segments_.Replace(partition.key, std::move(segments));
  return booked;
}

// Gives the run that was retried, if there is one not yet known as such.
FactRow* Accounts::BookOnce(BookedPartition& partition, std::vector<FactRow>& chain,
                            SegmentSet* segments, std::vector<Booked>& booked) {
  bookkeeper_.BeginAnew(partition.key);
  booked.clear();
  partition.balance = {};
  partition.source = 0;
  FactRow* last_run = nullptr;
  int64_t previous = 0;
  for (FactRow& row : chain) {
    row.previous = std::exchange(previous, row.seq);
    Booking booking;
    if (bookkeeper_.Reopen(row, partition.balance)) last_run = nullptr;
    if (row.marks & kSuperseded) {
      row.lost = row.cause = 0;
      row.missing = partition.balance.missing;
    } else {
      if (last_run && Supersedes(row, *last_run)) return last_run;
      booking = bookkeeper_.Book(row, partition, segments);
      if (row.kind == FactKind::kRun) last_run = &row;
    }
    Follow(row, partition.balance);
    booked.push_back({booking, partition.balance});
  }
  return nullptr;
}

// Losses of formats that read from this one, judged by the runs that it has now.
void Accounts::JudgeReaders(const PartitionKey& base) {
  std::deque<std::string> storage;
  journal_.WriteRows(entry_.rows);
  for (const auto& [was, row] : bookkeeper_.Rejudged(base, storage)) {
    lookout_.CountLoss(was, -1);
    lookout_.CountLoss(row, 1);
    WriteDerived(row);
  }
}

void Accounts::WriteDerived(const FactRow& row) {
  const auto some = [](int64_t value) { return value ? Cell::Of(value) : Cell::Null(); };
  update_derived_.Run({Cell::Of(row.seq), some(row.previous),
                       row.before == kUnknownCount ? Cell::Null() : Cell::Of(row.before),
                       some(row.missing), some(row.lost), some(row.cause), some(row.marks)});
}
