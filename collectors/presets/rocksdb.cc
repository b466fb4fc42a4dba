// RocksDB: flushes and compactions of column families, from the engine's own LOG.
//
// A run takes several lines: announcement, *_started, one table_file_creation for each output, the
// status line, *_finished. A table_file_deletion names no family, and why a file was deleted has to
// be told from what went before
// (RocksState::WhyDeleted).
//
// Lines of different jobs interleave, and *_finished comes late ("Original Log Time"). Within a job
// *_started and each table_file_creation are written at once, so that they precede *_finished. A
// deletion may precede the *_finished of the job that consumed the file (another thread purges): it
// is held until that job ends. Where the job's end never comes, the deletion is told all the same:
// when the database is closed or opened again, or ten minutes later by the log's own times.
//
// Job ids restart with each session. A rolled LOG repeats its head, so that only another session
// id, or opening the manifest, begins a session. The state of a rotated log goes on in its
// successor.

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "collectors/joiner.h"
#include "collectors/presets/rocksdb_line.h"
#include "collectors/presets/rocksdb_state.h"
#include "collectors/presets/segment_fact.h"

namespace {

using nlohmann::json;
using JobKind = RocksJob::Kind;

// A bound for logs that are not what they seem.
constexpr size_t kMaxPending = 4096;
// *_finished is written moments after the job was installed, when its files may be deleted.
constexpr int64_t kPatienceMicros = 600'000'000;

constexpr LineResult kUsed{LineOutcome::kFacts, {}};
constexpr LineResult kIgnored{LineOutcome::kIgnored, {}};

// What each line of a batch needs to become facts.
struct Place {
  const LineOrigin& origin;
  size_t line_bytes = 0;
  Batch& batch;
};

json SegmentsOf(const std::vector<int64_t>& files) {
  json names = json::array();
  for (const int64_t file : files) names.push_back(std::to_string(file));
  return names;
}

class RocksdbJoiner final : public Joiner {
 public:
  explicit RocksdbJoiner(const CompactionLogConfig& config) : facts_(config) {}

  LineResult Line(std::string_view text, const LineOrigin& origin, Batch& batch) override;
  void Missed() override { state_.Doubt(); }
  std::optional<Time> WaitingSince() const override;
  std::string State() const override { return state_.Write(); }
  void Restore(std::string_view state) override {
    state_ = RocksState::Read(state);
    facts_.version = state_.version;
  }

 private:
  LineResult Apply(const RocksLine& line, Place place);
  LineResult ApplyEvent(const RocksLine& line, Place place);
  LineResult Session(const RocksLine& line, Place place);
  LineResult Manifest(Place place);
  LineResult Closed(Place place);
  LineResult Announced(const RocksLine& line);
  LineResult FlushStatus(const RocksLine& line);
  LineResult CompactionStatus(const RocksLine& line);
  LineResult Started(const RocksLine& line, JobKind kind, Place place);
  LineResult Created(const RocksLine& line);
  LineResult Finished(const RocksLine& line, JobKind kind, Place place);
  LineResult Deleted(const RocksLine& line, Place place);
  LineResult Moved(const RocksLine& line, Place place);

  void BeginSession(const std::string& id, Place place);
  void AnnounceRun(RocksJob& job, Place place);
  void EndJob(const RocksJob& job, bool failed, Place place);
  void EndAllJobs(const char* why, bool crashed, Place place);
  void GiveUpWaiting(Place place);
  void AddFinished(const RocksJob& job, int family, const RocksLine& line, Place place);
  void AddFailed(const RocksJob& job, int64_t micros, Place place);
  void AddDeletion(const RocksHeldDeletion& deletion, Place place);
  void TellDeletion(const RocksHeldDeletion& deletion, Place place);
  json Detail(std::string_view kind, int64_t micros) const;
  Fact& AddFact(FactKind kind, int family, int64_t micros, const json& detail, Place place);

