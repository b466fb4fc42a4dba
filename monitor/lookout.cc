#include "monitor/lookout.h"

#include <fnmatch.h>

#include <algorithm>
#include <deque>

namespace {

constexpr const char* kUpsertLossy =
    "INSERT INTO lossy VALUES (?1,?2,?3,?4) ON CONFLICT(format, cause, version) DO UPDATE SET "
    "runs = runs + ?4";

}  // namespace

Lookout::Lookout(Database& database, Names& names, SourceBook& sources, BalanceBook& balances,
                 FactChains& chains, CanonicalFormats& formats, const RuleBook& rules,
                 AlertBook& alerts, FileLookout& files, Journal& journal, JournalEntry& entry)
    : database_(database),
      names_(names),
      sources_(sources),
      balances_(balances),
      chains_(chains),
      formats_(formats),
      rules_(rules),
      journal_(journal),
      entry_(entry),
      alerts_(alerts),
      files_(files),
      outputs_(database, names),
      unfinished_(database) {}

void Lookout::Open() { unfinished_.Open(); }

void Lookout::Forget() {
  outputs_.Forget();
  unfinished_.Open();
}

bool Lookout::IsSegments(const FactRow& row) {
  const Source* source = row.source ? sources_.ById(row.source) : nullptr;
  return source && source->shape == Shape::kSegments;
}

void Lookout::Count(const FactRow& row, bool over) {
  JournalEntry::Tally& tally = entry_.tallies[row.partition.format];
  if (row.kind == FactKind::kFailedRun) ++tally.failed;
  if (row.kind == FactKind::kStartedRun && !over && !FinishedElsewhere(row)) {
    unfinished_.Start(row);
  }
  if (row.kind == FactKind::kRun) {
    ++tally.runs;
    Increase(tally.written, std::max<int64_t>(0, row.counts.written));
    if (row.path) SawOutput(row);
  }
  if (!unfinished_.any_started()) return;
  if (row.kind == FactKind::kRun || row.kind == FactKind::kFailedRun) SawEnd(row);
}

void Lookout::CountLoss(const FactRow& row, int64_t runs) {
  Statement lossy = database_.Prepare(kUpsertLossy);
  lossy.Run({Cell::Of(int64_t{row.partition.format}), Cell::Of(row.cause), Cell::Of(row.version),
             Cell::Of(runs)});
}

void Lookout::Show(const FactRow& row, const Booking& booking, Balance& balance) {
  if (booking.reopened && balance.alerting) {
    alerts_.EndAll(row.partition, row.logged_at, row.seq);
  }
  if (row.kind == FactKind::kStartedRun) return;
  if (!booking.remarkable() && !balance.alerting) return;
  Apply(rules_.OnRun(Describe(row, booking, balance)), {row.partition, 0}, row.logged_at, row.seq);
  balance.alerting = alerts_.AnyOpen(row.partition);
}

void Lookout::ShowAgain(const FactRow& row, const Booking& booking, const Balance& balance,
                        AlertReplay& replay) {
  if (booking.reopened) replay.Reopen(row.logged_at);
  if (row.kind == FactKind::kStartedRun) return;
  if (!booking.remarkable() && !replay.any_open()) return;
  replay.Show(rules_.OnRun(Describe(row, booking, balance)), row.logged_at, row.seq);
}

bool Lookout::Settle(const PartitionKey& key, const AlertReplay& replay, int64_t now, int64_t seq) {
  alerts_.Settle(replay, {key, 0}, now, seq);
  return alerts_.AnyOpen(key);
}

// The version that wrote what this run found or should have found.
std::string Lookout::PreviousVersion(const FactRow& row) {
  std::deque<std::string> storage;
  for (int64_t seq = row.previous; seq != 0;) {
    const FactRow run = chains_.LatestRun(seq, storage);
    if (run.version != 0) return names_.Text(run.version);
    seq = run.previous;
  }
  return {};
}

RunObservation Lookout::Describe(const FactRow& row, const Booking& booking,
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
  run.previous_version = PreviousVersion(row);
  run.conservation = source ? source->conservation : Conservation::kStrict;
  run.segments = IsSegments(row);
  run.counts = row.counts;
  run.booking = booking;
  run.balance = balance;
  return run;
}

void Lookout::Apply(const std::vector<Finding>& findings, const AlertBook::Subject& subject,
                    int64_t now, int64_t seq) {
  for (const Finding& finding : findings) alerts_.Apply(finding, subject, now, seq);
}

