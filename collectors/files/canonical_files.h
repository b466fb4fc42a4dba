#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collectors/files/file_events.h"
#include "collectors/files/file_look.h"
#include "collectors/files/file_scan.h"
#include "collectors/files/keeper.h"
#include "monitor/batch.h"
#include "monitor/config.h"

// How well canonical files are being watched.
struct FilesStatus {
  WatchLevel level = WatchLevel::kScanOnly;
  bool wide = false;               // reads are watched on whole file systems
  std::string sees, cannot_see;    // at this level, in a sentence each
  std::vector<std::string> notes;  // what is less than that
  // Why reads or changes go unseen now, a constant, and where first; empty: none do.
  std::string blind_reason, blind_path;
  struct Format {
    std::string format;
    std::string problem;  // why its files cannot be seen; empty: they can
    ScanProgress progress;
  };
  std::vector<Format> formats;  // as configured
  int64_t events = 0, overflows = 0;
  int64_t own_events = 0;  // caused by this process, left out
  int64_t excepted_reads = 0;
  int64_t looks = 0;                 // at what an event told of
  std::optional<KeeperStatus> kept;  // none: nothing is to be kept
};

// The collector of canonical files: what a scan finds, and at once what events tell of, with who
// was behind it. An event only says where to look. Collector thread only.
class CanonicalFiles {
 public:
  // Marks what is to be watched. Unless `keep_sys_admin`, the calling thread, and those it starts
  // from then on, have no CAP_SYS_ADMIN afterwards: to be called before there are others. Whoever
  // opens again in a process that dropped it gets the level `unprivileged`. `source`: what blind
  // intervals are of; that of reads, where a format is dead, is the next (FileSources()).
  static Result<std::unique_ptr<CanonicalFiles>> Open(
      int16_t source, const std::vector<CanonicalFilesConfig>& files, bool keep_sys_admin,
      const std::vector<KnownDirectory>& known, const Clock& clock,
      const EventOptions& options = {}, ScanRates rates = {});
  // Keeps each generation that is seen from now on, as configured; nothing: none any more.
  void Preserve(const std::optional<PreserveConfig>& preserve);

  // Whether it watches just that, and may be kept where the configuration is read again: whoever
  // opens anew may have given up the privilege to. All directories are looked at once more.
  bool Continue(int16_t source, const std::vector<CanonicalFilesConfig>& files);

  // Appends what was seen, having looked at some `budget` files. False: that was all for now.
  bool Fill(Batch& batch, int budget);
  // To be polled for POLLIN.
  std::vector<int> wake_fds() const { return {events_.wake_fd()}; }
  // Once a second. `kept_files`: copies of generations that there are.
  void Tick(int64_t kept_files = 0);
  FilesStatus status() const;

 private:
  struct Blind {
    std::string reason, path;
    bool operator==(const Blind&) const = default;
  };

  CanonicalFiles(int16_t source, const std::vector<CanonicalFilesConfig>& files,
                 std::vector<FilePattern> patterns, const std::vector<KnownDirectory>& known,
                 const Clock& clock, const EventOptions& options, ScanRates rates);
  void Take(const FileHints& hints, size_t scanned_from, Batch& batch);
  void TakePath(const PathHint& hint, size_t scanned_from, Batch& batch);
  void TakeRead(const DeadRead& read, Batch& batch) const;
  void TakeMisplaced(const MisplacedHint& hint, Batch& batch) const;
  void NameWaiting(size_t from, Batch& batch);
  void KeepSeen(size_t from, Batch& batch);
  FileSighting* Scanned(const PathHint& hint, const FileStatus& status, size_t from, Batch& batch);
  int32_t Add(const Actor& actor, Batch& batch) const;
  FileLook* LookOf(int16_t files);
  Blind BlindNow() const;
  void ReportBlind(Batch& batch);
  void AddBlind(const Blind& blind, Time from, Time to, Batch& batch) const;

  int16_t source_;
  const std::vector<CanonicalFilesConfig> files_;
  const std::vector<FilePattern> patterns_;
  const Clock& clock_;
  FileEvents events_;
  FileScan scan_;
  std::optional<PreserveConfig> preserve_;
  std::optional<Keeper> keeper_;
  FileHints ticked_;                   // what Tick() found
  std::map<int16_t, FileLook> looks_;  // open during Fill() only
  Time complete_until_;                // no event was lost before
  Blind blind_now_;                    // as of the last tick
  Blind blind_;                        // as it was told
  Time blind_since_{};
  std::chrono::milliseconds looked_again_{};  // since boot
  int64_t looked_ = 0;
};
