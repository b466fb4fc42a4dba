#include "collectors/files/format_scan.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <functional>

namespace {

// A directory may change once more within the granularity of its file system's times (up to 2 s on
// FAT, a tick of the kernel elsewhere) without its time telling it.
constexpr std::chrono::seconds kYoung(2);

int64_t ModifiedAt(int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0) return 0;
  return status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
}

bool MayBe(uint8_t type, uint8_t wanted) { return type == wanted || type == DT_UNKNOWN; }

// Where `part`, a slice of `whole`, is in the batch, which holds `whole` at `text`.
bool Locate(std::string_view part, std::string_view whole, Text text, Text& found) {
  const std::less_equal<const char*> before;
  if (!before(whole.data(), part.data()) || !before(part.data() + part.size(), whole.end())) {
    return false;
  }
  found = {text.at + static_cast<uint32_t>(part.data() - whole.data()),
           static_cast<uint32_t>(part.size())};
  return true;
}

}  // namespace

bool IsAbsence(int error) { return error == ENOENT || error == ENOTDIR || error == ELOOP; }

void FormatScan::Know(const KnownDirectory& directory) {
  if (pattern_.PlaceOf(directory.path) != FilePattern::Place::kLeaf) return;
  directories_[directory.path] = {directory.modified_ns, 0, true};
}

std::optional<std::string> FormatScan::Next(std::string_view path) const {
  const auto next = directories_.upper_bound(path);
  if (next == directories_.end()) return std::nullopt;
  return next->first;
}

FormatScan::Visit FormatScan::VisitDirectory(const std::string& path, How how, Batch& batch) {
  Visit visit;
  const auto place = pattern_.PlaceOf(path);
  if (place == FilePattern::Place::kElsewhere || path.size() < pattern_.root().size()) return visit;
  visit.error = Open();
  if (visit.error != 0) return visit;
  if (how == How::kIfMoved && Unmoved(path)) {
    visit.files = directories_.find(path)->second.files;
    return visit;
  }
  const auto fd = look_->OpenToList(path);
  if (!fd) {
    visit.error = fd.error();
  } else if (place == FilePattern::Place::kLeaf) {
    visit.error = ListFiles(fd->get(), path, batch, visit);
  } else {
    visit.error = ListDirectories(fd->get(), path, how, visit);
  }
  // Without its root a format is not empty but unknown.
  if (IsAbsence(visit.error) && path != pattern_.root()) Gone(path, how, batch, visit);
  return visit;
}

int FormatScan::Open() {
  if (open_) return 0;
  int error = 0;
  if (look_) {
    error = look_->Reopen();
  } else if (auto look = FileLook::Open(pattern_.root()); look) {
    look_ = *std::move(look);
  } else {
    error = look.error();
  }
  open_ = error == 0;
  return error;
}

void FormatScan::Close() {
  if (open_) look_->Close();
  open_ = false;
}

bool FormatScan::Unmoved(const std::string& path) {
  const auto known = directories_.find(path);
  if (known == directories_.end() || known->second.modified_ns == 0) return false;
  const auto fd = look_->OpenToSearch(path);
  return fd && ModifiedAt(fd->get()) == known->second.modified_ns;
}

bool FormatScan::IsYoung(int64_t modified_ns) const {
  return std::chrono::nanoseconds(modified_ns) > clock_.Now().time_since_epoch() - kYoung;
}

void FormatScan::Gone(const std::string& path, How how, Batch& batch, Visit& visit) {
  visit.error = 0;
  if (how == How::kHinted) FollowMissing(path, {}, visit);
  const auto known = directories_.find(path);
  if (known == directories_.end()) return;
  if (known->second.told) {
    batch.files.listings.push_back({files_, static_cast<uint32_t>(batch.files.sightings.size()), 0,
                                    batch.Add(path), 0, clock_.Now()});
  }
  all_files_ -= known->second.files;
  directories_.erase(known);
}

