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

// The files of one source, by inode: which there are, which may have news. Knows nothing of what
// they hold. Owned by a Tail, collector thread only.

struct KnownLog;

struct TailedFile {
  ListedLog name;  // where it was last seen; .state: when it was last looked into
  LogInput input;  // kept open while there may be more to read, through renames and deletion
  KnownLog* log = nullptr;
  KnownLog* copy_of = nullptr;  // holds nothing that is not read from that log's own file
  bool listed = true;           // false: renamed out of sight or deleted
  bool pending = true;          // has to be looked into
  bool archive = false;
  bool at_end = false;                     // everything in it was read, but for `partial`
  bool succeeded = false;                  // another file has the name it had before rotation
  bool finishing = false;                  // its last line is taken as final
  bool finished = false;                   // nothing more is expected
  bool reported_blind = false;             // about its present state
  int order = 0;                           // of reading
  int64_t scanned = 0;                     // LineBlocks::scanned()
  int64_t partial = 0;                     // bytes after the last newline
  std::chrono::milliseconds changed_at{};  // Clock::SinceBoot
  std::optional<std::chrono::milliseconds> decide_at{};  // wait until then for more evidence
  bool waited = false;                                   // and it was
  Time seen_at{};  // last, with everything in it that had been read
};

class FollowedFiles {
 public:
  FollowedFiles(std::vector<LogPattern> patterns, bool follow, const Clock* clock);
  // Drains the hints and lists the directories when they say so or `must_list`. True when it
  // listed.
  bool Refresh(bool must_list);
  void List();
  TailedFile& AddPipe(int fd);
  // The oldest file with news; null: none.
  TailedFile* Pending();
  // Files that are gone and were neither open nor known to be read; each is handed out once.
  std::vector<std::unique_ptr<TailedFile>> TakeGone();
  const std::vector<std::unique_ptr<TailedFile>>& all() const { return files_; }
  const LogListing& listing() const { return listing_; }
  bool WasListed(const std::string& directory) const;
  // The file that took the name which `file` had before rotation.
  const TailedFile* SuccessorOf(const TailedFile& file) const;
  size_t open_count() const;
  const WatchDirectories& watch() const { return watch_; }

 private:
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
};
