#include "monitor/file_lookout.h"

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

namespace {

constexpr const char* kMissing = "INSERT OR IGNORE INTO absent VALUES (?,?,?,?,?,?,0)";
constexpr const char* kNotMissing =
    "DELETE FROM absent WHERE project = ? AND day = ? AND format = ? AND server = ?";
constexpr const char* kUntold =
    "SELECT project, day, format, server, since, seq FROM absent WHERE told = 0 AND format = ? AND "
    "since <= ?";
constexpr const char* kTold =
    "UPDATE absent SET told = 1 WHERE project = ? AND day = ? AND format = ? AND server = ?";
constexpr const char* kWithoutFile =
    "INSERT OR IGNORE INTO absent SELECT project, day, format, server, ?3, last, 0 FROM balance b "
    "WHERE format = ?1 AND server = ?2 AND actual > 0 AND NOT EXISTS (SELECT 1 FROM file f WHERE "
    "(f.project, f.day, f.format, f.server) = (b.project, b.day, b.format, b.server) AND f.present "
    "= 1)";
constexpr const char* kScanned =
    "SELECT 1 FROM file_scan WHERE format = ? AND complete = 1 AND reason = ''";
// The longer list of kinds is that of the index.
constexpr const char* kMisplaced =
    "SELECT detail FROM fact WHERE project = ? AND day = ? AND format = ? AND kind IN ('file', "
    "'read', 'misplaced') AND kind = 'misplaced' ORDER BY seq DESC LIMIT 1";

constexpr const char* kDead = "INSERT OR IGNORE INTO dead_format VALUES (?, ?)";
constexpr const char* kLiving = "DELETE FROM dead_format WHERE format = ?";

// Whether a run of that logged time (Unix ms) can have written the generation.
bool MayHaveWritten(int64_t logged_at, const KnownFile& file) {
  return logged_at + kLoggedBefore.count() >= file.born_ns / 1'000'000;
}

// "/data/{project}/{day}.evt" of one project and day.
std::string Filled(std::string path, const std::string& project, Day day) {
  const std::pair<std::string_view, std::string> words[] = {{"{project}", project},
                                                            {"{day}", FormatDay(day)}};
  for (const auto& [word, value] : words) {
    for (size_t at = path.find(word); at != std::string::npos; at = path.find(word, at)) {
      path.replace(at, word.size(), value);
      at += value.size();
    }
  }
  return path;
}

bool TakesAPlace(FileChange change) {
  return change == FileChange::kReplaced || change == FileChange::kRewritten;
}

}  // namespace

FileLookout::FileLookout(Database& database, const Config& config, Names& names,
                         BalanceBook& balances, FactChains& chains, CanonicalFormats& formats,
                         const RuleBook& rules, AlertBook& alerts, FileBook& files)
    : database_(database),
      config_(config),
      names_(names),
      balances_(balances),
      chains_(chains),
      formats_(formats),
      rules_(rules),
      alerts_(alerts),
      files_(files),
      missing_(database.Prepare(kMissing)),
      not_missing_(database.Prepare(kNotMissing)),
      untold_(database.Prepare(kUntold)),
      told_(database.Prepare(kTold)),
      without_file_(database.Prepare(kWithoutFile)),
      scanned_(database.Prepare(kScanned)),
      misplaced_(database.Prepare(kMisplaced)) {}

void FileLookout::SawRun(const FactRow& row, int64_t now) {
  if (!watching() || row.kind != FactKind::kRun || row.partition.server != server_) return;
  const CanonicalFilesConfig* format = formats_.Of(row.partition.format);
  if (!format) return;
  const std::vector<KnownFile> files = files_.Of(row.partition);
  for (KnownFile file : files) {
    if (file.run != 0 || !MayHaveWritten(row.logged_at, file)) continue;
    Explain(file, {row.seq, row.logged_at});
    files_.Put(file);
  }
  if (files.empty() && format->required && row.counts.written > 0) {
    Missing(row.partition, now, row.seq);
  }
  if (row.counts.written == 0) NotMissing(row.partition, now, row.seq);
}

// Nothing: no runs of the partition are logged.
std::optional<FileLookout::LoggedRun> FileLookout::NewestRun(const PartitionKey& key) {
  const auto partition = balances_.Find(key);
  if (!partition || partition->source == 0) return std::nullopt;
  std::deque<std::string> storage;
  const FactRow run = chains_.LatestRun(partition->balance.last, storage);
  if (run.seq == 0) return std::nullopt;
  return LoggedRun{run.seq, run.logged_at};
}

