#include "monitor/bookkeeper.h"

#include <algorithm>
#include <cstdlib>

#include "monitor/fact_detail.h"

namespace {

constexpr const char* kJudgedAloneLosses =
    "SELECT DISTINCT project, day, server FROM fact WHERE lost > 0 AND format = ? AND marks & 8";
constexpr const char* kLosses =
    "SELECT seq FROM fact WHERE project = ? AND day = ? AND format = ? AND server = ? AND lost > 0";

}  // namespace

Bookkeeper::Bookkeeper(Database& database, Names& names, SourceBook& sources, BalanceBook& balances,
                       FactChains& chains, CanonicalFormats& formats,
                       const ExplainedShare& suspicious)
    : database_(database),
      names_(names),
      sources_(sources),
      balances_(balances),
      chains_(chains),
      formats_(formats),
      suspicious_(suspicious),
      permits_(database) {}

void Bookkeeper::Open() {
  awaited_.clear();
  for (const CanonicalFilesConfig& files : formats_.all()) {
    if (files.reads.empty()) continue;
    Statement losses = database_.Prepare(kJudgedAloneLosses);
    losses.Bind({Cell::Of(names_.Find(files.format))});
    while (losses.Step()) {
      awaited_.insert({static_cast<int32_t>(losses.Integer(0)),
                       static_cast<int32_t>(losses.Integer(1)),
                       static_cast<int32_t>(names_.Find(files.reads)),
                       static_cast<int32_t>(losses.Integer(2))});
    }
  }
}

bool Bookkeeper::IsSegments(const FactRow& row) {
  const Source* source = sources_.ById(row.source);
  return source && source->shape == Shape::kSegments;
}

Booking Bookkeeper::Book(FactRow& row, BookedPartition& partition, SegmentSet* segments) {
  Balance& balance = partition.balance;
  const bool reopened = Reopen(row, balance);
  if (balance.permitted > 0) balance.permitted = permits_.LeftAt(row.partition, row.logged_at);
  Booking booking = BookByKind(row, partition, segments);
  booking.reopened = reopened;
  if (booking.permitted > 0) permits_.Use(row.partition, booking.permitted);
  const bool alone = booking.lost > 0 && !Inherit(row, booking.cause);
  if (alone) awaited_.insert(BaseOf(row.partition));
  row.before = booking.before;
  row.missing = balance.missing;
  row.lost = booking.lost;
  row.cause = booking.cause == Cause::kNone ? 0 : names_.Id(NameOf(booking.cause));
  const bool unknown = VerdictOf(balance, row.epoch) == Verdict::kUnknown;
  row.marks =
      (booking.opened ? kOpened : 0) | (unknown ? kUnknownAfter : 0) | (alone ? kJudgedAlone : 0);
  if (row.source) partition.source = row.source;
  return booking;
}

Booking Bookkeeper::BookByKind(const FactRow& row, BookedPartition& partition,
                               SegmentSet* segments) {
  Balance& balance = partition.balance;
  Booking booking;
  booking.before = balance.actual;
  if (row.kind == FactKind::kPermit) return BookOperatorPermit(row, balance);
  if (row.kind == FactKind::kRecount) {
    return BookRecount(row.counts.written, Around(row, partition), balance);
  }
  if (segments && row.kind == FactKind::kRun) {
    if (const auto run = ParseSegmentRun(row.detail)) {
      booking = BookSegmentRun(*run, row.counts, sources_.ById(row.source)->conservation,
                               Around(row, partition), *segments, balance);
    }
  } else if (segments && row.kind == FactKind::kSegmentsDeleted) {
    if (const auto deletion = ParseSegmentDeletion(row.detail)) {
      booking = BookSegmentDeletion(*deletion, Around(row, partition), *segments, balance);
    }
  } else if (row.kind == FactKind::kRun) {
    booking = BookRun(row.counts, Around(row, partition), balance);
    balance.batch_tag = BatchTag(row.batch);
  }
  return booking;
}

Surroundings Bookkeeper::Around(const FactRow& row, const BookedPartition& partition) {
  Surroundings around;
  around.epoch = row.epoch;
  around.suspicious = suspicious_;
  const Source* source = sources_.ById(row.source ? row.source : partition.source);
  if (!source) return around;
  // The epochs of two sources have nothing to do with each other.
  if (partition.source == source->id) {
    around.gap = SourceBook::Between(*source, partition.balance.epoch, row.epoch);
  }
  around.blind_epoch = SourceBook::BlindEpoch(*source, row.epoch);
  around.watched_since_day =
      SourceBook::WatchedSince(*source, Millis(StartOf(Day{row.partition.day})), row.epoch);
  return around;
}

