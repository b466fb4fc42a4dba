// Ledger, third part: facts that do not simply follow the newest one of their partition. The
// partition's chain is loaded, the fact finds its place (or turns out to be known), and the whole
// chain is booked again. Only this partition is touched.

#include <algorithm>

#include "monitor/ledger.h"
#include "monitor/ledger_sql.h"

FactRow Ledger::LoadRow(int64_t seq, std::deque<std::string>& storage) {
  // Rows of this very commit are not in the table yet.
  const std::vector<FactRow>& rows = entry_.rows;
  if (!rows.empty() && seq >= rows.front().seq) {
    return rows[static_cast<size_t>(seq - rows.front().seq)];
  }
  if (!select_row_.Bind({Cell::Of(seq)}).Step()) return {};
  return ReadFactRow(select_row_, storage);
}

// Oldest first.
std::vector<FactRow> Ledger::LoadChain(int64_t last, std::deque<std::string>& storage) {
  std::vector<FactRow> chain;
  for (int64_t seq = last; seq != 0;) {
    chain.push_back(LoadRow(seq, storage));
    if (chain.back().seq != seq) {
      database_.Refuse("fact " + std::to_string(seq) +
                       " of a chain is not there: the ledger is "
                       "damaged, see `rollcall check ledger`");
      return {};
    }
    seq = chain.back().previous;
  }
  std::reverse(chain.begin(), chain.end());
  return chain;
}

// Within one log byte order is run order, unless runs are segments (RocksDB writes lines late);
// logged time orders only between logs.
bool Ledger::Later(const FactRow& a, const FactRow& b) {
  const Source* source = a.source ? sources_.ById(a.source) : nullptr;
  const bool by_position = source && source->shape == Shape::kRewrite;
  if (a.log != 0 && a.log == b.log && (by_position || a.logged_at == b.logged_at)) {
    return a.position > b.position;
  }
  return a.logged_at > b.logged_at;
}

// A retry after a crash (DESIGN section 3, "Fact keys").
bool Ledger::Supersedes(const FactRow& retry, const FactRow& earlier) const {
  const RunCounts& a = retry.counts;
  const RunCounts& b = earlier.counts;
  return retry.kind == FactKind::kRun && earlier.kind == FactKind::kRun &&
         retry.batch == earlier.batch && !retry.batch.empty() && a.existing == earlier.before &&
         a.existing != kUnknownCount && a.fresh == b.fresh && a.duplicates == b.duplicates &&
         a.deleted == b.deleted;
}

// Usually a tie: several lines of a partition in one millisecond, in their order. While logged
// times only rise along the chain, a known fact or a later one can only be among the newest.
void Ledger::AppendLate(FactRow& row, BookedPartition& partition) {
  const Balance& balance = partition.balance;
  if (balance.disordered) return Insert(row, partition);
  std::deque<std::string> storage;
  for (int64_t seq = balance.last; seq != 0;) {
    const FactRow known = LoadRow(seq, storage);
    if (known.logged_at < row.logged_at) break;
    if (SameFact(known, row)) {
      ++outcome_.duplicate_facts;
      return;
    }
    if (Later(known, row)) return Insert(row, partition);
    seq = known.previous;
  }
  Append(row, partition);
}

// Into its place in the chain, which is then booked again; nowhere when it is there already.
void Ledger::Insert(FactRow& row, BookedPartition& partition) {
  std::deque<std::string> storage;
  std::vector<FactRow> chain = LoadChain(partition.balance.last, storage);
  for (const FactRow& known : chain) {
    if (!SameFact(known, row)) continue;
    ++outcome_.duplicate_facts;
    return;
  }
  auto place = chain.end();
  while (place != chain.begin() && Later(*(place - 1), row)) --place;
  PushRow(row);
  chain.insert(place, row);
  journal_.WriteRows(entry_.rows);  // the rows must be there to be updated
  rebuilt_ = true;
  Rebuild(partition, chain, row.seq);
}