void FileLookout::SawGeneration(KnownFile& file, const KnownFile* before, const FactRow& row,
                                const FileFact& fact) {
  file.run = file.unexplained_since = 0;
  NotMissing(file.partition, row.logged_at, row.seq);
  if (!watching()) return;
  const auto run = NewestRun(file.partition);
  if (!run) return;
  const bool used = before && before->run == run->seq;
  if (!used && MayHaveWritten(run->logged_at, file)) return Explain(file, *run);
  if (fact.change != FileChange::kFound) file.unexplained_since = row.logged_at;
}

void FileLookout::Explain(KnownFile& file, const LoggedRun& run) {
  file.run = run.seq;
  file.unexplained_since = 0;
  ShowGeneration(file, true, run.logged_at, run.seq);
}

void FileLookout::ShowGeneration(const KnownFile& file, bool explained, int64_t now, int64_t seq) {
  std::deque<std::string> storage;
  GenerationObservation generation;
  generation.explained = explained;
  if (!explained) {
    const FactRow row = chains_.Row(file.seq, storage);
    generation.fact = ParseFileFact(row.detail);
    if (!TakesAPlace(generation.fact.change)) return;
    generation.seen_at = Time(std::chrono::milliseconds(row.logged_at));
  }
  generation.server = names_.Text(file.partition.server);
  generation.project = names_.Text(file.partition.project);
  generation.format = names_.Text(file.partition.format);
  generation.day = Day{file.partition.day};
  generation.path = files_.PathOf(file.directory) + "/" + file.name;
  for (const Finding& finding : rules_.OnGeneration(generation)) {
    alerts_.Apply(finding, {file.partition, 0, ""}, now, seq);
  }
}

void FileLookout::SawGone(const KnownFile& file, const FactRow& row) {
  if (!watching() || !files_.Of(file.partition).empty()) return;
  const CanonicalFilesConfig* format = formats_.Of(file.partition.format);
  if (!format || !format->required) return;
  const auto partition = balances_.Find(file.partition);
  if (partition && partition->balance.actual != 0) {
    Missing(file.partition, row.logged_at, row.seq);
  }
}

void FileLookout::Missing(const PartitionKey& key, int64_t since, int64_t seq) {
  missing_.Run({Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
                Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server}), Cell::Of(since),
                Cell::Of(seq)});
}

void FileLookout::NotMissing(const PartitionKey& key, int64_t now, int64_t seq) {
  not_missing_.Run({Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
                    Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server})});
  if (database_.changes() == 0) return;
  MissingFileObservation found;
  found.missing = false;
  alerts_.Apply(rules_.OnMissingFile(found), {key, 0, ""}, now, seq);
}

void FileLookout::EndScan(int64_t format, Time ended_at) {
  const CanonicalFilesConfig* files = formats_.Of(format);
  if (!watching() || !files || !files->required) return;
  balances_.Flush();
  without_file_.Run({Cell::Of(format), Cell::Of(int64_t{server_}), Cell::Of(Millis(ended_at))});
}

void FileLookout::Tick(Time now) {
  if (!watching()) return;
  if (!std::exchange(reads_watched_, true)) WatchReads(now);
  for (const CanonicalFilesConfig& format : config_.canonical_files) {
    ShowUnexplained(format, now);
    if (format.required) ShowMissing(format, now);
  }
}

// Reads are watched of formats that are declared dead, from when they were declared so.
void FileLookout::WatchReads(Time now) {
  Statement dead = database_.Prepare(kDead), living = database_.Prepare(kLiving);
  for (const CanonicalFilesConfig& format : config_.canonical_files) {
    const Cell id = Cell::Of(names_.Id(format.format));
    if (format.dead_since) {
      dead.Run({id, Cell::Of(Millis(now))});
    } else {
      living.Run({id});
    }
  }
}

// Nobody waits for a run any more. Where its log is not read, none can have been seen.
void FileLookout::ShowUnexplained(const CanonicalFilesConfig& format, Time now) {
  const int64_t since = Millis(now - format.grace);
  for (KnownFile file : files_.Unexplained(names_.Find(format.format), since)) {
    file.unexplained_since = 0;
    files_.Put(file);
    if (SourceIsBlind(file.partition, Millis(now))) continue;
    ShowGeneration(file, false, Millis(now), file.seq);
  }
}

bool FileLookout::SourceIsBlind(const PartitionKey& key, int64_t now) {
  const auto partition = balances_.Find(key);
  if (!partition) return false;
  PartitionKey server;
  server.server = server_;
  return alerts_.OpenEvidence("blind", {server, partition->source, ""}, "reason", now).has_value();
}

