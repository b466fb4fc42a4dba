#include "monitor/bookkeeper.h"

#include "monitor/fact_detail.h"

namespace {

constexpr const char* kInsertPermit = "INSERT OR REPLACE INTO permit VALUES (?,?,?,?,?,?,?,?)";
constexpr const char* kPermitEnd =
    "SELECT max(expires_at) FROM permit WHERE project = ? AND day = ? AND format = ? AND server = "
    "?";

}  // namespace

Bookkeeper::Bookkeeper(Database& database, Names& names, SourceBook& sources, BalanceBook& balances,
                       FactChains& chains, CanonicalFormats& formats)
    : database_(database),
      names_(names),
      sources_(sources),
      balances_(balances),
      chains_(chains),
      formats_(formats) {}

bool Bookkeeper::IsSegments(const FactRow& row) {
  const Source* source = row.source ? sources_.ById(row.source) : nullptr;
  return source && source->shape == Shape::kSegments;
}

Booking Bookkeeper::Book(FactRow& row, Balance& balance, SegmentSet* segments) {
  if (balance.retired || Retired(row, balance)) {
    balance = {.last = balance.last,
               .logged_until = balance.logged_until,
               .disordered = balance.disordered};
  }
  Booking booking = BookByKind(row, balance, segments);
  if (booking.lost > 0) JudgeByBase(row, booking);
  row.before = booking.before;
  row.missing = balance.missing;
  row.lost = booking.lost;
  row.cause = booking.cause == Cause::kNone ? 0 : names_.Id(NameOf(booking.cause));
  const bool unknown = VerdictOf(balance, row.epoch) == Verdict::kUnknown;
  row.marks =
      (booking.opened ? kOpened : 0) | (unknown ? kUnknownAfter : 0) | (row.marks & kSuperseded);
  return booking;
}

Booking Bookkeeper::BookByKind(FactRow& row, Balance& balance, SegmentSet* segments) {
  Booking booking;
  booking.before = balance.actual;
  if (row.kind == FactKind::kRecount) {
    return BookRecount(row.counts.written, row.epoch, balance);
  }
  if (row.kind == FactKind::kPermit) return BookOperatorPermit(row, balance);
  if (segments && row.kind == FactKind::kRun) {
    if (const auto run = ParseSegmentRun(row.detail)) {
      booking = BookSegmentRun(*run, row.counts, sources_.ById(row.source)->conservation, row.seq,
                               *segments, balance);
    }
    balance.epoch = row.epoch;
  } else if (segments && row.kind == FactKind::kSegmentsDeleted) {
    if (const auto deletion = ParseSegmentDeletion(row.detail)) {
      booking = BookSegmentDeletion(*deletion, row.seq, *segments, balance);
    }
  } else if (row.kind == FactKind::kRun) {
    booking = BookRewrite(row, balance);
  }
  return booking;
}

Booking Bookkeeper::BookRewrite(const FactRow& row, Balance& balance) {
  RunContext context;
  context.epoch = row.epoch;
  context.permits_expired = PermitsExpired(row, balance);
  if (const Source* source = row.source ? sources_.ById(row.source) : nullptr) {
    context.gap = SourceBook::Between(*source, balance.epoch, row.epoch);
    context.watched_since_day =
        row.epoch == 0 || source->last_gap_at < Millis(StartOf(Day{row.partition.day}));
  }
  return BookRun(row.counts, context, balance);
}

Booking Bookkeeper::BookOperatorPermit(const FactRow& row, Balance& balance) {
  const FactDetail detail(row.detail);
  const std::string kind = detail.Text("kind");
  const int64_t events = detail.Integer("events");
  if (kind == "rehomed") return BookRehomedHere(events, balance);
  if (kind == "rehomed_away") return BookRehomedAway(balance);
  if (const int64_t expires = detail.Moment("expires_at"); expires != 0) {
    Statement insert = database_.Prepare(kInsertPermit);
    insert.Run({Cell::Of(int64_t{row.partition.project}), Cell::Of(int64_t{row.partition.day}),
                Cell::Of(int64_t{row.partition.format}), Cell::Of(int64_t{row.partition.server}),
                Cell::Of(row.seq), Cell::Of(kind), Cell::Of(expires), Cell::Of(row.detail)});
  }
  return BookPermit(events, balance);
}

// One permit without an end keeps what is left of all valid: the balance holds their sum.
bool Bookkeeper::PermitsExpired(const FactRow& row, const Balance& balance) {
  if (balance.permitted == 0) return false;
  Statement permits = database_.Prepare(kPermitEnd);
  permits.Bind({Cell::Of(int64_t{row.partition.project}), Cell::Of(int64_t{row.partition.day}),
                Cell::Of(int64_t{row.partition.format}), Cell::Of(int64_t{row.partition.server})});
  return permits.Step() && !permits.IsNull(0) && permits.Integer(0) < row.logged_at;
}

// A format whose merge base comes from another (`reads`) is judged by what that one shows for the
// same run: the cause is judged once and inherited.
void Bookkeeper::JudgeByBase(const FactRow& row, Booking& booking) {
  const CanonicalFilesConfig* format = formats_.Of(row.partition.format);
  if (row.kind != FactKind::kRun || !format || format->reads.empty()) return;
  if (row.counts.existing == kUnknownCount || booking.cause == Cause::kLostInGap) return;
  PartitionKey base = row.partition;
  base.format = static_cast<int32_t>(names_.Find(format->reads));
  const auto found = base.format ? balances_.Find(base) : std::nullopt;
  if (!found || found->balance.last == 0) return;
  std::deque<std::string> storage;
  const FactRow last = chains_.Row(found->balance.last, storage);
  const bool same_run = !row.run.empty() && last.run == row.run;
  const int64_t base_before = same_run ? last.before : found->balance.actual;
  booking.cause =
      base_before > row.counts.existing ? Cause::kExistingNotRead : Cause::kDroppedInMerge;
}

// Past day + retention a partition is as good as new; the run that says so reopens it.
bool Bookkeeper::Retired(const FactRow& row, const Balance& balance) {
  if (balance.opening == Opening::kUnopened || row.partition.day == Day::kNone) return false;
  const CanonicalFilesConfig* format = formats_.Of(row.partition.format);
  if (!format || !format->retention) return false;
  const int64_t end = Millis(StartOf(Day{row.partition.day}) + *format->retention);
  return row.logged_at >= end && balance.logged_until < end;
}
