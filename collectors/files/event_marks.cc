#include "collectors/files/event_marks.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/fanotify.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "collectors/files/mount_table.h"
#include "collectors/files/privileges.h"

namespace {

constexpr uint64_t kMoves = FAN_MOVED_FROM | FAN_MOVED_TO;
constexpr uint64_t kNames = FAN_CREATE | FAN_DELETE | FAN_CLOSE_WRITE | FAN_ONDIR;
constexpr uint64_t kDeadReads = FAN_OPEN | FAN_ACCESS | FAN_MODIFY | FAN_CLOSE | FAN_EVENT_ON_CHILD;
constexpr uint64_t kLiveOpens = FAN_OPEN | FAN_EVENT_ON_CHILD;
// Each kind of event costs every reader on the file system as much again.
constexpr uint64_t kWideReads = FAN_OPEN;

// Renames in one event, else in two.
int MarkNameEvents(const FanotifyGroup& group, FanotifyGroup::Scope scope, uint64_t more, int fd) {
  const int error = group.Mark(scope, kNames | FAN_RENAME | more, fd);
  return error == EINVAL ? group.Mark(scope, kNames | kMoves | more, fd) : error;
}

// It is the file system that refuses, not this directory.
bool RefusesMarks(int error) {
  return error == ENODEV || error == EOPNOTSUPP || error == EXDEV || error == EINVAL ||
         error == ENOSYS || error == EPERM;
}

// The kernel tells the process ids of its own namespace and of those beneath, 0 of all others. The
// first namespace has this inode number in every kernel.
bool SeesAllProcesses() {
  constexpr ino_t kFirst = 0xEFFFFFFC;
  struct stat status;
  return stat("/proc/self/ns/pid", &status) == 0 && status.st_ino == kFirst;
}

std::string RealPath(const std::string& path) {
  const std::unique_ptr<char, decltype(&free)> real(realpath(path.c_str(), nullptr), &free);
  return real ? real.get() : std::string();
}

std::string Joined(const std::string& directory, const char* name) {
  return (directory == "/" ? "" : directory) + "/" + name;
}

}  // namespace

EventMarks::EventMarks(std::vector<WatchedFormat>* formats, const EventOptions& options)
    : formats_(formats), options_(options), book_(formats) {
  using Kind = FanotifyGroup::Kind;
  const auto open = [&](bool privileged) {
    auto names = FanotifyGroup::Open(Kind::kNames, privileged);
    auto reads = FanotifyGroup::Open(Kind::kNames, privileged);
    if (!names || !reads) return;
    names_ = std::move(*names);
    reads_ = std::move(*reads);
    privileged_ = privileged;
  };
  if (options.best <= WatchLevel::kNoPaths) open(true);
  if (!names_ && options.best <= WatchLevel::kUnprivileged) open(false);
  wide_ = options.wide && privileged_;
}

EventMarks::FileSystem& EventMarks::On(int directory, const std::string& path) {
  struct stat status = {};
  fstat(directory, &status);
  const auto [known, fresh] = file_systems_.try_emplace(status.st_dev);
  FileSystem& system = known->second;
  if (!fresh) return system;
  system.directory = path;
  if (names_) MarkFileSystem(system, directory);
  return system;
}

void EventMarks::MarkFileSystem(FileSystem& system, int directory) {
  if (!privileged_) {
    system.level = WatchLevel::kUnprivileged;
    return;
  }
  const bool resolves = options_.best == WatchLevel::kFull && book_.AddFileSystem(system.directory);
  system.level = resolves ? WatchLevel::kFull : WatchLevel::kNoPaths;
  const int error = MarkNameEvents(*names_, FanotifyGroup::Scope::kFilesystem, 0, directory);
  system.whole = error == 0;
  if (error == EPERM && !HoldsSysAdmin()) {
    blind_.push_back(system.directory);
  } else if (error != 0) {
    system.note =
        system.directory + ": its file system takes marks on directories only (" +
        std::strerror(error) +
        "): where files that leave them go, misplaced files and reads through other names "
        "are not seen there";
  }
  if (wide_ && system.whole) {
    system.whole_reads =
        reads_->Mark(FanotifyGroup::Scope::kFilesystem, kWideReads, directory) == 0;
  }
}

bool EventMarks::WalkFormat(int16_t files) {
  WatchedFormat& format = (*formats_)[static_cast<size_t>(files)];
  const std::string real = RealPath(format.pattern.root());
  const bool moved = std::exchange(format.real_root, real) != real;
  if (moved) book_.RootsChanged();
  const UniqueFd root = real.empty() ? UniqueFd() : OpenDirectoryAt(AT_FDCWD, real.c_str());
  if (!root) return false;
  Walk(root.get(), {format.pattern, format.dead, real, format.pattern.root()});
  return true;
}

void EventMarks::WalkBelow(const std::string& path) {
  const KnownDirectoryPath known = book_.Describe(path);
  for (const FormatPlace& place : known.places) {
    const WatchedFormat& format = (*formats_)[static_cast<size_t>(place.files)];
    const UniqueFd directory = OpenDirectoryAt(AT_FDCWD, path.c_str());
    if (directory) Walk(directory.get(), {format.pattern, format.dead, path, place.directory});
  }
}

void EventMarks::AddMount(const std::string& point, bool fresh) {
  const UniqueFd directory = OpenDirectoryAt(AT_FDCWD, point.c_str());
  struct stat status = {};
  if (!directory || fstat(directory.get(), &status) != 0) return;
  // Device numbers are given again, to another file system without marks.
  if (fresh) file_systems_.erase(status.st_dev);
  if (On(directory.get(), point).level == WatchLevel::kFull) book_.AddFileSystem(point);
  WalkBelow(point);
}

