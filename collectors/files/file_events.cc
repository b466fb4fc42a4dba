#include "collectors/files/file_events.h"

#include <stdlib.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace {

constexpr int kRounds = 4;  // of reading names, in one drain
constexpr int kReadRounds = 16;
constexpr std::chrono::milliseconds kSettle(1000);
constexpr size_t kMaxSettling = 4 * 1024;
constexpr uint64_t kReadBits = FAN_OPEN | FAN_ACCESS | FAN_MODIFY | FAN_CLOSE;
constexpr uint64_t kCame = FAN_CREATE | FAN_MOVED_TO | FAN_RENAME;
constexpr uint64_t kNameBits =
    FAN_CREATE | FAN_DELETE | FAN_CLOSE_WRITE | FAN_MOVED_FROM | FAN_MOVED_TO | FAN_RENAME;

std::string PathIn(const KnownDirectoryPath& directory, std::string_view name) {
  std::string path = directory.path == "/" ? "" : directory.path;
  return path.append("/").append(name);
}

std::string KeyOf(int16_t files, std::string_view directory, std::string_view name) {
  return std::to_string(files).append(directory).append("/").append(name);
}

// Executables are known by the paths that the kernel has for them.
void AddRealPaths(std::vector<std::string>& names) {
  for (size_t i = 0, count = names.size(); i < count; ++i) {
    if (!names[i].starts_with('/')) continue;
    const std::unique_ptr<char, decltype(&free)> real(realpath(names[i].c_str(), nullptr), &free);
    if (real && names[i] != real.get()) names.emplace_back(real.get());
  }
}

}  // namespace

FileEvents::FileEvents(std::vector<WatchedFormat> formats, const EventOptions& options,
                       const Clock& clock)
    : formats_(std::move(formats)),
      clock_(clock),
      marks_(&formats_, options),
      actors_(&executions_) {
  if (marks_.names() && options.best <= WatchLevel::kNoPaths) executions_.Open();
  for (WatchedFormat& format : formats_) AddRealPaths(format.except);
  mount_table_.Changed();
  // Dead formats first: they are what the limited marks are for.
  roots_.resize(formats_.size());
  for (const bool dead : {true, false}) {
    for (size_t i = 0; i < formats_.size(); ++i) {
      if (formats_[i].dead != dead) continue;
      marks_.WalkFormat(static_cast<int16_t>(i));
      roots_[i] = RootOf(formats_[i]);
    }
  }
  mounts_ = MountsOfRoots();
  for (const Mount& mount : mounts_) marks_.AddMount(mount.point, false);
  if (marks_.names()) wake_.Add(marks_.names()->fd());
  if (marks_.reads()) wake_.Add(marks_.reads()->fd());
  wake_.Add(marks_.inotify().fd());
}

bool FileEvents::has_root(int16_t files) const {
  return !roots_[static_cast<size_t>(files)].path.empty();
}

// Names are read first and understood last: a process that opened a file and then replaced it is
// known to have opened it by then, and, before either, to have been executed.
FileHints FileEvents::Drain() {
  FileHints hints;
  drained_ = 0;
  for (int round = 0; round < kRounds; ++round) {
    const bool names = marks_.names() && marks_.names()->Read();
    const bool reads = DrainReads(hints);
    if (names) TakeNames(hints);
    const bool inotify = DrainInotify(hints);
    hints.more = names || reads || inotify;
    if (!hints.more) break;
  }
  Settle(hints);
  hints.reads = dead_reads_.Told(clock_.Now());
  for (const DeadRead& read : hints.reads) excepted_reads_ += read.excepted ? read.reads : 0;
  std::erase_if(hints.paths, [](const PathHint& hint) { return hint.files < 0; });
  actors_of_now_.clear();
  hinted_.clear();
  wake_.Drained(drained_);
  if (!settling_.empty()) wake_.WakeIn(kSettle);
  return hints;
}

bool FileEvents::DrainReads(FileHints& hints) {
  if (!marks_.reads()) {
    return false;
  }
  FanotifyGroup& group = *marks_.reads();
  FanotifyEvent event;
  int round = 0;
  while (round < kReadRounds && group.Read()) {
    ++round;
    executions_.Drain();
    while (group.Next(event)) {
      if (Skip(event, hints)) continue;
      Seen seen{
          event.mask & kReadBits, event.pid, &event.process, nullptr, event.name, {}, event.target};
      if (CouldConcern(event.name)) seen.directory = marks_.book().Find(event.directory);
      if (!seen.directory || !TakeRead(seen)) TakeLinkedRead(seen);
    }
  }
  executions_.Drain();
  return round > 0;
}

