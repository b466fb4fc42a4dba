#include "monitor/file_register.h"

#include <algorithm>
#include <set>

namespace {

constexpr const char* kScan =
    "INSERT OR REPLACE INTO file_scan VALUES (?1,?2,?3,?4,max(?5,(SELECT coalesce(max(complete), "
    "0) "
    "FROM file_scan WHERE format = ?1)))";
constexpr const char* kScanned = "SELECT 1 FROM file_scan WHERE format = ? AND complete = 1";

// A file that was written to just now is not counted yet.
constexpr int64_t kAtRest = 2000;  // ms

bool SameFile(const KnownFile& known, const Generation& seen, std::string_view handle) {
  if (!known.handle.empty() && !handle.empty()) return known.handle == handle;
  return known.inode == seen.inode && known.born_ns == seen.born_ns;
}

bool SameContent(const KnownFile& known, int64_t modified_ns, int64_t size_bytes) {
  return known.modified_ns == modified_ns && known.size_bytes == size_bytes;
}

// When the generation came to be: an event says it to the moment, a scan by the file's own times.
int64_t ChangedAt(const FileSighting& sighting) {
  const Generation& seen = sighting.generation;
  if (!sighting.present || sighting.actor >= 0) return Millis(sighting.seen_at);
  return std::max(seen.born_ns, seen.modified_ns) / 1'000'000;
}

}  // namespace

FileRegister::FileRegister(Database& database, const Config& config, Names& names, FileBook& files,
                           BalanceBook& balances, FileLookout& lookout, Accounts& accounts,
                           JournalEntry& entry)
    : config_(config),
      names_(names),
      files_(files),
      tally_(database),
      kept_(database, tally_),
      readers_(database),
      balances_(balances),
      lookout_(lookout),
      accounts_(accounts),
      entry_(entry),
      scan_(database.Prepare(kScan)),
      scanned_(database.Prepare(kScanned)) {}

FileRegister::Format FileRegister::FormatAt(int16_t files) {
  const CanonicalFilesConfig& config = config_.canonical_files[static_cast<size_t>(files)];
  return {&config, static_cast<int32_t>(names_.Id(config.format))};
}

FactRow FileRegister::Row(FactKind kind, const Format& format, std::string_view project, Day day,
                          int64_t logged_at) {
  FactRow row;
  row.kind = kind;
  row.logged_at = logged_at;
  row.partition = {static_cast<int32_t>(names_.Id(project)), day.days, format.id, server_};
  row.path = names_.Id(format.config->path);
  return row;
}

void FileRegister::Add(FactRow& row, std::string detail) {
  row.detail = details_.emplace_back(std::move(detail));
  entry_.Push(row);
}

void FileRegister::Take(const Batch& batch) {
  if (batch.files.empty()) return;
  details_.clear();
  TakeSightings(batch);
  for (const FileRead& read : batch.files.reads) TakeRead(batch, read);
  for (const MisplacedFile& file : batch.files.misplaced) TakeMisplaced(batch, file);
  TakeCounts(batch);
  for (const KeptCopy& copy : batch.files.kept) TakeKept(batch, copy);
  for (const ReleasedCopy& copy : batch.files.released) TakeReleased(batch, copy);
  for (const ScanEnd& scan : batch.files.scans) EndScan(scan);
}

void FileRegister::TakeAgain(FactRow& row) {
  entry_.Push(row);
  if (row.kind == FactKind::kFile) return Apply(row, ParseFileFact(row.detail));
  if (row.kind == FactKind::kRead) return Apply(row, ParseReadFact(row.detail));
  if (row.kind == FactKind::kKept) return Apply(row, ParseKeptFact(row.detail));
  if (row.kind == FactKind::kReleased) return Apply(ParseReleasedFact(row.detail));
  tally_.Add(row.partition.format, NameOf(row.kind));
}

// A listing ends after its sightings, and before those that were seen later.
void FileRegister::TakeSightings(const Batch& batch) {
  const auto& sightings = batch.files.sightings;
  size_t next = 0;
  for (const DirectoryListing& listing : batch.files.listings) {
    for (; next < size_t{listing.first} + listing.count; ++next) {
      TakeSighting(batch, sightings[next]);
    }
    EndListing(batch, listing);
  }
  for (; next < sightings.size(); ++next) TakeSighting(batch, sightings[next]);
}