// A file that is replaced between two calls by its name would give a mixture of both. In a
// directory that has been quiet and is as it was afterwards that did not happen; in any other each
// file is held while it is looked at, which takes twice as long.
int FormatScan::ListFiles(int fd, const std::string& path, Batch& batch, Visit& visit) {
  const size_t text = batch.text.size(), sightings = batch.files.sightings.size();
  int64_t modified = ModifiedAt(fd);
  bool carefully = IsYoung(modified);
  int error = TellFiles(fd, path, carefully, batch, visit);
  if (error == 0 && !carefully && ModifiedAt(fd) != modified) {
    batch.files.sightings.resize(sightings);
    batch.text.resize(text);
    modified = ModifiedAt(fd);
    error = TellFiles(fd, path, true, batch, visit);
  }
  if (error != 0) {
    batch.files.sightings.resize(sightings);
    batch.text.resize(text);
    return error;
  }
  if (IsYoung(modified)) modified = 0;
  visit.files = static_cast<int64_t>(batch.files.sightings.size() - sightings);
  batch.files.listings.push_back(
      {files_, static_cast<uint32_t>(sightings), static_cast<uint32_t>(visit.files),
       Text{static_cast<uint32_t>(text), static_cast<uint32_t>(path.size())}, modified,
       clock_.Now()});
  Remember(path, modified, visit.files);
  return 0;
}

int FormatScan::TellFiles(int fd, const std::string& path, bool carefully, Batch& batch,
                          Visit& visit) {
  const Text directory = batch.Add(path);
  const Time now = clock_.Now();
  if (const int error = names_.Read(fd); error != 0) return error;
  for (const auto& entry : names_.entries()) {
    const char* const name = names_.name(entry);
    if (!MayBe(entry.type, DT_REG)) continue;
    const auto match = pattern_.MatchFile(path, name);
    if (!match) continue;
    ++visit.looks;
    const int error = carefully ? LookAt(fd, name, status_) : LookQuickly(fd, name, status_);
    // Gone since it was listed, or it never was a file.
    if (error == ENOENT || error == kNotAFile) continue;
    if (error != 0) return error;
    FileSighting& seen = batch.files.sightings.emplace_back();
    seen.files = files_;
    seen.directory = directory;
    seen.name = batch.Add(name);
    if (!Locate(match->project, path, directory, seen.project)) {
      Locate(match->project, name, seen.name, seen.project);
    }
    seen.day = match->day;
    seen.generation = GenerationOf(status_, batch);
    seen.seen_at = now;
  }
  return 0;
}

int FormatScan::ListDirectories(int fd, const std::string& path, How how, Visit& visit) {
  const int64_t modified = ModifiedAt(fd);
  if (const int error = names_.Read(fd); error != 0) return error;
  std::vector<std::string> present;
  for (const auto& entry : names_.entries()) {
    const char* const name = names_.name(entry);
    if (!MayBe(entry.type, DT_DIR)) continue;
    if (pattern_.PlaceOf(path, name) == FilePattern::Place::kElsewhere) continue;
    ++visit.looks;
    std::string child = (path == "/" ? "" : path) + "/" + name;
    const bool fresh = directories_.try_emplace(child).second;
    if (how != How::kHinted) continue;
    if (fresh) visit.follow.push_back(child);
    present.push_back(std::move(child));
  }
  if (how == How::kHinted) {
    std::sort(present.begin(), present.end());
    FollowMissing(path, present, visit);
  }
  Remember(path, IsYoung(modified) ? 0 : modified, 0);
  return 0;
}

// What is known beneath `path` and not beneath one of `present`, its directories, in order.
void FormatScan::FollowMissing(const std::string& path, const std::vector<std::string>& present,
                               Visit& visit) const {
  const std::string below = path == "/" ? path : path + "/";
  for (auto known = directories_.upper_bound(below);
       known != directories_.end() && known->first.starts_with(below); ++known) {
    const std::string child = known->first.substr(0, known->first.find('/', below.size()));
    if (!std::binary_search(present.begin(), present.end(), child)) {
      visit.follow.push_back(known->first);
    }
  }
}

void FormatScan::Remember(const std::string& path, int64_t modified_ns, int64_t files) {
  Directory& directory = directories_[path];
  all_files_ += files - directory.files;
  const bool leaf = pattern_.PlaceOf(path) == FilePattern::Place::kLeaf;
  directory = {modified_ns, static_cast<uint32_t>(files), leaf};
}
