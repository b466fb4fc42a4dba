// Ledger, second part: facts of a batch become rows, and each goes to where its kind is booked.

#include <algorithm>
#include <span>

#include "monitor/fact_detail.h"
#include "monitor/ledger.h"

namespace {

bool IsMove(const FactRow& row) {
  return row.kind == FactKind::kPermit && FactDetail(row.detail).Text("kind") == "move";
}

}  // namespace

bool IsOfPartition(const FactRow& row) {
  switch (row.kind) {
    case FactKind::kRun:
    case FactKind::kFailedRun:
    case FactKind::kStartedRun:
    case FactKind::kSegmentsDeleted:
    case FactKind::kRecount:
      return true;
    case FactKind::kPermit:
      return row.partition.project != 0 && row.partition.format != 0 && !IsMove(row);
    case FactKind::kBlind:
    case FactKind::kQuarantined:
    case FactKind::kAnnotation:
    case FactKind::kDeploy:
    case FactKind::kFile:
    case FactKind::kRead:
    case FactKind::kMisplaced:
    case FactKind::kKept:
    case FactKind::kReleased:
      return false;
  }
  return false;
}

int64_t Ledger::InternOnce(const Batch& batch, Text slice, Memo& memo) {
  if (slice.size == 0) return 0;
  if (slice.at == memo.slice.at && slice.size == memo.slice.size && memo.id) return memo.id;
  memo = {slice, names_.Id(batch.View(slice))};
  return memo.id;
}

// A log that does not say the format: the store has one, and it needs a name.
int64_t Ledger::InternFormat(const Batch& batch, const Fact& fact) {
  const bool of_operator = fact.source < 0 || fact.project.size == 0;
  if (fact.format.size > 0 || of_operator) return InternOnce(batch, fact.format, memos_.format);
  return names_.Id(kNoFormat);
}

FactRow Ledger::Intern(const Batch& batch, const Fact& fact) {
  FactRow row;
  row.kind = fact.kind;
  row.synthetic = fact.synthetic;
  if (fact.source >= 0) row.source = sources_.At(fact.source).id;
  row.log = fact.log;
  row.position = fact.offset;
  row.logged_at = Millis(fact.logged_at);
  row.run = batch.View(fact.run);
  row.batch = batch.View(fact.batch);
  row.detail = batch.View(fact.detail);
  row.version = InternOnce(batch, fact.version, memos_.version);
  row.path = InternOnce(batch, fact.path, memos_.path);
  row.partition.project = static_cast<int32_t>(InternOnce(batch, fact.project, memos_.project));
  row.partition.day = fact.day.days;
  row.partition.format = static_cast<int32_t>(InternFormat(batch, fact));
  row.partition.server = static_cast<int32_t>(
      fact.server.size ? InternOnce(batch, fact.server, memos_.server) : server_);
  row.counts = {fact.existing,   fact.fresh,   fact.recovered,
                fact.duplicates, fact.deleted, fact.written};
  return row;
}

// In blocks, each in two passes, so that the second knows which partitions come next and can fetch
// them ahead: with a million partitions nearly every one is a cache miss.
void Ledger::AccountAll(const Batch& batch) {
  constexpr size_t kBlock = 512, kAhead = 16;
  memos_ = {};
  const std::span<const Fact> facts(batch.facts);
  for (size_t begin = 0; begin < facts.size(); begin += kBlock) {
    const auto block = facts.subspan(begin, std::min(kBlock, facts.size() - begin));
    interned_.clear();
    for (size_t i = 0; i < block.size(); ++i) {
      if (i + kAhead < block.size()) names_.Prefetch(batch.View(block[i + kAhead].project));
      interned_.push_back(Intern(batch, block[i]));
    }
    for (size_t i = 0; i < block.size(); ++i) {
      if (i + 2 * kAhead < block.size()) {
        balances_.PrefetchSlot(interned_[i + 2 * kAhead].partition);
      }
      if (i + kAhead < block.size()) balances_.PrefetchPartition(interned_[i + kAhead].partition);
      Account(interned_[i], batch, block[i]);
    }
  }
  register_.Take(batch);
  accounts_.BookLate();
  seq_ = entry_.last_seq;
  entry_.outputs = lookout_.TakeOutputs();
  lookout_.WriteWaiting();
}

void Ledger::Account(FactRow& row, const Batch& batch, const Fact& fact) {
  switch (fact.kind) {
    case FactKind::kRun:
    case FactKind::kFailedRun:
    case FactKind::kStartedRun:
    case FactKind::kSegmentsDeleted:
    case FactKind::kRecount:
      register_.SawRun(row);
      return accounts_.Take(row);
    case FactKind::kBlind:
    case FactKind::kQuarantined:
      return AccountGap(row, batch, fact);
    case FactKind::kPermit:
    case FactKind::kAnnotation:
    case FactKind::kDeploy:
      return AccountOperator(row);
    case FactKind::kFile:
    case FactKind::kRead:
    case FactKind::kMisplaced:
    case FactKind::kKept:
    case FactKind::kReleased:
      return register_.TakeAgain(row);
  }
}

void Ledger::AccountGap(FactRow& row, const Batch& batch, const Fact& fact) {
  const FactDetail detail(batch.View(fact.detail));
  row.partition = {};
  if (fact.source >= 0) row.epoch = sources_.At(fact.source).epoch();
  // A batch that has read nothing has no position to tell that it comes again.
  if (known_gap_
          .Bind({Cell::Of(int64_t{row.source}), Cell::Of(NameOf(row.kind)), Cell::Of(row.log),
                 Cell::Of(row.position), Cell::Of(row.detail)})
          .Step()) {
    ++entry_.known_facts;
    return;
  }
  entry_.Push(row);
  if (fact.source < 0) return;
  SourceBook::NewGap gap;
  gap.blind = fact.kind == FactKind::kBlind;
  gap.reason = detail.Text("reason");
  gap.began = detail.Moment("from");
  gap.ended = detail.Moment("to");
  gap.log = fact.log;
  gap.position = fact.offset;
  gap.length = fact.length;
  gap.seq = row.seq;
  sources_.Add(sources_.At(fact.source), gap);
}

// Permits, annotations and deploys: `run` is the id of the operator's row, so that copying the
// inbox twice changes nothing.
void Ledger::AccountOperator(FactRow& row) {
  if (!row.run.empty() &&
      known_operator_fact_.Bind({Cell::Of(NameOf(row.kind)), Cell::Of(row.run)}).Step()) {
    ++entry_.known_facts;
    return;
  }
  if (IsMove(row)) {
    entry_.Push(row);
    lookout_.Acknowledge(row);
    return;
  }
  if (!IsOfPartition(row)) return entry_.Push(row);
  accounts_.Take(row);
}

Result<void> Ledger::Tick(Time now) {
  journal_.Begin();
  lookout_.Tick(now, !options_.bulk);
  sources_.FilesWatched(Millis(now));
  if (!options_.bulk) balances_.Flush();
  return End();
}

Result<void> Ledger::ReportSource(const SourceObservation& source, Time now) {
  journal_.Begin();
  lookout_.ReportSource(source, server_, now, seq_);
  return End();
}

Time Ledger::logged_until() const {
  int64_t newest = 0;
  for (const Source& source : sources_.all()) {
    newest = std::max(newest, source.logged_until);
  }
  return Time(std::chrono::milliseconds(newest));
}