// While not all files have been looked at, or some cannot be, nobody knows what is missing.
void FileLookout::ShowMissing(const CanonicalFilesConfig& format, Time now) {
  if (!scanned_.Bind({Cell::Of(names_.Find(format.format))}).Step()) return;
  struct Absent {
    PartitionKey key;
    int64_t since = 0, seq = 0;
  };
  std::vector<Absent> absent;
  untold_.Bind({Cell::Of(names_.Find(format.format)), Cell::Of(Millis(now - format.grace))});
  while (untold_.Step()) {
    const auto id = [&](int column) { return static_cast<int32_t>(untold_.Integer(column)); };
    absent.push_back({{id(0), id(1), id(2), id(3)}, untold_.Integer(4), untold_.Integer(5)});
  }
  for (const auto& [key, since, seq] : absent) {
    told_.Run({Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
               Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server})});
    if (!IsKept(format, key.day, now)) continue;
    alerts_.Apply(rules_.OnMissingFile(Describe(key, since)), {key, 0, ""}, Millis(now), seq);
  }
}

MissingFileObservation FileLookout::Describe(const PartitionKey& key, int64_t since) {
  MissingFileObservation file;
  file.server = names_.Text(key.server);
  file.project = names_.Text(key.project);
  file.format = names_.Text(key.format);
  file.day = Day{key.day};
  file.since = Time(std::chrono::milliseconds(since));
  const CanonicalFilesConfig* format = formats_.Of(key.format);
  if (format) file.expected_path = Filled(format->path, file.project, file.day);
  const auto partition = balances_.Find(key);
  if (!partition) return file;
  file.events = partition->balance.actual;
  std::deque<std::string> storage;
  const FactRow run = chains_.LatestRun(partition->balance.last, storage);
  if (run.seq == 0) return file;
  file.run = std::string(run.run);
  file.version = names_.Text(run.version);
  file.found_at = FoundAt(key, run, file.expected_path);
  const FactRow earlier = chains_.LatestRun(run.previous, storage);
  file.previous_version = names_.Text(earlier.version);
  return file;
}

// Where an event or the run itself says that it is.
std::string FileLookout::FoundAt(const PartitionKey& key, const FactRow& run,
                                 const std::string& expected_path) {
  misplaced_.Bind(
      {Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}), Cell::Of(int64_t{key.format})});
  if (misplaced_.Step()) return ParseMisplacedFact(misplaced_.Text(0)).path;
  std::string written = Filled(names_.Text(run.path), names_.Text(key.project), Day{key.day});
  return written == expected_path ? std::string() : written;
}

void FileLookout::SawRead(const FactRow& row, const ReadFact& read,
                          const ReaderBook::Reader& reader, ReaderBook& readers) {
  if (!watching()) return;
  DeadReadObservation seen;
  seen.server = names_.Text(row.partition.server);
  seen.format = names_.Text(row.partition.format);
  seen.executable = read.by.executable;
  seen.process = read.by.process;
  seen.unit = read.by.unit;
  seen.confidence = std::string(NameOf(read.by.confidence));
  seen.reads = reader.reads;
  seen.opens = reader.opens;
  seen.files = reader.files;
  seen.first_at = Time(std::chrono::milliseconds(reader.first_at));
  seen.last_at = Time(std::chrono::milliseconds(reader.last_at));
  seen.sample_paths = readers.SamplePaths(reader.id);
  PartitionKey subject;
  subject.format = row.partition.format;
  subject.server = row.partition.server;
  const std::string& program = seen.executable.empty() ? seen.process : seen.executable;
  for (const Finding& finding : rules_.OnDeadRead(seen)) {
    alerts_.Apply(finding, {subject, 0, program}, row.logged_at, row.seq);
  }
}

void FileLookout::SawMisplaced(const FactRow& row, const MisplacedFact& fact) {
  if (!watching()) return;
  MisplacedFileObservation file;
  file.server = names_.Text(row.partition.server);
  file.project = names_.Text(row.partition.project);
  file.format = names_.Text(row.partition.format);
  file.day = Day{row.partition.day};
  file.path = fact.path;
  file.place = fact.place;
  if (fact.by) file.by = fact.by->executable.empty() ? fact.by->process : fact.by->executable;
  PartitionKey subject;  // one alert a place, not one a file
  subject.format = row.partition.format;
  subject.server = row.partition.server;
  for (const Finding& finding : rules_.OnMisplacedFile(file)) {
    alerts_.Apply(finding, {subject, 0, fact.place}, row.logged_at, row.seq);
  }
}
