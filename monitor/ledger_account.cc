// Ledger, second part: facts become rows, rows change balances, balances are shown to the rules.

#include <fnmatch.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

#include "monitor/ledger.h"
#include "monitor/ledger_sql.h"

namespace {

using nlohmann::json;

int64_t Millis(Time time) { return time.time_since_epoch().count(); }

json ParseDetail(std::string_view detail) {
  json object = json::parse(detail, nullptr, false);
  return object.is_object() ? object : json::object();
}

int64_t TimeAt(const json& detail, const char* key) {
  const auto found = detail.find(key);
  if (found == detail.end() || !found->is_string()) return 0;
  const auto time = ParseTime(found->get<std::string>());
  return time ? Millis(*time) : 0;
}

std::string TextAt(const json& detail, const char* key) {
  const auto found = detail.find(key);
  return found != detail.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

int64_t Ledger::InternOnce(const Batch& batch, Text slice, Memo& memo) {
  if (slice.size == 0) return 0;
  if (slice.at == memo.slice.at && slice.size == memo.slice.size && memo.id) return memo.id;
  memo = {slice, names_.Id(batch.View(slice))};
  return memo.id;
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
  row.partition.format = static_cast<int32_t>(InternOnce(batch, fact.format, memos_.format));
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
  rebuilt_ = false;
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
  entry_.last_seq = outcome_.head_seq = seq_;
  entry_.outputs = outputs_.TakeChanges();
}

void Ledger::Account(FactRow& row, const Batch& batch, const Fact& fact) {
  if (fact.source >= 0) row.epoch = sources_.At(fact.source).epoch;
  switch (fact.kind) {
    case FactKind::kRun:
    case FactKind::kFailedRun:
    case FactKind::kStartedRun:
    case FactKind::kSegmentsDeleted:
    case FactKind::kRecount:
      return AccountPartition(row, fact);
    case FactKind::kBlind:
    case FactKind::kQuarantined:
      return AccountGap(row, batch, fact);
    case FactKind::kPermit:
    case FactKind::kAnnotation:
    case FactKind::kDeploy:
      return AccountOperator(row, batch, fact);
  }
}

void Ledger::AccountPartition(FactRow& row, const Fact& fact) {
  if (fact.source >= 0) sources_.Observed(sources_.At(fact.source), row.logged_at);
  BookedPartition partition = balances_.At(row.partition);
  // A fact newer than all others of its partition is new: its logged time is part of its key.
  if (partition.balance.last != 0 && row.logged_at <= partition.balance.logged_until) {
    AppendLate(row, partition);
  } else {
    Append(row, partition);
  }
  balances_.Put(partition);
}

void Ledger::AccountGap(FactRow& row, const Batch& batch, const Fact& fact) {
  const json detail = ParseDetail(batch.View(fact.detail));
  row.partition = {};
  PushRow(row);
  if (fact.source < 0) return;
  SourceBook::Gap gap;
  gap.blind = fact.kind == FactKind::kBlind;
  gap.reason = TextAt(detail, "reason");
  gap.began = TimeAt(detail, "from");
  gap.ended = TimeAt(detail, "to");
  gap.log = fact.log;
  gap.position = fact.offset;
  gap.length = fact.length;
  gap.seq = row.seq;
  sources_.Add(sources_.At(fact.source), gap);
}

// Permits, annotations and deploys: `run` is the id of the operator's row, so that copying the
// inbox twice changes nothing.
void Ledger::AccountOperator(FactRow& row, const Batch& batch, const Fact& fact) {
  if (!row.run.empty() &&
      known_operator_fact_.Bind({Cell::Of(NameOf(row.kind)), Cell::Of(row.run)}).Step()) {
    ++outcome_.duplicate_facts;
    return;
  }
  const json detail = ParseDetail(batch.View(fact.detail));
  if (fact.kind == FactKind::kPermit && TextAt(detail, "kind") == "move") {
    PushRow(row);
    alerts_.Acknowledge("output_moved", row.partition.server, row.partition.format, row.logged_at);
    return;
  }
  const bool partitioned =
      fact.kind == FactKind::kPermit && row.partition.project != 0 && row.partition.format != 0;
  if (!partitioned) return PushRow(row);
  AccountPartition(row, fact);
}

void Ledger::PushRow(FactRow& row) {
  row.seq = ++seq_;
  AppendForHash(row, entry_.hashed);
  entry_.rows.push_back(row);
  ++outcome_.facts;
}

bool Ledger::IsSegments(const FactRow& row) {
  const Source* source = row.source ? sources_.ById(row.source) : nullptr;
  return source && source->shape == Shape::kSegments;
}

void Ledger::Append(FactRow& row, BookedPartition& partition) {
  Balance& balance = partition.balance;
  // A run that does not find what the previous one left may be a retry of that one.
  if (!row.batch.empty() && balance.last != 0 && row.counts.existing != balance.actual) {
    std::deque<std::string> storage;
    if (Supersedes(row, LoadRow(balance.last, storage))) return Insert(row, partition);
  }
  AppendAtEnd(row, partition);
}

void Ledger::AppendAtEnd(FactRow& row, BookedPartition& partition) {
  Balance& balance = partition.balance;
  const int64_t missing = balance.missing;
  row.previous = balance.last;
  row.seq = seq_ + 1;
  const bool segments = IsSegments(row);
  const Booking booking = Book(row, balance, segments ? &Segments(row.partition) : nullptr);
  if (segments) {
    rebuilt_ = true;
    SaveSegments(row.partition, row.seq);
  }
  PushRow(row);
  balance.disordered = balance.disordered || row.logged_at < balance.logged_until;
  balance.last = row.seq;
  balance.logged_until = std::max(balance.logged_until, row.logged_at);
  if (row.source) partition.source = row.source;
  entry_.tallies[row.partition.format].missing += balance.missing - missing;
  Observe(row, booking, partition);
}

Booking Ledger::Book(FactRow& row, Balance& balance, SegmentSet* segments) {
  if (balance.retired || Retired(row, balance)) {
    balance = {.last = balance.last,
               .logged_until = balance.logged_until,
               .disordered = balance.disordered};
  }
  const Source* source = row.source ? sources_.ById(row.source) : nullptr;
  Booking booking;
  booking.before = balance.actual;
  if (row.kind == FactKind::kRecount) {
    booking = BookRecount(row.counts.written, row.epoch, balance);
  } else if (row.kind == FactKind::kPermit) {
    booking = BookOperatorPermit(row, balance);
  } else if (segments && row.kind == FactKind::kRun) {
    if (const auto run = ParseSegmentRun(row.detail)) {
      booking = BookSegmentRun(*run, row.counts, source->conservation, row.seq, *segments, balance);
    }
    balance.epoch = row.epoch;
  } else if (segments && row.kind == FactKind::kSegmentsDeleted) {
    if (const auto deletion = ParseSegmentDeletion(row.detail)) {
      booking = BookSegmentDeletion(*deletion, row.seq, *segments, balance);
    }
  } else if (row.kind == FactKind::kRun) {
    booking = BookRewrite(row, source, balance);
  }
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

Booking Ledger::BookOperatorPermit(const FactRow& row, Balance& balance) {
  const json detail = ParseDetail(row.detail);
  const std::string kind = TextAt(detail, "kind");
  const auto events = detail.find("events");
  const int64_t count =
      events != detail.end() && events->is_number_integer() ? events->get<int64_t>() : 0;
  if (kind == "rehomed") return BookRehomedHere(count, balance);
  if (kind == "rehomed_away") return BookRehomedAway(balance);
  if (const int64_t expires = TimeAt(detail, "expires_at"); expires != 0) {
    Statement insert = database_.Prepare(ledger_sql::kInsertPermit);
    insert.Run({Cell::Of(int64_t{row.partition.project}), Cell::Of(int64_t{row.partition.day}),
                Cell::Of(int64_t{row.partition.format}), Cell::Of(int64_t{row.partition.server}),
                Cell::Of(row.seq), Cell::Of(kind), Cell::Of(expires), Cell::Of(row.detail)});
  }
  return BookPermit(count, balance);
}

// One permit without an end keeps what is left of all valid: the balance holds their sum.
bool Ledger::PermitsExpired(const FactRow& row, const Balance& balance) {
  if (balance.permitted == 0) return false;
  Statement permits = database_.Prepare(ledger_sql::kPermitEnd);
  permits.Bind({Cell::Of(int64_t{row.partition.project}), Cell::Of(int64_t{row.partition.day}),
                Cell::Of(int64_t{row.partition.format}), Cell::Of(int64_t{row.partition.server})});
  return permits.Step() && !permits.IsNull(0) && permits.Integer(0) < row.logged_at;
}

Booking Ledger::BookRewrite(FactRow& row, const Source* source, Balance& balance) {
  RunContext context;
  context.epoch = row.epoch;
  context.permits_expired = PermitsExpired(row, balance);
  if (source) {
    context.gap = SourceBook::Between(*source, balance.epoch, row.epoch);
    context.watched_since_day =
        row.epoch == 0 || source->last_gap_at < Millis(StartOf(Day{row.partition.day}));
  }
  return BookRun(row.counts, context, balance);
}

// A format whose merge base comes from another (`reads`) is judged by what that one shows for the
// same run: the cause is judged once and inherited.
void Ledger::JudgeByBase(FactRow& row, Booking& booking) {
  const CanonicalFilesConfig* format = FormatOf(row.partition.format);
  if (row.kind != FactKind::kRun || !format || format->reads.empty()) return;
  if (row.counts.existing == kUnknownCount || booking.cause == Cause::kLostInGap) return;
  PartitionKey base = row.partition;
  base.format = static_cast<int32_t>(names_.Find(format->reads));
  const auto found = base.format ? balances_.Find(base) : std::nullopt;
  if (!found || found->balance.last == 0) return;
  std::deque<std::string> storage;
  const FactRow last = LoadRow(found->balance.last, storage);
  const bool same_run = !row.run.empty() && last.run == row.run;
  const int64_t base_before = same_run ? last.before : found->balance.actual;
  booking.cause =
      base_before > row.counts.existing ? Cause::kExistingNotRead : Cause::kDroppedInMerge;
}

const CanonicalFilesConfig* Ledger::FormatOf(int64_t format) {
  const auto known = formats_.find(format);
  if (known != formats_.end()) return known->second;
  const CanonicalFilesConfig* found = nullptr;
  const std::string name = names_.Text(format);
  for (const CanonicalFilesConfig& files : config_.canonical_files) {
    if (files.format == name) found = &files;
  }
  return formats_[format] = found;
}

// Past day + retention a partition is as good as new; the run that says so reopens it.
bool Ledger::Retired(const FactRow& row, const Balance& balance) const {
  if (balance.opening == Opening::kUnopened || row.partition.day == Day::kNone) return false;
  if (config_.canonical_files.empty()) return false;
  const CanonicalFilesConfig* format =
      const_cast<Ledger*>(this)->FormatOf(row.partition.format);  // fills a cache
  if (!format || !format->retention) return false;
  const int64_t end = Millis(StartOf(Day{row.partition.day}) + *format->retention);
  return row.logged_at >= end && balance.logged_until < end;
}

void Ledger::Observe(const FactRow& row, const Booking& booking, BookedPartition& partition) {
  Note(row, booking, partition.balance.alerting != 0);
  if (!booking.remarkable() && !partition.balance.alerting) return;
  if (row.kind != FactKind::kStartedRun) {
    ApplyFindings(rules_.OnRun(Describe(row, booking, partition.balance)), {row.partition, 0},
                  row.logged_at, row.seq);
  }
  partition.balance.alerting = alerts_.AnyOpen(row.partition);
}

// Counts a new fact, and looks at what it says beside its numbers.
void Ledger::Note(const FactRow& row, const Booking& booking, bool alerting) {
  JournalEntry::Tally& tally = entry_.tallies[row.partition.format];
  if (row.kind == FactKind::kStartedRun) return ObserveStart(row);
  if (row.kind == FactKind::kFailedRun) ++tally.failed;
  if (row.kind == FactKind::kRun) {
    ++tally.runs;
    tally.written += std::max<int64_t>(0, row.counts.written);
    if (row.path) ObserveOutput(row);
  }
  if (has_open_runs_ && row.kind != FactKind::kSegmentsDeleted) ObserveEnd(row, alerting);
  if (booking.lost <= 0) return;
  Statement lossy = database_.Prepare(ledger_sql::kUpsertLossy);
  lossy.Run({Cell::Of(int64_t{row.partition.format}), Cell::Of(row.cause), Cell::Of(row.version)});
}

RunObservation Ledger::Describe(const FactRow& row, const Booking& booking,
                                const Balance& balance) {
  RunObservation run;
  run.kind = row.kind;
  const Source* source = row.source ? sources_.ById(row.source) : nullptr;
  run.server = names_.Text(row.partition.server);
  run.project = names_.Text(row.partition.project);
  run.format = names_.Text(row.partition.format);
  run.unit = source ? source->unit : "events";
  run.day = Day{row.partition.day};
  run.run = std::string(row.run);
  run.version = names_.Text(row.version);
  run.path = names_.Text(row.path);
  run.previous_version = names_.Text(VersionBefore(row));
  run.conservation = source ? source->conservation : Conservation::kStrict;
  run.segments = source && source->shape == Shape::kSegments;
  run.counts = row.counts;
  run.booking = booking;
  run.balance = balance;
  return run;
}

// That of the run which wrote what this one found: failed runs, permits, and attempts that a retry
// replaced wrote nothing.
int64_t Ledger::VersionBefore(const FactRow& row) {
  for (int64_t seq = row.previous; seq != 0;) {
    std::deque<std::string> storage;
    const FactRow earlier = LoadRow(seq, storage);
    const bool wrote = earlier.kind == FactKind::kRun && !(earlier.marks & kSuperseded);
    if (wrote) return earlier.version;
    seq = earlier.previous;
  }
  return 0;
}

void Ledger::ApplyFindings(const std::vector<Finding>& findings, const AlertBook::Subject& subject,
                           int64_t now, int64_t seq) {
  for (const Finding& finding : findings) alerts_.Apply(finding, subject, now, seq);
}

void Ledger::ObserveOutput(const FactRow& row) {
  const auto place = outputs_.Note(row);
  if (!place) return;
  const CanonicalFilesConfig* format = FormatOf(row.partition.format);
  // The configured path may hold wildcards where the servers' own paths differ.
  const std::string expected = format ? OutputDirectory(format->path, Day{}) : std::string();
  PartitionKey subject;
  subject.server = row.partition.server;
  subject.format = row.partition.format;
  OutputObservation output;
  output.server = names_.Text(row.partition.server);
  output.format = names_.Text(row.partition.format);
  output.version = names_.Text(row.version);
  output.previous_version = place->previous_version;
  output.run = std::string(row.run);
  output.project = names_.Text(row.partition.project);
  output.day = Day{row.partition.day};
  output.directory = place->directory;
  output.previous_directory = place->previous_directory;
  output.usual = place->usual;
  output.outside_template =
      format && fnmatch(expected.c_str(), output.directory.c_str(), FNM_PATHNAME) != 0;
  output.left =
      alerts_.OpenEvidence("output_moved", {subject, 0}, "previous_directory", row.logged_at);
  output.written = row.counts.written;
  output.earlier_runs = place->earlier_runs;
  const bool same =
      output.previous_directory.empty() || output.previous_directory == output.directory;
  if (same && !output.outside_template && !output.left) return;
  ApplyFindings(rules_.OnOutput(output), {subject, 0}, row.logged_at, row.seq);
}

void Ledger::ObserveStart(const FactRow& row) {
  has_open_runs_ = true;
  open_run_.Run({Cell::Of(int64_t{row.partition.project}), Cell::Of(int64_t{row.partition.day}),
                 Cell::Of(int64_t{row.partition.format}), Cell::Of(int64_t{row.partition.server}),
                 Cell::Of(row.run), row.version ? Cell::Of(row.version) : Cell::Null(),
                 Cell::Of(row.logged_at), Cell::Of(row.seq)});
}

// A run ended: it is not overdue, nor are those that a rewritten partition had begun before.
void Ledger::ObserveEnd(const FactRow& row, bool alerting) {
  const PartitionKey& key = row.partition;
  close_run_.Run({Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
                  Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server}), Cell::Of(row.run),
                  Cell::Of(int64_t{!IsSegments(row)}), Cell::Of(row.logged_at)});
  if (!alerting) return;
  open_runs_.Bind({Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
                   Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server})});
  if (open_runs_.Step()) return;
  OverdueObservation none;
  none.overdue = false;
  ApplyFindings(rules_.OnOverdue(none), {key, 0}, row.logged_at, row.seq);
}