void Lookout::SawOutput(const FactRow& row) {
  const auto place = outputs_.Note(row, Millis(entry_.batch->observed_at));
  if (!place) return;
  PartitionKey subject;
  subject.server = row.partition.server;
  subject.format = row.partition.format;
  OutputObservation output = Compare(row, *place);
  output.left =
      alerts_.OpenEvidence("output_moved", {subject, 0}, "previous_directory", row.logged_at);
  const bool same =
      output.previous_directory.empty() || output.previous_directory == output.directory;
  if (same && !output.outside_template && !output.left) return;
  Apply(rules_.OnOutput(output), {subject, 0}, row.logged_at, row.seq);
}

// Holds where a run wrote against where its server and format were written before.
OutputObservation Lookout::Compare(const FactRow& row, const OutputBook::Place& place) {
  OutputObservation output;
  output.directory = place.directory;
  output.previous_directory = place.previous_directory;
  output.previous_version = place.previous_version;
  output.usual = place.usual;
  output.earlier_runs = place.earlier_runs;
  const CanonicalFilesConfig* format = formats_.Of(row.partition.format);
  // The configured path may hold wildcards where the servers' own paths differ.
  const std::string expected = format ? OutputDirectory(format->path) : std::string();
  const auto outside = [](const std::string& pattern, const std::string& directory) {
    return fnmatch(pattern.c_str(), directory.c_str(), FNM_PATHNAME) != 0;
  };
  const std::string project = names_.Text(row.partition.project);
  output.outside_template =
      format && outside(expected, output.directory) &&
      outside(DirectoryFor(expected, project), DirectoryFor(output.directory, project));
  output.server = names_.Text(row.partition.server);
  output.format = names_.Text(row.partition.format);
  output.version = names_.Text(row.version);
  output.run = std::string(row.run);
  output.project = project;
  output.day = Day{row.partition.day};
  output.written = row.counts.written;
  return output;
}

// Holds what a run wrote against what it wrote of the same events in another format. What lacks
// some has the alert.
void Lookout::CompareFormats(const FactRow& row) {
  if (row.kind != FactKind::kRun || row.counts.written == kUnknownCount) return;
  for (const int64_t other : formats_.SameEvents(row.partition.format)) {
    PartitionKey key = row.partition;
    key.format = static_cast<int32_t>(other);
    const auto found = balances_.Find(key);
    if (!found) continue;
    std::deque<std::string> storage;
    const FactRow run = chains_.LatestRun(found->balance.last, storage);
    const int64_t written = run.counts.written;
    if (run.seq == 0 || !SameRun(run, row) || written == kUnknownCount) continue;
    const bool less = row.counts.written <= written;
    const FactRow& lacking = less ? row : run;
    const FactRow& having = less ? run : row;
    FormatsObservation formats;
    formats.server = names_.Text(key.server);
    formats.project = names_.Text(key.project);
    formats.day = Day{key.day};
    formats.run = std::string(row.run);
    formats.version = names_.Text(row.version);
    formats.format = names_.Text(lacking.partition.format);
    formats.written = lacking.counts.written;
    formats.other_format = names_.Text(having.partition.format);
    formats.other_written = having.counts.written;
    const auto apply = [&](const PartitionKey& partition) {
      alerts_.Apply(rules_.OnFormats(formats), {partition, 0, ""}, row.logged_at, row.seq);
    };
    apply(lacking.partition);
    formats.other_written = formats.written;  // the other one lacks nothing
    apply(having.partition);
  }
}

void Lookout::Acknowledge(const FactRow& permit) {
  alerts_.Acknowledge("output_moved", permit.partition.server, permit.partition.format,
                      permit.logged_at);
}

void Lookout::Tick(Time now, bool overdue) {
  alerts_.Tick(Millis(now));
  for (const CanonicalFilesConfig& files : formats_.all()) {
    if (!files.retention) continue;
    alerts_.Retire(names_.Find(files.format), *files.retention, Millis(now));
  }
  if (overdue) ShowOverdue(now);
  files_.Tick(now);
}

void Lookout::ReportSource(const SourceObservation& source, int64_t server, Time now, int64_t seq) {
  for (const Source& known : sources_.all()) {
    if (known.name != source.source) continue;
    sources_.Keep(known, source.coverage);
    PartitionKey subject;
    subject.server = static_cast<int32_t>(server);
    Apply(rules_.OnSource(source, now), {subject, known.id}, Millis(now), seq);
  }
}