// Marked first and listed then: what comes in between is told by an event or listed, or both.
void EventMarks::Walk(int directory, Visit visit) {
  const auto place = visit.pattern.PlaceOf(visit.spelled);
  if (place == FilePattern::Place::kElsewhere) return;
  MarkDirectory(directory, visit, place == FilePattern::Place::kLeaf);
  if (place != FilePattern::Place::kOnTheWay) return;
  const int listed = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> list(fdopendir(listed), &closedir);
  if (!list) return;
  while (const dirent* entry = readdir(list.get())) {
    if (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN) continue;
    const std::string_view name = entry->d_name;
    if (visit.pattern.PlaceOf(visit.spelled, name) == FilePattern::Place::kElsewhere) continue;
    const UniqueFd below = OpenDirectoryAt(directory, entry->d_name);
    if (below) {
      Walk(below.get(), {visit.pattern, visit.dead, Joined(visit.path, entry->d_name),
                         Joined(visit.spelled, entry->d_name)});
    } else if (errno != ENOTDIR && errno != ELOOP) {
      Refused(errno, Joined(visit.path, entry->d_name));
    }
  }
}

void EventMarks::MarkDirectory(int directory, const Visit& visit, bool leaf) {
  FileSystem& system = On(directory, visit.path);
  ++directories_;
  if (system.level != WatchLevel::kFull && system.level < WatchLevel::kInotify &&
      !book_.Learn(ObjectIdOf(directory), visit.path)) {
    return Refused(ENOSPC, visit.path);
  }
  MarkNames(system, directory, visit.path);
  if (leaf) MarkReads(system, directory, visit.path, visit.dead);
}

void EventMarks::MarkNames(FileSystem& system, int directory, const std::string& path) {
  if (system.whole) return;
  if (names_ && system.level <= WatchLevel::kUnprivileged) {
    const int error =
        MarkNameEvents(*names_, FanotifyGroup::Scope::kDirectory, FAN_EVENT_ON_CHILD, directory);
    if (error == 0) return;
    if (!RefusesMarks(error)) return Refused(error, path);
    system.level = WatchLevel::kInotify;
  }
  if (options_.best > WatchLevel::kInotify) return;
  const int error = inotify_.Watch(directory, path, kNames | kMoves);
  if (error == 0) {
    system.level = WatchLevel::kInotify;
  } else {
    Refused(error, path);
  }
}

void EventMarks::MarkReads(FileSystem& system, int directory, const std::string& path, bool dead) {
  size_t& count = dead ? dead_directories_ : live_directories_;
  const bool nobody_named = system.level >= WatchLevel::kUnprivileged;
  if (!dead && nobody_named) return;  // the same process cannot be told from another
  ++count;
  if (dead && count > options_.max_directories && privileged_ && !wide_) GoWide();
  if (count > options_.max_directories && (!dead || system.whole_reads)) {
    live_unwatched_ += !dead;
    return;
  }
  int error = 0;
  if (system.level == WatchLevel::kInotify) {
    error = inotify_.Watch(directory, path, kDeadReads & ~FAN_EVENT_ON_CHILD);
  } else if (system.level != WatchLevel::kScanOnly) {
    error =
        reads_->Mark(FanotifyGroup::Scope::kDirectory, dead ? kDeadReads : kLiveOpens, directory);
  }
  if (error != 0) Refused(error, path);
}

void EventMarks::GoWide() {
  wide_ = true;
  for (auto& [device, system] : file_systems_) {
    const UniqueFd directory = OpenDirectoryAt(AT_FDCWD, system.directory.c_str());
    if (!directory || !system.whole) continue;
    system.whole_reads =
        reads_->Mark(FanotifyGroup::Scope::kFilesystem, kWideReads, directory.get()) == 0;
  }
}

void EventMarks::Refused(int error, const std::string& path) {
  if (error == ENOENT) return;  // it went while it was looked at
  if (unwatched_++ == 0) first_refusal_ = path + ": " + std::strerror(error);
}

void EventMarks::ForgetBlind(const std::string& point) {
  std::erase_if(blind_, [&](const std::string& blind) { return IsAtOrBelow(blind, point); });
}

WatchLevel EventMarks::level() const {
  if (file_systems_.empty()) {
    if (names_) return privileged_ ? WatchLevel::kFull : WatchLevel::kUnprivileged;
    return std::max(options_.best, WatchLevel::kInotify);
  }
  WatchLevel worst = WatchLevel::kFull;
  for (const auto& [device, system] : file_systems_) worst = std::max(worst, system.level);
  return worst;
}

std::vector<std::string> EventMarks::notes() const {
  std::vector<std::string> notes;
  for (const auto& [device, system] : file_systems_) {
    if (!system.note.empty()) notes.push_back(system.note);
  }
  if (unwatched_ > 0) {
    notes.push_back(std::to_string(unwatched_) +
                    " directories are not watched, the first: " + first_refusal_);
  }
  if (privileged_ && !SeesAllProcesses()) {
    notes.emplace_back(
        "this process has process ids of its own (a container without the host's): "
        "whoever is outside is not named");
  }
  if (wide_) {
    notes.emplace_back("opens are watched on whole file systems: beyond the " +
                       std::to_string(options_.max_directories) +
                       " directories that are marked, a dead file that is opened only to be "
                       "overwritten counts as opened, after some seconds");
  }
  if (live_unwatched_ > 0) {
    notes.push_back(std::to_string(live_unwatched_) +
                    " directories of living formats are beyond the limit: whether their files were "
                    "opened before they were replaced is not seen");
  }
  return notes;
}