Result<void> Ledger::Tick(Time now) {
  journal_.Begin();
  alerts_.Tick(Millis(now));
  for (const CanonicalFilesConfig& files : config_.canonical_files) {
    if (!files.retention) continue;
    const auto oldest = std::chrono::floor<std::chrono::days>(now - *files.retention);
    alerts_.Retire(names_.Find(files.format),
                   static_cast<int32_t>(oldest.time_since_epoch().count()), Millis(now));
  }
  Statement overdue = database_.Prepare(ledger_sql::kOverdueRuns);
  overdue.Bind({Cell::Of(Millis(now - rules_.overdue_after()))});
  while (overdue.Step()) {
    const PartitionKey key{
        static_cast<int32_t>(overdue.Integer(0)), static_cast<int32_t>(overdue.Integer(1)),
        static_cast<int32_t>(overdue.Integer(2)), static_cast<int32_t>(overdue.Integer(3))};
    OverdueObservation run{names_.Text(key.server),
                           names_.Text(key.project),
                           names_.Text(key.format),
                           std::string(overdue.Text(4)),
                           names_.Text(overdue.Integer(5)),
                           Day{key.day},
                           Time(std::chrono::milliseconds(overdue.Integer(6))),
                           true};
    ApplyFindings(rules_.OnOverdue(run), {key, 0}, Millis(now), overdue.Integer(7));
    BookedPartition partition = balances_.At(key);
    if (partition.balance.alerting) continue;
    partition.balance.alerting = alerts_.AnyOpen(key);  // so that its end is shown to the rules
    balances_.Put(partition);
  }
  if (!options_.bulk) balances_.Flush();
  return End();
}

Result<void> Ledger::ReportSource(const SourceObservation& source, Time now) {
  journal_.Begin();
  for (const Source& known : sources_.all()) {
    if (known.name != source.source) continue;
    PartitionKey subject;
    subject.server = static_cast<int32_t>(server_);
    ApplyFindings(rules_.OnSource(source, now), {subject, known.id}, Millis(now), seq_);
  }
  return End();
}

Time Ledger::logged_until() const {
  int64_t newest = 0;
  for (const Source& source : sources_.all()) {
    newest = std::max(newest, source.logged_until);
  }
  return Time(std::chrono::milliseconds(newest));
}
