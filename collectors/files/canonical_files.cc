#include "collectors/files/canonical_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "collectors/files/privileges.h"

namespace {

// Where nothing tells of changes, directories are looked at anew this often.
constexpr std::chrono::seconds kLookAgain(30);

std::vector<WatchedFormat> Watched(const std::vector<CanonicalFilesConfig>& files,
                                   const std::vector<FilePattern>& patterns) {
  std::vector<WatchedFormat> formats;
  for (size_t i = 0; i < files.size(); ++i) {
    WatchedFormat format{patterns[i], files[i].dead_since.has_value(), files[i].dead_except, {}};
    // A command that counts its rows reads a file on our behalf.
    if (files[i].recount.size() > 1) format.except.push_back(files[i].recount[1]);
    formats.push_back(std::move(format));
  }
  return formats;
}

// Where in `path` the part begins that stands for what follows the root in a pattern, with its
// slash; npos: the path has fewer directories.
size_t TailOf(const std::string& path, const FilePattern& pattern) {
  const std::string_view below = std::string_view(pattern.path()).substr(pattern.root().size());
  size_t at = path.size();
  for (auto left = std::count(below.begin(), below.end(), '/'); left > 0; --left) {
    if (at == 0 || at == std::string::npos) return std::string::npos;
    at = path.rfind('/', at - 1);
  }
  return at;
}

}  // namespace

Result<std::unique_ptr<CanonicalFiles>> CanonicalFiles::Open(
    int16_t source, const std::vector<CanonicalFilesConfig>& files, bool keep_sys_admin,
    const std::vector<KnownDirectory>& known, const Clock& clock, const EventOptions& options,
    ScanRates rates) {
  std::vector<FilePattern> patterns;
  for (const CanonicalFilesConfig& format : files) {
    auto pattern = FilePattern::Parse(format.path);
    if (!pattern) return Within("canonical_files, format " + format.format, pattern.error());
    patterns.push_back(std::move(*pattern));
  }
  std::unique_ptr<CanonicalFiles> opened(
      new CanonicalFiles(source, files, std::move(patterns), known, clock, options, rates));
  if (!keep_sys_admin) {
    if (const auto dropped = DropSysAdmin(); !dropped) return tl::unexpected(dropped.error());
  }
  return opened;
}

CanonicalFiles::CanonicalFiles(int16_t source, const std::vector<CanonicalFilesConfig>& files,
                               std::vector<FilePattern> patterns,
                               const std::vector<KnownDirectory>& known, const Clock& clock,
                               const EventOptions& options, ScanRates rates)
    : source_(source),
      files_(files),
      patterns_(std::move(patterns)),
      clock_(clock),
      events_(Watched(files_, patterns_), options, clock),
      scan_(patterns_, known, clock, rates),
      complete_until_(clock.Now()),
      blind_now_(BlindNow()),
      looked_again_(clock.SinceBoot()) {}

bool CanonicalFiles::Continue(int16_t source, const std::vector<CanonicalFilesConfig>& files) {
  const auto same = [](CanonicalFilesConfig a, CanonicalFilesConfig b) {
    a.line = b.line = 0;  // in the configuration file
    return a == b;
  };
  if (!std::equal(files.begin(), files.end(), files_.begin(), files_.end(), same)) return false;
  source_ = source;
  scan_.LookAgain();
  return true;
}

// What the scan sees has happened, and its event is waiting: taken before and afterwards, it names
// who was behind what the scan came upon.
bool CanonicalFiles::Fill(Batch& batch, int budget) {
  const size_t seen_before = batch.files.sightings.size();
  ReportBlind(batch);
  const Time began = clock_.Now();
  const FileHints before = events_.Drain();
  Take(ticked_, batch.files.sightings.size(), batch);
  ticked_ = {};
  Take(before, batch.files.sightings.size(), batch);
  if (!before.more) complete_until_ = began;
  const size_t scanned_from = batch.files.sightings.size();
  const bool more_files = scan_.Step(batch, budget);
  if (batch.files.sightings.size() > scanned_from) {
    Take(events_.Drain(), scanned_from, batch);
    NameWaiting(scanned_from, batch);
  }
  KeepSeen(seen_before, batch);
  looks_.clear();
  const bool more_kept = keeper_ && keeper_->List(batch, budget);
  if (!more_files) events_.WakeIn(scan_.wait());
  return before.more || more_files || more_kept;
}

// At once: what will replace it may be on its way.
void CanonicalFiles::KeepSeen(size_t from, Batch& batch) {
  if (!keeper_) return;
  for (size_t i = from; i < batch.files.sightings.size(); ++i) {
    const FileSighting sighting = batch.files.sightings[i];
    if (!keeper_->Preserved(sighting.files)) continue;
    if (const FileLook* const look = LookOf(sighting.files)) keeper_->Keep(*look, sighting, batch);
  }
}

