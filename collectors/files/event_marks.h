#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/files/directory_book.h"
#include "collectors/files/exec_cache.h"
#include "collectors/files/inotify_directories.h"
#include "collectors/files/watch_level.h"

struct EventOptions {
  WatchLevel best = WatchLevel::kFull;  // no better one is tried
  bool wide = false;                    // reads on whole file systems, however few directories
  // Directories of dead formats, and of the others, that are marked for reads one by one; each
  // keeps its inode in memory. Beyond that dead formats are watched wide, where that can be.
  size_t max_directories = 20'000;
};

// What is marked: names on each file system that holds a format, reads in the directories of dead
// formats (or on their whole file systems), opens in those of the others, which tell that a file
// was opened and then replaced. Where a file system refuses, its directories are marked one by one;
// where that is refused, too, inotify watches them. Collector thread only.
class EventMarks {
 public:
  // `formats` outlives this; their real_root is found here.
  EventMarks(std::vector<WatchedFormat>* formats, const EventOptions& options);

  // Finds the root of a format and marks everything beneath. True: the root is there.
  bool WalkFormat(int16_t files);
  // Marks a directory (as the kernel spells it) and what is beneath.
  void WalkBelow(const std::string& path);
  // A mount point at or below a format's root. `fresh`: its file system was not mounted before.
  void AddMount(const std::string& point, bool fresh);

  DirectoryBook& book() { return book_; }
  const DirectoryBook& book() const { return book_; }
  std::optional<FanotifyGroup>& names() { return names_; }
  std::optional<FanotifyGroup>& reads() { return reads_; }
  const std::optional<FanotifyGroup>& names() const { return names_; }
  const std::optional<FanotifyGroup>& reads() const { return reads_; }
  InotifyDirectories& inotify() { return inotify_; }

  // The worst of all file systems that hold a format.
  WatchLevel level() const;
  bool wide() const { return wide_; }
  size_t directories() const { return directories_; }
  // What is less than the level says, in sentences.
  std::vector<std::string> notes() const;
  // File systems that were mounted after the privilege to mark them was given up: a directory of
  // each.
  const std::vector<std::string>& blind() const { return blind_; }
  // The first directory that could not be watched, and why; empty: all are.
  const std::string& unwatched() const { return first_refusal_; }
  void ForgetBlind(const std::string& point);

 private:
  struct FileSystem {
    WatchLevel level = WatchLevel::kScanOnly;
    bool whole = false, whole_reads = false;
    std::string directory;  // one of it, for messages
    std::string note;
  };
  struct Visit {
    const FilePattern& pattern;
    bool dead;
    std::string path, spelled;
  };
  FileSystem& On(int directory, const std::string& path);
  void MarkFileSystem(FileSystem& system, int directory);
  void Walk(int directory, Visit visit);
  void MarkDirectory(int directory, const Visit& visit, bool leaf);
  void MarkNames(FileSystem& system, int directory, const std::string& path);
  void MarkReads(FileSystem& system, int directory, const std::string& path, bool dead);
  void GoWide();
  void Refused(int error, const std::string& path);

  std::vector<WatchedFormat>* formats_;
  const EventOptions options_;
  DirectoryBook book_;
  std::optional<FanotifyGroup> names_, reads_;
  InotifyDirectories inotify_;
  bool privileged_ = false, wide_ = false;
  std::map<dev_t, FileSystem> file_systems_;
  std::vector<std::string> blind_;
  size_t directories_ = 0, dead_directories_ = 0, live_directories_ = 0;
  size_t unwatched_ = 0, live_unwatched_ = 0;
  std::string first_refusal_;
};
