#include "collectors/files/file_events.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/fanotify.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "collectors/files/file_look.h"

// Reads of files, in both forms of events, and inotify's names.

namespace {

constexpr uint64_t kReadBits = FAN_OPEN | FAN_ACCESS | FAN_MODIFY | FAN_CLOSE;

}  // namespace

// Whether it concerns a file that belongs there.
bool FileEvents::TakeRead(const Seen& seen) {
  bool belongs = false;
  for (const FormatPlace& place : seen.directory->places) {
    if (place.place != FilePattern::Place::kLeaf) continue;
    const WatchedFormat& format = formats_[static_cast<size_t>(place.files)];
    const auto match = format.pattern.MatchFile(place.directory, seen.name);
    if (!match) continue;
    belongs = true;
    std::string path = seen.directory->path + "/";
    path.append(seen.name);
    if ((seen.mask & FAN_OPEN) && seen.pid > 0) opens_.Opened(seen.pid, path, seen.target);
    if (format.dead) TakeDeadRead(seen, place, *match, FileKey(*seen.directory, seen));
  }
  return belongs;
}

void FileEvents::Found(int16_t files, std::string_view directory, std::string_view handle) {
  if (marks_.wide() && formats_[static_cast<size_t>(files)].dead) {
    dead_files_.Add(handle, files, directory);
  }
}

// Another name of a dead file. Which it is, its directory says.
void FileEvents::TakeLinkedRead(const Seen& seen) {
  if (dead_files_.empty() || seen.target.empty()) return;
  const std::string handle = HandleText(seen.target);
  const auto [files, path] = dead_files_.Find(handle);
  if (path.empty()) return;
  const auto& pattern = formats_[static_cast<size_t>(files)].pattern;
  const auto look = FileLook::Open(pattern.root());
  const auto list = look ? look->OpenToList(path) : tl::unexpected(ENOENT);
  if (!list) return;
  const int listed = openat(list->get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> names(fdopendir(listed), &closedir);
  FileStatus status;
  while (const dirent* entry = names ? readdir(names.get()) : nullptr) {
    const auto match = pattern.MatchFile(path, entry->d_name);
    if (!match || LookAt(list->get(), entry->d_name, status) != 0) continue;
    if (status.handle != handle) continue;
    Seen read = seen;
    read.name = entry->d_name;
    const FormatPlace place{files, FilePattern::Place::kLeaf, std::string(path)};
    return TakeDeadRead(read, place, *match, place.directory + " " + handle);
  }
}

void FileEvents::TakeDeadRead(const Seen& seen, const FormatPlace& place,
                              const FilePattern::Match& match, const std::string& file) {
  DeadRead read;
  // Process ids are given again: who opens is asked anew.
  if ((seen.mask & FAN_OPEN) || !dead_reads_.Knows(seen.pid, file)) {
    read.files = place.files;
    read.directory = place.directory;
    read.name = seen.name;
    read.project = match.project;
    read.day = match.day;
    read.handle = HandleText(seen.target);
    read.actor = ActorOf(seen);
    read.excepted = IsExcepted(place.files, read.actor);
  }
  dead_reads_.Take(seen.mask, seen.pid, file, std::move(read), clock_.Now());
}

bool FileEvents::IsExcepted(int16_t files, const Actor& actor) const {
  const auto& except = formats_[static_cast<size_t>(files)].except;
  return std::any_of(except.begin(), except.end(), [&](const std::string& name) {
    return name == actor.executable || name == actor.unit;
  });
}

// The two halves of a rename follow each other; where the second is missing, the file left what is
// watched.
bool FileEvents::DrainInotify(FileHints& hints) {
  InotifyDirectories& inotify = marks_.inotify();
  if (!inotify.Read()) return false;
  KnownDirectoryPath directory, left;
  std::string left_name;
  Seen leaving;
  uint32_t cookie = 0;
  const auto leave = [&] {
    if (std::exchange(cookie, 0) != 0) TakeName(leaving, hints);
  };
  InotifyEvent event;
  while (inotify.Next(event)) {
    ++drained_;
    ++inotify_events_;
    if (event.mask & FAN_Q_OVERFLOW) {
      ++overflows_;
      hints.lost = true;
      continue;
    }
    directory = marks_.book().Describe(std::string(event.directory));
    const Seen seen{event.mask, 0, nullptr, &directory, event.name, {}, {}};
    if ((event.mask & FAN_MOVED_TO) && event.cookie == cookie) {
      leaving.to_path = directory.path + "/" + std::string(event.name);
    }
    leave();
    if (event.mask & FAN_MOVED_FROM) {
      left = directory;
      left_name = event.name;
      leaving = {event.mask, 0, nullptr, &left, left_name, {}, {}};
      cookie = event.cookie;
      continue;
    }
    TakeName(seen, hints);
    if (!(event.mask & FAN_ONDIR) && (event.mask & kReadBits)) TakeRead(seen);
  }
  leave();
  return true;
}
