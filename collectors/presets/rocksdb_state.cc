#include "collectors/presets/rocksdb_state.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace {

using Fate = RocksFile::Fate;
using JobKind = RocksJob::Kind;

// Bounds for logs that are not what they seem; a real session has a handful of open jobs.
constexpr size_t kMaxOpenJobs = 1024;
constexpr size_t kMaxSeenJobs = 256;

}  // namespace

std::string_view NameOf(JobKind kind) {
  switch (kind) {
    case JobKind::kFlush:
      return "flush";
    case JobKind::kCompaction:
      return "compaction";
    case JobKind::kRecovery:
      return "recovery";
    case JobKind::kUnknown:
      break;
  }
  return "unknown";
}

// While it opens, the engine deletes what the last session left behind; nothing of that is left
// now.
void RocksState::FinishOpening() {
  opening = false;
  std::set<int> used;
  for (auto it = files.begin(); it != files.end();) {
    RocksFile& file = it->second;
    if (file.fate == Fate::kInterrupted || file.fate == Fate::kDoubtful) file.fate = Fate::kLive;
    const bool gone = file.fate == Fate::kConsumed || file.fate == Fate::kFailed;
    if (!gone) used.insert(file.family);
    it = gone ? files.erase(it) : std::next(it);
  }
  for (const RocksJob& job : jobs) used.insert(FamilyOf(job));
  for (const RocksMove& move : moves) used.insert(move.family);
  std::erase_if(families,
                [&](const auto& f) { return f.second.dropped && !used.contains(f.first); });
}

std::string RocksState::NameOf(int family) const {
  const auto found = families.find(family);
  return found == families.end() ? "" : found->second.name;
}

int RocksState::FamilyNamed(const std::string& name, int64_t id) {
  if (name.empty()) return -1;
  int dropped = -1;
  for (auto& [key, family] : families) {
    if (family.name != name) continue;
    const bool same_id = id >= 0 && family.id == id;
    const bool unsaid = !family.dropped && (id < 0 || family.id < 0);
    if (same_id || unsaid) {
      if (id >= 0) family.id = id;
      return key;
    }
    // Ids are not used twice, and of one name only one family is not dropped.
    if (id >= 0) family.dropped = true;
    dropped = key;
  }
  // A job that was under way when its family was dropped.
  if (id < 0 && dropped >= 0) return dropped;
  const int key = next_family++;
  families[key] = {name, id, false};
  return key;
}

void RocksState::DropFamily(int64_t id) {
  for (auto& [key, family] : families) {
    if (family.id == id) family.dropped = true;
  }
}

RocksJob* RocksState::OpenJob(int64_t id, int family) {
  for (RocksJob& job : jobs) {
    if (job.id == id && (job.family == family || job.family < 0 || family < 0)) return &job;
  }
  // Two families may have had the name that a line calls it by.
  for (RocksJob& job : jobs) {
    if (job.id == id && NameOf(job.family) == NameOf(family)) return &job;
  }
  return nullptr;
}

RocksJob& RocksState::NewJob(int64_t id, JobKind kind) {
  if (jobs.size() >= kMaxOpenJobs) jobs.erase(jobs.begin());
  RocksJob job;
  job.id = id;
  job.kind = kind;
  jobs.push_back(job);
  seen_jobs.insert(id);
  if (seen_jobs.size() > kMaxSeenJobs) seen_jobs.erase(seen_jobs.begin());
  return jobs.back();
}

// Before 5.x compaction lines named no family: it is that of what was written, else of what was
// read.
int RocksState::FamilyOf(const RocksJob& job) const {
  if (job.family >= 0) return job.family;
  if (!job.outputs.empty()) return job.outputs.front().family;
  for (const int64_t input : job.inputs) {
    const auto file = files.find(input);
    if (file != files.end()) return file->second.family;
  }
  return -1;
}

void RocksState::TakeStatus(RocksJob& job, int64_t input_records) {
  if (job.kind != JobKind::kCompaction) return;
  const auto status = std::find_if(statuses.begin(), statuses.end(), [&](const RocksStatus& each) {
    return each.input_records == input_records && each.family == FamilyOf(job);
  });
  if (status == statuses.end()) return;
  job.error = status->error;
  job.skipped = status->skipped;
  statuses.erase(status);
}