void CanonicalFiles::Preserve(const std::optional<PreserveConfig>& preserve) {
  if (preserve == preserve_ && preserve.has_value() == keeper_.has_value()) return;
  preserve_ = preserve;
  keeper_.reset();
  if (preserve) keeper_.emplace(*preserve, files_, patterns_, clock_);
}

void CanonicalFiles::Take(const FileHints& hints, size_t scanned_from, Batch& batch) {
  for (const DeadRead& read : hints.reads) TakeRead(read, batch);
  for (const PathHint& hint : hints.paths) TakePath(hint, scanned_from, batch);
  for (const MisplacedHint& hint : hints.misplaced) TakeMisplaced(hint, batch);
  for (const DirectoryHint& hint : hints.directories) {
    if (hint.leaf) {
      scan_.Look(hint.directory);
    } else {
      scan_.LookAgain();
    }
  }
  if (hints.lost) {
    const Blind blind{"the kernel's queue of file events was full", {}};
    AddBlind(blind, complete_until_, clock_.Now(), batch);
  }
  if (hints.lost || hints.mounts_changed) scan_.LookAgain();
}

void CanonicalFiles::TakePath(const PathHint& hint, size_t scanned_from, Batch& batch) {
  FileLook* const look = LookOf(hint.files);
  if (!look) return scan_.LookAgain();  // which says why it cannot
  ++looked_;
  FileStatus status;
  const int error = look->Look(hint.directory, hint.name, status);
  if (error != 0 && !IsGone(error)) return scan_.Look(hint.directory);
  const FilePattern& pattern = patterns_[static_cast<size_t>(hint.files)];
  const auto match = pattern.MatchFile(hint.directory, hint.name);
  if (!match) return;
  const int32_t actor = Add(hint.actor, batch);
  if (FileSighting* const scanned =
          error == 0 ? Scanned(hint, status, scanned_from, batch) : nullptr) {
    scanned->actor = actor;
    scanned->opened_before = hint.opened_before;
    return;
  }
  FileSighting sighting;
  sighting.files = hint.files;
  sighting.present = error == 0;
  sighting.opened_before = hint.opened_before && sighting.present;
  sighting.actor = actor;
  sighting.directory = batch.Add(hint.directory);
  sighting.name = batch.Add(hint.name);
  sighting.project = batch.Add(match->project);
  sighting.day = match->day;
  if (sighting.present) {
    sighting.generation = GenerationOf(status, batch);
    events_.Found(hint.files, hint.directory, status.handle);
  } else {
    sighting.renamed_to = batch.Add(hint.renamed_to);
  }
  sighting.seen_at = clock_.Now();
  batch.files.sightings.push_back(sighting);
}

// The same generation among those that the scan has just found.
FileSighting* CanonicalFiles::Scanned(const PathHint& hint, const FileStatus& status, size_t from,
                                      Batch& batch) {
  auto& sightings = batch.files.sightings;
  const auto found = std::find_if(sightings.begin() + static_cast<std::ptrdiff_t>(from),
                                  sightings.end(), [&](const FileSighting& seen) {
                                    return seen.files == hint.files &&
                                           seen.generation.inode == status.inode &&
                                           seen.generation.modified_ns == status.modified_ns &&
                                           seen.generation.size_bytes == status.size_bytes &&
                                           batch.View(seen.name) == hint.name &&
                                           batch.View(seen.directory) == hint.directory;
                                  });
  return found == sightings.end() ? nullptr : &*found;
}

// Of what the scan found, some has just been made, and its event waits for the rest.
void CanonicalFiles::NameWaiting(size_t from, Batch& batch) {
  for (size_t i = from; i < batch.files.sightings.size(); ++i) {
    const FileSighting seen = batch.files.sightings[i];
    const std::string_view directory = batch.View(seen.directory);
    events_.Found(seen.files, directory, batch.View(seen.generation.handle));
    const PathHint* const hint = events_.Waiting(seen.files, directory, batch.View(seen.name));
    if (!hint || seen.actor >= 0) continue;
    batch.files.sightings[i].opened_before = hint->opened_before;
    batch.files.sightings[i].actor = Add(hint->actor, batch);
  }
}

void CanonicalFiles::TakeRead(const DeadRead& read, Batch& batch) const {
  FileRead told;
  told.files = read.files;
  told.excepted = read.excepted;
  told.bytes = read.bytes;
  told.actor = Add(read.actor, batch);
  told.reads = read.reads;
  told.directory = batch.Add(read.directory);
  told.name = batch.Add(read.name);
  told.project = batch.Add(read.project);
  told.day = read.day;
  told.handle = batch.Add(read.handle);
  told.first_at = read.first_at;
  told.last_at = read.last_at;
  batch.files.reads.push_back(told);
}

