#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>
#include <vector>

#include "collectors/files/fanotify_group.h"
#include "collectors/files/file_pattern.h"

// One format's files as those who watch need them.
struct WatchedFormat {
  FilePattern pattern;
  bool dead = false;
  std::vector<std::string> except;  // absolute paths of executables, or units
  std::string real_root;            // the pattern's root without symbolic links; empty: not there
};

// A directory in which files of a format may be, or on the way to such.
struct FormatPlace {
  int16_t files = -1;
  FilePattern::Place place = FilePattern::Place::kElsewhere;
  std::string directory;  // as the configuration spells its root
};

// What stands behind the id of a directory.
struct KnownDirectoryPath {
  std::string path;  // absolute, as the kernel spells it; empty: it has none that can be found
  std::vector<FormatPlace> places;
};

// The directories that events name by id, by path: those that were found by walking, and, with
// CAP_DAC_READ_SEARCH, any on a file system that was added; of these the longest unused are
// forgotten and found again. Collector thread only.
class DirectoryBook {
 public:
  // `formats` outlives this and may change its real_root, after which RootsChanged() is due.
  explicit DirectoryBook(const std::vector<WatchedFormat>* formats) : formats_(formats) {}

  // Ids of its file system can be asked for from here on; `path` is any directory of it, which is
  // not kept open, so that it can be unmounted. True: it works.
  bool AddFileSystem(const std::string& path);
  // A directory that was found by walking. False: there are too many.
  bool Learn(ObjectId id, const std::string& path);
  // Null: unknown, and cannot be found. Valid until the next call.
  const KnownDirectoryPath* Find(ObjectId id);
  // What lies at or below a path has moved or is gone.
  void Forget(const std::string& path);
  void RootsChanged();

  KnownDirectoryPath Describe(std::string path) const;

 private:
  struct Found {
    std::string id;
    KnownDirectoryPath known;
  };
  std::string Resolve(ObjectId id) const;

  const std::vector<WatchedFormat>* formats_;
  std::vector<std::pair<std::string, std::string>> file_systems_;  // id and path
  std::unordered_map<std::string, KnownDirectoryPath> learned_;
  std::list<Found> found_;  // the last used first
  // Keys are views of the ids there.
  std::unordered_map<std::string_view, std::list<Found>::iterator> found_by_id_;
};