// Books the whole chain again, writes what came out differently, and shows all of it to the rules:
// an alert about a loss that was none ends, and one that there always was begins.
void Ledger::Rebuild(BookedPartition& partition, std::vector<FactRow>& chain, int64_t new_seq) {
  const Balance old = partition.balance;
  const Source* source = chain.back().source ? sources_.ById(chain.back().source) : nullptr;
  SegmentSet segments;
  SegmentSet* set = source && source->shape == Shape::kSegments ? &segments : nullptr;
  Balance balance, before_last_run;
  AlertReplay replay, replay_before_last_run;
  FactRow* last_run = nullptr;
  for (size_t i = 0; i < chain.size(); ++i) {
    FactRow& row = chain[i];
    const FactRow was = row;
    row.previous = i == 0 ? 0 : chain[i - 1].seq;
    row.marks = 0;
    if (last_run && Supersedes(row, *last_run)) {
      balance = before_last_run;
      replay = replay_before_last_run;
      last_run->marks |= kSuperseded;
      last_run->lost = 0;
      last_run->cause = 0;
      WriteDerived(*last_run);
    }
    if (row.kind == FactKind::kRun) {
      before_last_run = balance;
      replay_before_last_run = replay;
      last_run = &row;
    }
    const Booking booking = Book(row, balance, set);
    balance.disordered = balance.disordered || row.logged_at < balance.logged_until;
    balance.logged_until = std::max(balance.logged_until, row.logged_at);
    if (row.seq == new_seq) Note(row, booking, old.alerting != 0);
    if (row.kind != FactKind::kStartedRun && (booking.remarkable() || replay.any_open())) {
      replay.Show(rules_.OnRun(Describe(row, booking, balance)), row.logged_at, row.seq);
    }
    if (row.previous != was.previous || row.before != was.before || row.missing != was.missing ||
        row.lost != was.lost || row.cause != was.cause || row.marks != was.marks) {
      WriteDerived(row);
    }
  }
  balance.last = chain.back().seq;
  partition.balance = balance;
  if (chain.back().source) partition.source = chain.back().source;
  entry_.tallies[partition.key.format].missing += balance.missing - old.missing;
  if (set) {
    segments_[partition.key] = std::move(segments);
    SaveSegments(partition.key, 0);
  }
  alerts_.Settle(replay, {partition.key, 0}, balance.logged_until, new_seq);
  partition.balance.alerting = alerts_.AnyOpen(partition.key);
}

void Ledger::WriteDerived(const FactRow& row) {
  const auto some = [](int64_t value) { return value ? Cell::Of(value) : Cell::Null(); };
  update_derived_.Run({Cell::Of(row.seq), some(row.previous),
                       row.before == kUnknownCount ? Cell::Null() : Cell::Of(row.before),
                       some(row.missing), some(row.lost), some(row.cause), some(row.marks)});
}

SegmentSet& Ledger::Segments(const PartitionKey& key) {
  // Only recently touched partitions are worth keeping.
  constexpr size_t kMaxCached = 50'000;
  const auto known = segments_.find(key);
  if (known != segments_.end()) return known->second;
  if (segments_cached_ > kMaxCached) {
    segments_.clear();
    segments_cached_ = 0;
  }
  SegmentSet& set = segments_[key];
  select_segments_.Bind({Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
                         Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server})});
  while (select_segments_.Step()) {
    const auto records = select_segments_.MaybeInteger(1);
    set[std::string(select_segments_.Text(0))] = {records.value_or(kUnknownCount),
                                                  select_segments_.Integer(2) != 0,
                                                  select_segments_.Integer(3)};
  }
  segments_cached_ += set.size();
  return set;
}

void Ledger::SaveSegments(const PartitionKey& key, int64_t since_seq) {
  for (const auto& [name, segment] : segments_[key]) {
    if (segment.seq < since_seq) continue;
    upsert_segment_.Run(
        {Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}), Cell::Of(int64_t{key.format}),
         Cell::Of(int64_t{key.server}), Cell::Of(name),
         segment.records == kUnknownCount ? Cell::Null() : Cell::Of(segment.records),
         Cell::Of(int64_t{segment.live}), Cell::Of(segment.seq)});
  }
}