void CanonicalFiles::TakeMisplaced(const MisplacedHint& hint, Batch& batch) const {
  struct stat status;
  if (lstat(hint.path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return;
  // Its directories have to be like those of the format, too, or it is something else.
  const FilePattern& pattern = patterns_[static_cast<size_t>(hint.files)];
  const size_t tail = TailOf(hint.path, pattern);
  if (tail == std::string::npos) return;
  const std::string there = pattern.root() + hint.path.substr(tail);
  const std::string_view path = there;  // what matches is a slice of it
  const size_t name = path.rfind('/');
  const auto match = pattern.MatchFile(path.substr(0, name), path.substr(name + 1));
  if (!match) return;
  MisplacedFile file;
  file.files = hint.files;
  file.actor = Add(hint.actor, batch);
  file.path = batch.Add(hint.path);
  file.place = batch.Add(hint.path.substr(0, tail));
  file.project = batch.Add(match->project);
  file.day = match->day;
  file.seen_at = clock_.Now();
  batch.files.misplaced.push_back(file);
}

// Events of one process follow each other.
int32_t CanonicalFiles::Add(const Actor& actor, Batch& batch) const {
  auto& actors = batch.files.actors;
  const auto identity = [](const Actor& one) {
    return std::tie(one.pid, one.user, one.process, one.executable, one.unit, one.confidence);
  };
  if (actors.empty() || identity(actors.back()) != identity(actor)) actors.push_back(actor);
  return static_cast<int32_t>(actors.size() - 1);
}

FileLook* CanonicalFiles::LookOf(int16_t files) {
  if (const auto known = looks_.find(files); known != looks_.end()) return &known->second;
  auto look = FileLook::Open(patterns_[static_cast<size_t>(files)].root());
  return look ? &looks_.emplace(files, std::move(*look)).first->second : nullptr;
}

void CanonicalFiles::Tick(int64_t kept_files) {
  if (keeper_) keeper_->Tick(kept_files);
  events_.Tick(ticked_);
  blind_now_ = BlindNow();
  const auto now = clock_.SinceBoot();
  if (events_.status().level != WatchLevel::kScanOnly || now - looked_again_ < kLookAgain) return;
  looked_again_ = now;
  scan_.LookAgain();
}

CanonicalFiles::Blind CanonicalFiles::BlindNow() const {
  const FileEventsStatus status = events_.status();
  if (!status.blind.empty()) {
    return {"a file system was mounted after the privilege to watch it was given up",
            status.blind[0]};
  }
  if (status.level == WatchLevel::kScanOnly) return {"the system tells of no file events", {}};
  if (!status.unwatched.empty()) return {"directories cannot be watched", status.unwatched};
  return {};
}

// What was not watched is told when it begins, and in full when it ends.
void CanonicalFiles::ReportBlind(Batch& batch) {
  if (blind_now_ == blind_) return;
  const Time time = clock_.Now();
  if (!blind_.reason.empty()) AddBlind(blind_, blind_since_, time, batch);
  if (blind_.reason.empty()) blind_since_ = time;
  blind_ = blind_now_;
  if (!blind_.reason.empty()) AddBlind(blind_, blind_since_, time, batch);
}

void CanonicalFiles::AddBlind(const Blind& blind, Time from, Time to, Batch& batch) const {
  nlohmann::json detail{
      {"reason", blind.reason}, {"from", FormatTime(from)}, {"to", FormatTime(to)}};
  if (!blind.path.empty()) detail["path"] = blind.path;
  Fact fact;
  fact.kind = FactKind::kBlind;
  fact.detail = batch.Add(detail.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  const bool dead =
      std::any_of(files_.begin(), files_.end(),
                  [](const CanonicalFilesConfig& files) { return files.dead_since.has_value(); });
  for (int16_t source = source_; source <= source_ + (dead ? 1 : 0); ++source) {
    fact.source = source;
    batch.facts.push_back(fact);
  }
}

FilesStatus CanonicalFiles::status() const {
  const FileEventsStatus events = events_.status();
  FilesStatus status;
  status.level = events.level;
  status.wide = events.wide;
  status.sees = Sees(events.level);
  status.cannot_see = CannotSee(events.level);
  status.notes = events.notes;
  status.blind_reason = blind_now_.reason;
  status.blind_path = blind_now_.path;
  for (size_t i = 0; i < files_.size(); ++i) {
    FilesStatus::Format format{files_[i].format, {}, scan_.progress()[i]};
    format.problem = format.progress.problem;
    if (!events_.has_root(static_cast<int16_t>(i))) format.problem = "the directory is not there";
    status.formats.push_back(std::move(format));
  }
  status.events = events.events;
  status.overflows = events.overflows;
  status.own_events = events.own_events;
  status.excepted_reads = events.excepted_reads;
  status.looks = looked_;
  if (keeper_) status.kept = keeper_->status();
  return status;
}