void FileRegister::TakeSighting(const Batch& batch, const FileSighting& sighting) {
  const Format format = FormatAt(sighting.files);
  const int64_t directory = files_.Directory(format.id, batch.View(sighting.directory));
  const auto known = files_.Find(directory, batch.View(sighting.name));
  const bool was_there = known && known->present;
  FileFact fact;
  fact.opened_before = sighting.opened_before;
  if (sighting.actor >= 0) fact.by = batch.files.actors[static_cast<size_t>(sighting.actor)];
  if (!sighting.present) {
    if (!was_there) return void(++entry_.known_facts);
    fact.renamed_to = batch.View(sighting.renamed_to);
    return Gone(*known, format, sighting.seen_at, std::move(fact));
  }
  const Generation& seen = sighting.generation;
  const std::string_view handle = batch.View(seen.handle);
  const bool same_file = was_there && SameFile(*known, seen, handle);
  if (same_file && SameContent(*known, seen.modified_ns, seen.size_bytes)) {
    return void(++entry_.known_facts);
  }
  if (was_there) {
    fact.change = same_file ? FileChange::kRewritten : FileChange::kReplaced;
    fact.previous_size_bytes = known->size_bytes;
  } else if (known) {
    fact.change = FileChange::kReappeared;
  } else {
    const bool scanned = scanned_.Bind({Cell::Of(int64_t{format.id})}).Step();
    fact.change = scanned || sighting.actor >= 0 ? FileChange::kCreated : FileChange::kFound;
  }
  fact.directory = batch.View(sighting.directory);
  fact.name = batch.View(sighting.name);
  fact.handle = handle;
  fact.inode = seen.inode;
  fact.born_ns = seen.born_ns;
  fact.modified_ns = seen.modified_ns;
  fact.size_bytes = seen.size_bytes;
  FactRow row =
      Row(FactKind::kFile, format, batch.View(sighting.project), sighting.day, ChangedAt(sighting));
  Add(row, WriteDetail(fact));
  Apply(row, fact);
}

void FileRegister::EndListing(const Batch& batch, const DirectoryListing& listing) {
  const Format format = FormatAt(listing.files);
  const int64_t directory = files_.Directory(format.id, batch.View(listing.directory));
  std::set<std::string_view> there;
  for (uint32_t i = listing.first; i < listing.first + listing.count; ++i) {
    const FileSighting& sighting = batch.files.sightings[i];
    if (sighting.present) there.insert(batch.View(sighting.name));
  }
  for (const KnownFile& file : files_.In(directory)) {
    if (!there.contains(file.name)) Gone(file, format, listing.listed_at, {});
  }
  files_.Listed(directory, listing.modified_ns);
}

// `fact` says what is known of how.
void FileRegister::Gone(const KnownFile& file, const Format& format, Time seen_at, FileFact fact) {
  fact.change = fact.renamed_to.empty() ? FileChange::kDeleted : FileChange::kRenamedAway;
  fact.directory = files_.PathOf(file.directory);
  fact.name = file.name;
  fact.previous_size_bytes = file.size_bytes;
  FactRow row = Row(FactKind::kFile, format, names_.Text(file.partition.project),
                    Day{file.partition.day}, Millis(seen_at));
  Add(row, WriteDetail(fact));
  Apply(row, fact);
}

void FileRegister::Apply(const FactRow& row, const FileFact& fact) {
  const int64_t directory = files_.Directory(row.partition.format, fact.directory);
  const auto before = files_.Find(directory, fact.name);
  KnownFile file = before.value_or(KnownFile{});
  tally_.Add(row.partition.format, NameOf(fact.change));
  if (fact.change == FileChange::kUncountable) {
    file.to_count = false;
    return files_.Put(file);
  }
  file.directory = directory;
  file.name = fact.name;
  file.partition = row.partition;
  file.present = !IsGone(fact.change);
  if (IsGone(fact.change)) {
    file.to_count = false;
    file.unexplained_since = 0;
    files_.Put(file);
    kept_.Stands(file, false, row.logged_at);
    tally_.Add(row.partition.format, "present", -1);
    return lookout_.SawGone(file, row);
  }
  if (!before || !before->present) tally_.Add(row.partition.format, "present");
  file.handle = fact.handle;
  file.inode = fact.inode;
  file.born_ns = fact.born_ns;
  file.modified_ns = fact.modified_ns;
  file.size_bytes = fact.size_bytes;
  file.seq = row.seq;
  ++file.generations;
  file.rows = kUnknownCount;
  const CanonicalFilesConfig* format = lookout_.FormatOf(row.partition.format);
  file.to_count = format && format->recount.front() != "none";
  lookout_.SawGeneration(file, before ? &*before : nullptr, row, fact);
  files_.Put(file);
  kept_.Stands(file, fact.change == FileChange::kRewritten, row.logged_at);
}