bool FileEvents::CouldConcern(std::string_view name) const {
  return std::any_of(formats_.begin(), formats_.end(), [&](const WatchedFormat& format) {
    return format.pattern.MatchName(name).has_value();
  });
}

bool FileEvents::Skip(const FanotifyEvent& event, FileHints& hints) {
  ++drained_;
  if (event.mask & FAN_Q_OVERFLOW) {
    ++overflows_;
    hints.lost = true;
    return true;
  }
  const bool own = event.pid == getpid();
  own_events_ += own;
  return own;
}

void FileEvents::TakeNames(FileHints& hints) {
  FanotifyGroup& group = *marks_.names();
  DirectoryBook& book = marks_.book();
  FanotifyEvent event;
  while (group.Next(event)) {
    if (Skip(event, hints)) continue;
    if (!(event.mask & FAN_ONDIR) && !CouldConcern(event.name) && !CouldConcern(event.to_name)) {
      continue;
    }
    Seen seen{event.mask, event.pid, &event.process, nullptr, event.name, {}, event.target};
    const KnownDirectoryPath* const to = book.Find(event.to_directory);
    if (to && !to->path.empty()) seen.to_path = PathIn(*to, event.to_name);
    seen.directory = book.Find(event.directory);
    if (!(event.mask & FAN_RENAME)) {
      TakeName(seen, hints);
      continue;
    }
    seen.mask = (event.mask & FAN_ONDIR) | FAN_MOVED_FROM;
    TakeName(seen, hints);
    seen.mask = (event.mask & FAN_ONDIR) | FAN_MOVED_TO;
    seen.name = event.to_name;
    seen.directory = book.Find(event.to_directory);
    TakeName(seen, hints);
  }
}

void FileEvents::TakeName(const Seen& seen, FileHints& hints) {
  if (!seen.directory || seen.directory->path.empty() || !(seen.mask & kNameBits)) return;
  const bool came = seen.mask & kCame;
  if (seen.mask & FAN_ONDIR) {
    TakeDirectory(PathIn(*seen.directory, seen.name), came, hints);
    return;
  }
  if (Hint(seen, came, hints)) return;
  const std::string path = PathIn(*seen.directory, seen.name);
  if (came) {
    HintMisplaced(seen, path);
  } else if (seen.mask & (FAN_DELETE | FAN_MOVED_FROM)) {
    settling_.erase(path);
  }
}

void FileEvents::TakeDirectory(const std::string& path, bool came, FileHints& hints) {
  if (!came) {
    marks_.book().Forget(path);
    marks_.inotify().Forget(path);
  }
  for (FormatPlace& place : marks_.book().Describe(path).places) {
    const bool leaf = place.place == FilePattern::Place::kLeaf;
    hints.directories.push_back({place.files, leaf, std::move(place.directory)});
  }
  if (came) marks_.WalkBelow(path);
}

// One content of a path.
std::string FileEvents::FileKey(const KnownDirectoryPath& directory, const Seen& seen) {
  return PathIn(directory, seen.name).append(" ").append(seen.target);
}

// Whether it concerns a file that belongs there.
bool FileEvents::Hint(const Seen& seen, bool came, FileHints& hints) {
  bool belongs = false;
  for (const FormatPlace& place : seen.directory->places) {
    const auto& pattern = formats_[static_cast<size_t>(place.files)].pattern;
    if (!pattern.MatchFile(place.directory, seen.name)) continue;
    belongs = true;
    PathHint hint{place.files, place.directory, std::string(seen.name), ActorOf(seen), false, {}};
    // Without the new one's id, its maker has opened it, too.
    const bool tells = !seen.target.empty() || !(seen.mask & FAN_CREATE);
    hint.opened_before =
        came && tells && seen.pid > 0 &&
        opens_.OpenedOther(seen.pid, PathIn(*seen.directory, seen.name), seen.target);
    if (seen.mask & FAN_MOVED_FROM) hint.renamed_to = seen.to_path;
    if ((seen.mask & FAN_CREATE) && marks_.wide()) {
      dead_reads_.Made(seen.pid, FileKey(*seen.directory, seen));
    }
    const bool just_made = (seen.mask & FAN_CREATE) && !(seen.mask & kNameBits & ~FAN_CREATE);
    Add(std::move(hint), just_made, hints);
  }
  return belongs;
}

