#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "collectors/log_listing.h"
#include "collectors/log_stream.h"
#include "collectors/watch_directories.h"
#include "monitor/time.h"

struct KnownLog;

// One file that a source follows.
struct TailedFile {
  ListedLog name;  // where it was last seen; .state: when it was last looked into
  LogInput input;  // kept open while there may be more to read, through renames and deletion
  KnownLog* log = nullptr;
  const KnownLog* copy_of = nullptr;  // holds nothing that is not read from that log's own file
  bool listed = true;                 // false: renamed out of sight or deleted
  bool pending = true;                // has to be looked into
  bool archive = false;
  bool at_end = false;            // when last looked into, nothing was left to read but `partial`
  bool incomplete = false;        // an archive without its end: somebody may still be writing it
  bool succeeded = false;         // another file has the name it had before rotation
  bool finishing = false;         // its last line is taken as final
  bool finished = false;          // nothing more is expected
  bool reported_blind = false;    // about its present state
  bool reopened = false;          // since its handle became stale
  int order = 0;                  // of reading
  int64_t scanned = 0;            // LineBlocks::scanned()
  int64_t partial = 0;            // bytes after the last newline
  KnownLog* truncated = nullptr;  // was read from it until that was cut off
  std::chrono::milliseconds changed_at{};                // Clock::SinceBoot
  std::optional<std::chrono::milliseconds> decide_at{};  // wait until then for more evidence
  bool waited = false;                                   // and it was
  Time seen_at{};  // last, with everything in it that had been read
};

// The files of one source, by inode: which there are, which may have news. Knows nothing of what
// they hold. Owned by a Tail, collector thread only.
class FollowedFiles {
 public:
  FollowedFiles(std::vector<LogPattern> patterns, bool follow, const Clock* clock);
  // Drains the hints and lists the directories when they say so or `must_list`. True when it
  // listed.
  bool Refresh(bool must_list);
  // Files without a name send no hints, those that were renamed into a directory not watched.
  void LookAtUnlisted();
  TailedFile& AddPipe(int fd);
  // Closes a file that nothing more is expected of. One that has no name known here stays watched:
  // a write to it is lost.
  void LetGo(TailedFile& file);
  // The oldest file with news; null: none.
  TailedFile* Pending();
  // Files that are gone and were neither open nor known to be read; each is handed out once.
  std::vector<std::unique_ptr<TailedFile>> TakeGone();
  // What the hints say that nobody can read any more.
  struct Lost {
    std::string path;
    std::string_view reason;  // a constant
  };
  std::vector<Lost> TakeLost() { return std::exchange(lost_, {}); }
  const std::vector<std::unique_ptr<TailedFile>>& all() const { return files_; }
  const LogListing& listing() const { return listing_; }
  bool WasListed(const std::string& directory) const;
  // The file that took the name which `file` had before rotation.
  const TailedFile* SuccessorOf(const TailedFile& file) const;
  size_t open_count() const;
  const WatchDirectories& watch() const { return watch_; }
  std::chrono::milliseconds listed_at() const { return listed_at_; }  // Clock::SinceBoot

 private:
  bool TakeHints();
  void List();
  void ReadDirectories();
  void Merge(const ListedLog& found, int order);
  void MissFromListing(TailedFile& file);
  std::vector<LogPattern> patterns_;
  bool follow_;
  const Clock* clock_;
  WatchDirectories watch_;
  LogListing listing_;
  std::vector<std::unique_ptr<TailedFile>> files_;
  std::map<std::pair<uint64_t, uint64_t>, TailedFile*> by_inode_;
  std::map<std::string, TailedFile*> by_path_;
  std::vector<std::unique_ptr<TailedFile>> gone_;
  std::vector<Lost> lost_;
  std::chrono::milliseconds listed_at_{};
};