void FileRegister::TakeRead(const Batch& batch, const FileRead& read) {
  const Format format = FormatAt(read.files);
  if (read.excepted) return tally_.Add(format.id, "excepted_read", read.reads);
  ReadFact fact;
  fact.directory = batch.View(read.directory);
  fact.name = batch.View(read.name);
  fact.handle = batch.View(read.handle);
  fact.bytes = read.bytes;
  fact.reads = read.reads;
  fact.first_at = Millis(read.first_at);
  fact.last_at = Millis(read.last_at);
  if (read.actor >= 0) fact.by = batch.files.actors[static_cast<size_t>(read.actor)];
  FactRow row = Row(FactKind::kRead, format, batch.View(read.project), read.day, fact.last_at);
  Add(row, WriteDetail(fact));
  Apply(row, fact);
}

void FileRegister::Apply(const FactRow& row, const ReadFact& fact) {
  const int64_t format = row.partition.format;
  tally_.Add(format, fact.bytes ? "read" : "opened", fact.reads);
  const auto reader =
      readers_.Add(format, row.partition.server, files_.Directory(format, fact.directory), fact);
  lookout_.SawRead(row, fact, reader, readers_);
}

void FileRegister::TakeMisplaced(const Batch& batch, const MisplacedFile& misplaced) {
  const Format format = FormatAt(misplaced.files);
  MisplacedFact fact;
  // Of a project that nobody ever heard of it is something else.
  if (names_.Find(batch.View(misplaced.project)) == 0) return;
  fact.path = batch.View(misplaced.path);
  fact.place = batch.View(misplaced.place);
  if (misplaced.actor >= 0) fact.by = batch.files.actors[static_cast<size_t>(misplaced.actor)];
  FactRow row = Row(FactKind::kMisplaced, format, batch.View(misplaced.project), misplaced.day,
                    Millis(misplaced.seen_at));
  Add(row, WriteDetail(fact));
  tally_.Add(format.id, NameOf(row.kind));
  lookout_.SawMisplaced(row, fact);
}

// Files of one partition stand together, since they were asked for together.
void FileRegister::TakeCounts(const Batch& batch) {
  const auto& counts = batch.files.counts;
  std::vector<CountedRows> counted;
  PartitionKey partition;
  Time at{};
  const auto book = [&] {
    if (!counted.empty()) BookCounted(partition, counted, at);
    counted.clear();
  };
  for (const FileCount& count : counts) {
    const int64_t directory =
        files_.Directory(FormatAt(count.files).id, batch.View(count.directory));
    const auto file = files_.Find(directory, batch.View(count.name));
    if (!file) continue;
    if (file->partition != partition) book();
    partition = file->partition;
    at = count.counted_at;
    TakeCount(batch, count, *file, counted);
  }
  book();
}

// A generation that is no more says nothing of the one that took its place.
void FileRegister::TakeCount(const Batch& batch, const FileCount& count, KnownFile file,
                             std::vector<CountedRows>& counted) {
  Generation seen;
  seen.inode = count.inode;
  seen.born_ns = count.born_ns;
  const bool same = file.present && SameFile(file, seen, batch.View(count.handle)) &&
                    SameContent(file, count.modified_ns, count.size_bytes);
  if (!same || !file.to_count) return;
  if (count.problem.empty()) {
    file.rows = count.rows;
    file.to_count = false;
    files_.Put(file);
    kept_.Counted(file.directory, file.name, file.rows);
    counted.push_back({files_.PathOf(file.directory), file.name, count.rows});
    return;
  }
  FileFact fact;
  fact.change = FileChange::kUncountable;
  fact.directory = files_.PathOf(file.directory);
  fact.name = file.name;
  fact.problem = count.problem;
  FactRow row = Row(FactKind::kFile, FormatAt(count.files), names_.Text(file.partition.project),
                    Day{file.partition.day}, Millis(count.counted_at));
  Add(row, WriteDetail(fact));
  Apply(row, fact);
}

// The partition's count is the sum over its files, once all of them are counted. It was seen after
// all runs that have been read, whatever their clock says.
void FileRegister::BookCounted(const PartitionKey& key, const std::vector<CountedRows>& counted,
                               Time at) {
  int64_t rows = 0;
  for (const KnownFile& file : files_.Of(key)) {
    if (file.rows == kUnknownCount) return;
    Increase(rows, file.rows);
  }
  FactRow row;
  row.kind = FactKind::kRecount;
  row.partition = key;
  row.logged_at = Millis(at);
  if (const auto known = balances_.Find(key)) {
    row.logged_at = std::max(row.logged_at, known->balance.logged_until + 1);
  }
  row.counts.written = rows;
  row.detail = details_.emplace_back(WriteDetail(counted));
  accounts_.Take(row);
  tally_.Add(key.format, NameOf(row.kind));
}

