#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "collectors/files/actor_lookup.h"
#include "collectors/files/dead_files.h"
#include "collectors/files/dead_reads.h"
#include "collectors/files/event_marks.h"
#include "collectors/files/event_wake.h"
#include "collectors/files/mount_table.h"
#include "collectors/files/recent_opens.h"
#include "monitor/unique_fd.h"

// Something happened to a canonical file: look at it.
struct PathHint {
  int16_t files = -1;
  std::string directory, name;  // as the configuration spells its root
  Actor actor;
  bool opened_before = false;  // by `actor`, another content than the one it put there
  std::string renamed_to;      // where it went, as the kernel spells it
};

// A directory of a format, or on the way to such, came or went.
struct DirectoryHint {
  int16_t files = -1;
  bool leaf = false;  // else what is beneath has to be looked at, too
  std::string directory;
};

// A file that is called like one of a format's, where none of them belongs.
struct MisplacedHint {
  int16_t files = -1;
  std::string path;
  std::string project;  // empty: its name does not say
  Day day;
  Actor actor;
};

// What was told since the last call. Never the truth: events are merged, lost and late.
struct FileHints {
  std::vector<PathHint> paths;  // each once
  std::vector<DirectoryHint> directories;
  std::vector<DeadRead> reads;
  std::vector<MisplacedHint> misplaced;
  bool lost = false;            // events were: everything has to be looked at again
  bool mounts_changed = false;  // likewise
  bool more = false;            // call again
};

struct FileEventsStatus {
  WatchLevel level = WatchLevel::kScanOnly;
  bool wide = false;
  size_t directories = 0;          // marked or found
  std::vector<std::string> notes;  // what is less than the level says
  std::vector<std::string> blind;  // directories of file systems that came too late to be marked
  std::string unwatched;           // the first directory that could not be marked; empty: none
  int64_t events = 0, overflows = 0, own_events = 0, excepted_reads = 0;
};

// Tells what happens to the canonical files of all formats, and who did it: fanotify's names and
// reads, joined with who executed what. Collector thread only.
class FileEvents {
 public:
  FileEvents(std::vector<WatchedFormat> formats, const EventOptions& options, const Clock& clock);

  FileHints Drain();
  // A file of a dead format was found by looking. Where reads are seen on whole file systems, it is
  // recognised by its handle under any name.
  void Found(int16_t files, std::string_view directory, std::string_view handle);
  // Once a second: roots that came or went, mounts.
  void Tick(FileHints& hints);
  int wake_fd() const { return wake_.fd(); }
  void WakeIn(std::chrono::milliseconds delay) { wake_.WakeIn(delay); }
  // A hint that is being held back for what is still to come; null: none.
  const PathHint* Waiting(int16_t files, std::string_view directory, std::string_view name) const;
  FileEventsStatus status() const;
  // The root of a format is there.
  bool has_root(int16_t files) const;

 private:
  // An event in either form. `directory` and `to` are null where nobody can tell which they are.
  struct Seen {
    uint64_t mask = 0;
    int32_t pid = 0;
    const UniqueFd* process = nullptr;
    const KnownDirectoryPath* directory = nullptr;
    std::string_view name;
    std::string to_path;  // of a rename
    ObjectId target;
  };
  // A file that has just been made waits, since more is to come: it is being written, or it gets
  // another name.
  struct Settling {
    Time due{};
    bool misplaced = false;
    PathHint hint;
    MisplacedHint misplacement;
  };

  // What the root of a format leads to.
  struct Root {
    std::string path;  // without symbolic links; empty: it is not there
    dev_t device = 0;
    ino_t inode = 0;
    bool operator==(const Root&) const = default;
  };

  static Root RootOf(const WatchedFormat& format);
  bool DrainReads(FileHints& hints);
  bool DrainInotify(FileHints& hints);
  bool Skip(const FanotifyEvent& event, FileHints& hints);
  void TakeNames(FileHints& hints);
  void TakeName(const Seen& seen, FileHints& hints);
  bool CouldConcern(std::string_view name) const;
  bool TakeRead(const Seen& seen);
  void TakeDeadRead(const Seen& seen, const FormatPlace& place, const FilePattern::Match& match,
                    const std::string& file);
  static std::string FileKey(const KnownDirectoryPath& directory, const Seen& seen);
  void TakeLinkedRead(const Seen& seen);
  void TakeDirectory(const std::string& path, bool came, FileHints& hints);
  bool Hint(const Seen& seen, bool came, FileHints& hints);
  void HintMisplaced(const Seen& seen, const std::string& path);
  void Add(PathHint hint, bool just_made, FileHints& hints);
  void Settle(FileHints& hints);
  const Actor& ActorOf(const Seen& seen);
  bool IsExcepted(int16_t files, const Actor& actor) const;
  std::vector<Mount> MountsOfRoots() const;
  void CheckRoots(FileHints& hints);
  void CheckMounts(FileHints& hints);

  std::vector<WatchedFormat> formats_;
  const Clock& clock_;
  EventMarks marks_;
  ExecCache executions_;
  ActorLookup actors_;
  EventWake wake_;
  MountTable mount_table_;
  std::vector<Mount> mounts_;                         // at or below roots
  std::vector<Root> roots_;                           // of each format
  std::unordered_map<int32_t, Actor> actors_of_now_;  // of one drain
  std::unordered_map<std::string, size_t> hinted_;    // of one drain: into FileHints::paths
  std::map<std::string, Settling> settling_;
  RecentOpens opens_;
  DeadReads dead_reads_;
  DeadFiles dead_files_;
  size_t drained_ = 0;
  int64_t overflows_ = 0, own_events_ = 0, excepted_reads_ = 0, inotify_events_ = 0;
};