Booking Bookkeeper::BookOperatorPermit(const FactRow& row, Balance& balance) {
  const FactDetail detail(row.detail);
  const std::string kind = detail.Text("kind");
  const int64_t events = detail.Integer("events");
  if (kind == "rehomed") return BookRehomedHere(detail.Count("events"), balance);
  if (kind == "rehomed_away") return BookRehomedAway(balance);
  const Booking booking = BookPermit(events, balance);
  if (const int64_t left = events - booking.returned; left > 0) {
    permits_.Give(row.partition, row.seq, left, detail.Moment("expires_at"));
  }
  return booking;
}

bool Bookkeeper::Reopen(const FactRow& row, Balance& balance) {
  if (!Reopens(row, balance)) return false;
  if (balance.permitted > 0) permits_.Forget(row.partition);
  balance = {.last = balance.last,
             .logged_until = balance.logged_until,
             .disordered = balance.disordered,
             .alerting = balance.alerting};
  return true;
}

// Past day + retention a partition is as good as new, and so it is where it came back to after it
// had been re-homed.
bool Bookkeeper::Reopens(const FactRow& row, const Balance& balance) {
  if (balance.opening == Opening::kUnopened) return false;
  if (balance.retired) {
    return row.kind == FactKind::kRun || row.kind == FactKind::kRecount ||
           (row.kind == FactKind::kPermit && FactDetail(row.detail).Text("kind") == "rehomed");
  }
  if (row.partition.day == Day::kNone) return false;
  const CanonicalFilesConfig* format = formats_.Of(row.partition.format);
  if (!format || !format->retention) return false;
  const int64_t end = Millis(StartOf(Day{row.partition.day}) + *format->retention);
  return row.logged_at >= end && balance.logged_until < end;
}

PartitionKey Bookkeeper::BaseOf(const PartitionKey& reader) {
  PartitionKey base = reader;
  const CanonicalFilesConfig* format = formats_.Of(reader.format);
  base.format = format ? static_cast<int32_t>(names_.Id(format->reads)) : 0;
  return base;
}

bool Bookkeeper::IsRead(int64_t format) {
  const auto& all = formats_.all();
  return std::any_of(all.begin(), all.end(), [&](const CanonicalFilesConfig& files) {
    return !files.reads.empty() && names_.Find(files.reads) == format;
  });
}

// A format whose merge base comes from another (`reads`) is judged by what that one held before the
// same run: the cause is judged once and inherited. False when that one has no such run yet.
bool Bookkeeper::Inherit(const FactRow& row, Cause& cause) {
  if (cause != Cause::kExistingNotRead && cause != Cause::kDroppedInMerge) return true;
  const PartitionKey base = BaseOf(row.partition);
  if (base.format == 0) return true;
  const auto found = balances_.Find(base);
  if (!found) return false;
  std::deque<std::string> storage;
  const FactRow* nearest = nullptr;  // a run id may be used again
  const std::vector<FactRow> chain = chains_.Chain(found->balance.last, storage);
  const auto distance = [&](const FactRow& run) { return std::abs(run.logged_at - row.logged_at); };
  for (const FactRow& run : chain) {
    if (run.kind != FactKind::kRun || !SameRun(run, row) || run.before == kUnknownCount) continue;
    if (!nearest || distance(run) < distance(*nearest)) nearest = &run;
  }
  if (!nearest) return false;
  const bool read_less = nearest->before > row.counts.existing;
  cause = read_less ? Cause::kExistingNotRead : Cause::kDroppedInMerge;
  const Cause judged = CauseNamed(names_.Text(nearest->cause));
  if (judged == Cause::kExistingNotRead || judged == Cause::kDroppedInMerge) cause = judged;
  return true;
}

std::vector<std::pair<FactRow, FactRow>> Bookkeeper::Rejudged(const PartitionKey& base,
                                                              std::deque<std::string>& storage) {
  std::vector<std::pair<FactRow, FactRow>> changed;
  bool awaited = false;
  const std::string name = names_.Text(base.format);
  for (const CanonicalFilesConfig& files : formats_.all()) {
    if (files.reads != name) continue;
    PartitionKey reader = base;
    reader.format = static_cast<int32_t>(names_.Find(files.format));
    for (FactRow& loss : LossesOf(reader, storage)) {
      Cause cause = CauseNamed(names_.Text(loss.cause));
      const FactRow was = loss;
      loss.marks = Inherit(loss, cause) ? loss.marks & ~kJudgedAlone : loss.marks;
      awaited = awaited || loss.marks & kJudgedAlone;
      loss.cause = names_.Id(NameOf(cause));
      if (loss.cause != was.cause || loss.marks != was.marks) changed.emplace_back(was, loss);
    }
  }
  if (!awaited) awaited_.erase(base);
  return changed;
}

std::vector<FactRow> Bookkeeper::LossesOf(const PartitionKey& key,
                                          std::deque<std::string>& storage) {
  std::vector<FactRow> losses;
  Statement seqs = database_.Prepare(kLosses);
  seqs.Bind({Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
             Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server})});
  while (seqs.Step()) losses.push_back(chains_.Row(seqs.Integer(0), storage));
  return losses;
}