void FileRegister::TakeKept(const Batch& batch, const KeptCopy& copy) {
  if (kept_.Find(batch.View(copy.copy))) return void(++entry_.known_facts);
  const Format format = FormatAt(copy.files);
  KeptFact fact;
  fact.directory = batch.View(copy.directory);
  fact.name = batch.View(copy.name);
  fact.inode = copy.inode;
  fact.born_ns = copy.born_ns;
  fact.modified_ns = copy.modified_ns;
  fact.size_bytes = copy.size_bytes;
  fact.reflink = copy.reflink;
  fact.copy = batch.View(copy.copy);
  FactRow row =
      Row(FactKind::kKept, format, batch.View(copy.project), copy.day, Millis(copy.kept_at));
  Add(row, WriteDetail(fact));
  Apply(row, fact);
}

// What is not what stands at its path was replaced by what does, or by the time it was found.
void FileRegister::Apply(const FactRow& row, const KeptFact& fact) {
  KeptGeneration kept;
  kept.id = row.seq;
  kept.partition = row.partition;
  kept.directory = files_.Directory(row.partition.format, fact.directory);
  kept.name = fact.name;
  kept.inode = fact.inode;
  kept.born_ns = fact.born_ns;
  kept.modified_ns = fact.modified_ns;
  kept.size_bytes = fact.size_bytes;
  kept.reflink = fact.reflink;
  kept.copy = fact.copy;
  kept.kept_at = kept.replaced_at = row.logged_at;
  const auto file = files_.Find(kept.directory, kept.name);
  if (file && file->present) {
    const int64_t written_at = std::max(file->born_ns, file->modified_ns) / 1'000'000;
    kept.replaced_at = std::max(kept.replaced_at, written_at);
  }
  kept_.Add(kept);
  if (file) kept_.Stands(*file, false, row.logged_at);
}

void FileRegister::TakeReleased(const Batch& batch, const ReleasedCopy& copy) {
  const auto kept = kept_.Find(batch.View(copy.copy));
  if (!kept) return void(++entry_.known_facts);
  FactRow row;
  row.kind = FactKind::kReleased;
  row.partition = kept->partition;
  row.logged_at = Millis(copy.released_at);
  const ReleasedFact fact{kept->copy, copy.reason};
  Add(row, WriteDetail(fact));
  Apply(fact);
}

void FileRegister::Apply(const ReleasedFact& fact) {
  if (const auto kept = kept_.Find(fact.copy)) kept_.Release(*kept);
}

void FileRegister::SawRun(const FactRow& run) {
  if (config_.preserve && run.kind == FactKind::kRun && run.counts.deleted > 0) {
    kept_.Erased(run.partition, run.logged_at);
  }
}

void FileRegister::EndScan(const ScanEnd& scan) {
  const Format format = FormatAt(scan.files);
  const bool complete = scan.reason.empty();
  scan_.Run({Cell::Of(int64_t{format.id}), Cell::Of(Millis(scan.began_at)),
             Cell::Of(Millis(scan.ended_at)), Cell::Of(scan.reason), Cell::Of(int64_t{complete})});
  if (complete) lookout_.EndScan(format.id, scan.ended_at);
}

std::vector<KnownDirectory> FileRegister::Directories() {
  std::vector<KnownDirectory> known;
  for (size_t i = 0; i < config_.canonical_files.size(); ++i) {
    const auto files = static_cast<int16_t>(i);
    for (auto& [path, modified_ns] : files_.Directories(FormatAt(files).id)) {
      known.push_back({files, std::move(path), modified_ns});
    }
  }
  return known;
}

std::vector<FileToCount> FileRegister::FilesToCount(Time now, size_t most) {
  const int64_t at_rest_ns = (Millis(now) - kAtRest) * 1'000'000;
  std::vector<FileToCount> all;
  for (size_t i = 0; i < config_.canonical_files.size(); ++i) {
    const auto files = static_cast<int16_t>(i);
    for (const PartitionKey& partition :
         files_.ToCount(FormatAt(files).id, at_rest_ns, static_cast<int64_t>(most))) {
      if (all.size() >= most) return all;
      for (KnownFile& file : files_.Of(partition)) {
        if (!file.to_count) continue;
        all.push_back({files, files_.PathOf(file.directory), std::move(file.name),
                       std::move(file.handle), file.inode, file.born_ns, file.modified_ns,
                       file.size_bytes});
      }
    }
  }
  return all;
}