  SegmentFacts facts_;
  RocksState state_;
};

LineResult RocksdbJoiner::Line(std::string_view text, const LineOrigin& origin, Batch& batch) {
  const RocksLine line = ParseRocksLine(text);
  if (line.kind == RocksLine::Kind::kBroken) {
    Missed();
    return {LineOutcome::kQuarantined, line.reason};
  }
  return Apply(line, {origin, text.size(), batch});
}

LineResult RocksdbJoiner::Apply(const RocksLine& line, Place place) {
  using Kind = RocksLine::Kind;
  switch (line.kind) {
    case Kind::kVersion:
      facts_.version = state_.version = line.text;
      return kUsed;
    case Kind::kSession:
      return Session(line, place);
    case Kind::kRecovering:
      return Manifest(place);
    case Kind::kOpened:  // also in the head of a rolled log
      if (state_.opening) state_.FinishOpening();
      return kUsed;
    case Kind::kClosed:
      return Closed(place);
    case Kind::kFamily:
      state_.FamilyNamed(line.family, line.id);
      return kUsed;
    case Kind::kFamilyDropped:
      state_.DropFamily(line.id);
      return kUsed;
    case Kind::kFlushBegins:
    case Kind::kCompactionBegins:
      return Announced(line);
    case Kind::kFlushStatus:
      return FlushStatus(line);
    case Kind::kCompactionStatus:
      return CompactionStatus(line);
    case Kind::kFifoPick:
      return state_.PickForFifo(line.file) ? kUsed : kIgnored;
    case Kind::kMoving:
      if (state_.moves.size() >= kMaxPending) state_.moves.clear();
      state_.moves.push_back({state_.FamilyNamed(line.family), line.file, line.level, line.bytes});
      return kUsed;
    default:
      return ApplyEvent(line, place);
  }
}

LineResult RocksdbJoiner::ApplyEvent(const RocksLine& line, Place place) {
  using Kind = RocksLine::Kind;
  state_.micros = std::max(state_.micros, line.micros);
  GiveUpWaiting(place);
  switch (line.kind) {
    case Kind::kFlushStarted:
      return Started(line, JobKind::kFlush, place);
    case Kind::kCompactionStarted:
      return Started(line, JobKind::kCompaction, place);
    case Kind::kRecoveryStarted:
      return Started(line, JobKind::kRecovery, place);
    case Kind::kFlushFinished:
      return Finished(line, JobKind::kFlush, place);
    case Kind::kCompactionFinished:
      return Finished(line, JobKind::kCompaction, place);
    case Kind::kRecoveryFinished:
      return Finished(line, JobKind::kRecovery, place);
    case Kind::kFileCreated:
      return Created(line);
    case Kind::kFileDeleted:
      return Deleted(line, place);
    case Kind::kTrivialMove:
      return Moved(line, place);
    default:
      return kIgnored;
  }
}

LineResult RocksdbJoiner::Session(const RocksLine& line, Place place) {
  if (line.text == state_.session) return kUsed;  // the head of a rolled log
  BeginSession(line.text, place);
  state_.begun_by_id = true;
  return kUsed;
}

// Versions before 6.15 have no session ids.
LineResult RocksdbJoiner::Manifest(Place place) {
  if (!std::exchange(state_.begun_by_id, false)) BeginSession(state_.session, place);
  return kUsed;
}

void RocksdbJoiner::BeginSession(const std::string& id, Place place) {
  EndAllJobs("cut off by a restart", true, place);
  // The engine writes its log late: a crash takes its last lines along.
  if (!std::exchange(state_.closed, false)) state_.Doubt();
  state_.moves.clear();
  state_.statuses.clear();
  state_.seen_jobs.clear();
  state_.session = id;
  state_.opening = true;
}

// `crashed`: a job may have ended unsaid, so that what was deleted before may have been merged.
void RocksdbJoiner::EndAllJobs(const char* why, bool crashed, Place place) {
  for (const RocksJob& job : std::exchange(state_.jobs, {})) {
    if (!job.started) continue;
    RocksJob unfinished = job;
    unfinished.error = why;
    AddFailed(unfinished, state_.micros, place);
    if (crashed) state_.Interrupt(job);
    EndJob(unfinished, true, place);
    if (!crashed) state_.Interrupt(job);
  }
  for (const RocksHeldDeletion& deletion : std::exchange(state_.held, {})) {
    TellDeletion(deletion, place);
  }
}

// The engine waits for its jobs before it says so: what they did not write by now they never will,
// and what they consumed unsaid is gone. Of their other inputs nothing is known.
LineResult RocksdbJoiner::Closed(Place place) {
  EndAllJobs("not finished when the database was closed", false, place);
  state_.closed = true;
  return kUsed;
}

std::optional<Time> RocksdbJoiner::WaitingSince() const {
  if (state_.held.empty()) return std::nullopt;
  int64_t since = state_.held.front().micros;
  for (const RocksHeldDeletion& held : state_.held) since = std::min(since, held.micros);
  return Time(std::chrono::milliseconds(since / 1000));
}

LineResult RocksdbJoiner::Announced(const RocksLine& line) {
  const int family = state_.FamilyNamed(line.family);
  if (state_.OpenJob(line.job, family) != nullptr) return kUsed;
  const bool flush = line.kind == RocksLine::Kind::kFlushBegins;
  state_.NewJob(line.job, flush ? JobKind::kFlush : JobKind::kCompaction).family = family;
  return kUsed;
}

LineResult RocksdbJoiner::FlushStatus(const RocksLine& line) {
  RocksJob* job = state_.OpenJob(line.job, state_.FamilyNamed(line.family));
  if (job == nullptr) return kIgnored;
  if (line.text != "OK") job->error = line.text;
  return kUsed;
}

LineResult RocksdbJoiner::CompactionStatus(const RocksLine& line) {
  const bool skipped = line.file_count > 0;
  if (line.text == "OK" && !skipped) return kUsed;
  if (state_.statuses.size() >= kMaxPending) state_.statuses.clear();
  state_.statuses.push_back({state_.FamilyNamed(line.family), line.input_records,
                             line.text == "OK" ? "" : line.text, skipped});
  return kUsed;
}

LineResult RocksdbJoiner::Started(const RocksLine& line, JobKind kind, Place place) {
  const auto announced =
      std::find_if(state_.jobs.begin(), state_.jobs.end(),
                   [&](const RocksJob& job) { return job.id == line.job && !job.started; });
  RocksJob& job = announced != state_.jobs.end() ? *announced : state_.NewJob(line.job, kind);
  job.kind = kind;
  job.started = true;
  job.micros = line.micros;
  job.reason = line.text;
  job.inputs = line.files;
  job.memtable_records = line.records;
  if (job.family < 0) job.family = state_.FamilyNamed(line.family);
  AnnounceRun(job, place);
  return kUsed;
}

LineResult RocksdbJoiner::Created(const RocksLine& line) {
  const int family = state_.FamilyNamed(line.family, line.id);
  RocksJob* job = state_.OpenJob(line.job, family);
  if (job == nullptr) job = &state_.NewJob(line.job, JobKind::kUnknown);
  // Recovery writes the tables of several families; any other job has one, whose id this line
  // knows.
  if (job->kind != JobKind::kRecovery) job->family = family;
  job->outputs.push_back({line.file, family, line.records, line.range_deletions});
  state_.files[line.file] = {family, RocksFile::Fate::kCreated};
  return kUsed;
}

// For compaction_overdue; a flush takes no time worth watching.
void RocksdbJoiner::AnnounceRun(RocksJob& job, Place place) {
  const int family = state_.FamilyOf(job);
  if (job.kind != JobKind::kCompaction || job.announced || family < 0) return;
  job.announced = true;
  json detail = Detail(NameOf(job.kind), job.micros);
  detail["inputs"] = SegmentsOf(job.inputs);
  if (!job.reason.empty()) detail["reason"] = job.reason;
  Fact& fact = AddFact(FactKind::kStartedRun, family, job.micros, detail, place);
  fact.run = place.batch.Add(std::to_string(job.id));
}

LineResult RocksdbJoiner::Finished(const RocksLine& line, JobKind kind, Place place) {
  RocksJob* open = state_.OpenJob(line.job, -1);
  RocksJob job;
  job.id = line.job;
  if (open != nullptr) {
    job = *open;
    state_.jobs.erase(state_.jobs.begin() + (open - state_.jobs.data()));
  }
  job.kind = kind;
  state_.TakeStatus(job, line.input_records);
  const int family = state_.FamilyOf(job);
  const bool empty_recovery = kind == JobKind::kRecovery && job.outputs.empty();
  if (family < 0 && !empty_recovery) {
    EndJob(job, false, place);
    return {LineOutcome::kQuarantined, "run of an unknown column family"};
  }
  if (!job.error.empty()) {
    AddFailed(job, line.micros, place);
    EndJob(job, true, place);
    return kUsed;
  }
  if (kind == JobKind::kRecovery) {
    std::set<int> families;
    for (const RocksOutput& output : job.outputs) families.insert(output.family);
    for (const int each : families) AddFinished(job, each, line, place);
  } else {
    AddFinished(job, family, line, place);
  }
  EndJob(job, false, place);
  return kUsed;
}

// Settles the fate of the job's files, and then tells of the deletions that waited for it.
void RocksdbJoiner::EndJob(const RocksJob& job, bool failed, Place place) {
  state_.Settle(job, failed);
  std::vector<RocksHeldDeletion> ready;
  std::erase_if(state_.held, [&](const RocksHeldDeletion& deletion) {
    if (deletion.waits_for != job.id) return false;
    ready.push_back(deletion);
    return true;
  });
  for (const RocksHeldDeletion& deletion : ready) AddDeletion(deletion, place);
}

// The line that ended the job seems to be lost; whether it merged the file is not known.
void RocksdbJoiner::GiveUpWaiting(Place place) {
  std::vector<RocksHeldDeletion> overdue;
  std::erase_if(state_.held, [&](const RocksHeldDeletion& deletion) {
    if (state_.micros - deletion.micros < kPatienceMicros) return false;
    overdue.push_back(deletion);
    return true;
  });
  for (const RocksHeldDeletion& deletion : overdue) {
    state_.DoubtFile(deletion.file);
    TellDeletion(deletion, place);
  }
}

void RocksdbJoiner::AddFinished(const RocksJob& job, int family, const RocksLine& line,
                                Place place) {
  json detail = Detail(NameOf(job.kind), line.micros);
  if (!job.reason.empty()) detail["reason"] = job.reason;
  const bool merges = job.kind == JobKind::kCompaction;
  // Else what it read is not known.
  if (job.started || !merges) detail["inputs"] = SegmentsOf(job.inputs);
  int64_t entries = 0, kept = 0;
  detail["outputs"] = json::array();
  for (const RocksOutput& output : job.outputs) {
    if (output.family != family) continue;
    entries = std::min(entries + output.records, kMaxCount);
    kept = std::min(kept + output.records - output.range_deletions, kMaxCount);
    detail["outputs"].push_back({{"segment", std::to_string(output.file)},
                                 {"records", output.records},
                                 {"range_deletions", output.range_deletions}});
  }
  // The engine does not count the inputs that it skipped, nor says which they are.
  const int64_t input_records = job.skipped ? kUnknownCount : line.input_records;
  if (input_records >= 0) detail["input_records"] = input_records;
  if (line.output_records >= 0) detail["output_records"] = line.output_records;
  if (job.memtable_records >= 0) detail["memtable_records"] = job.memtable_records;
  const auto seen = static_cast<int64_t>(job.outputs.size());
  if (line.output_files > seen) {
    detail["outputs_not_seen"] = line.output_files - seen;
    // What is live is not known any more.
    detail["outputs"].push_back({{"segment", "of job " + std::to_string(job.id) + ", not seen"}});
  }
  Fact& fact = AddFact(FactKind::kRun, family, line.micros, detail, place);
  fact.run = place.batch.Add(std::to_string(job.id));
  fact.existing = merges ? input_records : 0;
  fact.fresh = merges ? 0 : entries;
  // Tables that another process wrote (remote compaction) are not in this log; the claim stands in.
  fact.written = line.output_files > seen ? line.output_records : kept;
}

void RocksdbJoiner::AddFailed(const RocksJob& job, int64_t micros, Place place) {
  const int family = state_.FamilyOf(job);
  if (family < 0) return;
  json detail = Detail(NameOf(job.kind), micros);
  detail["error"] = job.error;
  if (!job.reason.empty()) detail["reason"] = job.reason;
  Fact& fact = AddFact(FactKind::kFailedRun, family, micros, detail, place);
  fact.run = place.batch.Add(std::to_string(job.id));
}

LineResult RocksdbJoiner::Deleted(const RocksLine& line, Place place) {
  // A file never seen was there when the log began. Who consumed it is unknown, and so is its
  // family: no partition can be said to have lost it.
  if (!state_.files.contains(line.file)) return kIgnored;
  AddDeletion({line.file, line.micros, line.job, -1}, place);
  return kUsed;
}

void RocksdbJoiner::AddDeletion(const RocksHeldDeletion& deletion, Place place) {
  const int64_t waits_for =
      state_.files.contains(deletion.file) ? state_.WaitsFor(deletion.file) : -1;
  if (waits_for < 0) return TellDeletion(deletion, place);
  if (state_.held.size() < kMaxPending) {
    state_.held.push_back(deletion);
    state_.held.back().waits_for = waits_for;
    return;
  }
  state_.DoubtFile(deletion.file);
  TellDeletion(deletion, place);
}

void RocksdbJoiner::TellDeletion(const RocksHeldDeletion& deletion, Place place) {
  const auto file = state_.files.find(deletion.file);
  if (file == state_.files.end()) return;
  const RocksReason reason = state_.WhyDeleted(file->second, deletion.deleted_by);
  if (reason.name == "delete_files_in_range") state_.frees_ranges = true;
  json detail = {{"segments", {std::to_string(deletion.file)}},
                 {"reason", reason.name},
                 {"job", std::to_string(deletion.deleted_by)},
                 {"micros", deletion.micros}};
  if (!reason.certain) detail["uncertain"] = true;
  if (!state_.session.empty()) detail["session"] = state_.session;
  if (file->second.family >= 0) {
    AddFact(FactKind::kSegmentsDeleted, file->second.family, deletion.micros, detail, place);
  }
  state_.files.erase(file);
}

// A move changes the level of files, not what is live: neither inputs nor outputs. The event names
// no files; the lines before it do, and are its own where count and bytes agree.
LineResult RocksdbJoiner::Moved(const RocksLine& line, Place place) {
  const auto moved = state_.TakeMoves(line.level, line.file_count, line.bytes);
  if (moved.empty()) return kIgnored;  // not known of which family; nothing changed in any
  json detail = Detail("trivial_move", line.micros);
  detail["inputs"] = detail["outputs"] = json::array();
  detail["moved"] = json::array();
  for (const RocksMove& move : moved) detail["moved"].push_back(std::to_string(move.file));
  Fact& fact = AddFact(FactKind::kRun, moved.front().family, line.micros, detail, place);
  fact.run = place.batch.Add(std::to_string(line.job));
  fact.existing = fact.fresh = fact.written = 0;
  return kUsed;
}

json RocksdbJoiner::Detail(std::string_view kind, int64_t micros) const {
  json detail = {{"kind", kind}, {"micros", micros}};
  if (!state_.session.empty()) detail["session"] = state_.session;
  return detail;
}

Fact& RocksdbJoiner::AddFact(FactKind kind, int family, int64_t micros, const json& detail,
                             Place place) {
  Fact& fact =
      facts_.Add(place.batch, place.origin, place.line_bytes, kind, state_.NameOf(family), detail);
  fact.logged_at = Time(std::chrono::milliseconds(micros / 1000));
  return fact;
}

}  // namespace

std::unique_ptr<Joiner> MakeRocksdbJoiner(const CompactionLogConfig& config) {
  return std::make_unique<RocksdbJoiner>(config);
}