// The open job that reads or writes this file, whose end will say what the deletion means; else -1.
int64_t RocksState::WaitsFor(int64_t file) const {
  const Fate fate = files.at(file).fate;
  if (fate != Fate::kLive && fate != Fate::kCreated && fate != Fate::kDoubtful) return -1;
  for (const RocksJob& job : jobs) {
    const bool reads = std::find(job.inputs.begin(), job.inputs.end(), file) != job.inputs.end();
    const bool writes = std::any_of(job.outputs.begin(), job.outputs.end(),
                                    [&](const RocksOutput& o) { return o.file == file; });
    if (reads || writes) return job.id;
  }
  return -1;
}

RocksReason RocksState::WhyDeleted(const RocksFile& file, int64_t job) const {
  switch (file.fate) {
    case Fate::kConsumed:
      return {"obsolete"};
    case Fate::kFailed:
      return {"failed_job"};
    case Fate::kFifo:
      return {"fifo"};
    default:
      break;
  }
  const auto family = families.find(file.family);
  if (family != families.end() && family->second.dropped) return {"dropped_family"};
  if (file.fate == Fate::kInterrupted) return {"interrupted_job", false};
  if (file.fate == Fate::kDoubtful) return {"lines_lost", false};
  if (job == 0) return {"released", false};
  // Jobs older than those remembered are not known.
  const bool remembered = seen_jobs.size() < kMaxSeenJobs || job > *seen_jobs.begin();
  if (!opening && remembered && !seen_jobs.contains(job)) return {"delete_files_in_range"};
  return frees_ranges ? RocksReason{"released", false} : RocksReason{"unmerged"};
}

void RocksState::Settle(const RocksJob& job, bool failed) {
  for (const RocksOutput& output : job.outputs) {
    const auto file = files.find(output.file);
    if (file == files.end() || file->second.fate != Fate::kCreated) continue;
    file->second.fate = failed ? Fate::kFailed : Fate::kLive;
  }
  if (!failed) {
    // An input never seen before was there when the log began; its deletion is of interest all the
    // same.
    const int family = FamilyOf(job);
    for (const int64_t input : job.inputs) {
      RocksFile& file = files.try_emplace(input, RocksFile{family, Fate::kLive}).first->second;
      file.fate = Fate::kConsumed;
    }
  }
}

void RocksState::Interrupt(const RocksJob& job) {
  for (const int64_t input : job.inputs) {
    const auto file = files.find(input);
    if (file == files.end()) continue;
    RocksFile& live = file->second;
    if (live.fate == Fate::kLive || live.fate == Fate::kDoubtful) live.fate = Fate::kInterrupted;
  }
}

void RocksState::Doubt() {
  for (auto& [number, file] : files) {
    if (file.fate == Fate::kLive) file.fate = Fate::kDoubtful;
  }
}

void RocksState::DoubtFile(int64_t file) {
  const auto found = files.find(file);
  if (found != files.end()) found->second.fate = Fate::kDoubtful;
}

std::vector<RocksMove> RocksState::TakeMoves(int64_t level, int64_t count, int64_t bytes) {
  std::map<int, std::pair<int64_t, int64_t>> totals;  // family to files, bytes
  for (const RocksMove& move : moves) {
    if (move.level != level || move.family < 0) continue;
    totals[move.family].first += 1;
    totals[move.family].second += move.bytes;
  }
  std::vector<RocksMove> taken;
  for (const auto& [family, total] : totals) {
    if (total != std::pair{count, bytes} || !taken.empty()) continue;
    std::erase_if(moves, [&, mover = family](const RocksMove& move) {
      if (move.family != mover || move.level != level) return false;
      taken.push_back(move);
      return true;
    });
  }
  return taken;
}

bool RocksState::PickForFifo(int64_t file) {
  const auto found = files.find(file);
  if (found == files.end()) return false;
  found->second.fate = Fate::kFifo;
  return true;
}