void FileEvents::Add(PathHint hint, bool just_made, FileHints& hints) {
  std::string key = KeyOf(hint.files, hint.directory, hint.name);
  const auto join = [&](const PathHint& before) {
    hint.opened_before |= before.opened_before && before.actor.pid == hint.actor.pid;
  };
  if (const auto waits = settling_.find(key); waits != settling_.end()) {
    join(waits->second.hint);
    settling_.erase(waits);
  }
  const auto hinted = hinted_.find(key);
  if (hinted != hinted_.end()) join(hints.paths[hinted->second]);
  if (just_made && settling_.size() < kMaxSettling) {
    if (hinted != hinted_.end()) hints.paths[hinted->second].files = -1;
    Settling settling{clock_.Now() + kSettle, false, std::move(hint), {}};
    settling_.emplace(std::move(key), std::move(settling));
    return;
  }
  if (hinted != hinted_.end()) {
    hints.paths[hinted->second] = std::move(hint);
    return;
  }
  hinted_.emplace(std::move(key), hints.paths.size());
  hints.paths.push_back(std::move(hint));
}

// A file that is on its way gets its place within a moment. Names without a day could be anything.
void FileEvents::HintMisplaced(const Seen& seen, const std::string& path) {
  for (size_t i = 0; i < formats_.size(); ++i) {
    const auto match = formats_[i].pattern.MatchName(seen.name);
    if (!match || match->day.days == Day::kNone) continue;
    Settling settling{clock_.Now() + kSettle, true, {}, {}};
    settling.misplacement = {static_cast<int16_t>(i), path, std::string(match->project), match->day,
                             ActorOf(seen)};
    if (settling_.size() < kMaxSettling) settling_.insert_or_assign(path, std::move(settling));
    return;
  }
}

void FileEvents::Settle(FileHints& hints) {
  const Time now = clock_.Now();
  for (auto settling = settling_.begin(); settling != settling_.end();) {
    if (settling->second.due > now) {
      ++settling;
      continue;
    }
    Settling done = std::move(settling->second);
    settling = settling_.erase(settling);
    if (done.misplaced) {
      hints.misplaced.push_back(std::move(done.misplacement));
    } else {
      Add(std::move(done.hint), false, hints);
    }
  }
}

const PathHint* FileEvents::Waiting(int16_t files, std::string_view directory,
                                    std::string_view name) const {
  if (settling_.empty()) return nullptr;
  const auto waits = settling_.find(KeyOf(files, directory, name));
  return waits == settling_.end() ? nullptr : &waits->second.hint;
}

const Actor& FileEvents::ActorOf(const Seen& seen) {
  const auto [known, fresh] = actors_of_now_.try_emplace(seen.pid);
  if (!fresh) return known->second;
  // A kernel that hands out no pidfds: the number may belong to another by now, if it is held late.
  const bool asks = seen.process && !*seen.process && seen.pid > 0 && marks_.names() &&
                    !marks_.names()->tells_processes();
  const UniqueFd asked = asks ? HoldProcess(seen.pid) : UniqueFd();
  const UniqueFd nobody;
  known->second = actors_.Find(seen.pid, asks ? asked : seen.process ? *seen.process : nobody);
  return known->second;
}

FileEventsStatus FileEvents::status() const {
  FileEventsStatus status;
  status.level = marks_.level();
  status.wide = marks_.wide();
  status.directories = marks_.directories();
  status.notes = marks_.notes();
  if (dead_files_.full()) {
    status.notes.emplace_back(
        "there are too many dead files for all to be recognised when they are "
        "read through hard links elsewhere");
  }
  if (executions_.overflows() > 0) {
    status.notes.emplace_back(
        "more programs were executed at once than the kernel keeps: of some "
        "processes that had ended the executable is unknown");
  }
  status.blind = marks_.blind();
  status.unwatched = marks_.unwatched();
  status.events = inotify_events_;
  if (marks_.names()) status.events += marks_.names()->events();
  if (marks_.reads()) status.events += marks_.reads()->events();
  status.overflows = overflows_;
  status.own_events = own_events_;
  status.excepted_reads = excepted_reads_;
  return status;
}
