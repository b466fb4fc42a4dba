#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "collectors/compaction_log.h"
#include "collectors/files/canonical_files.h"
#include "monitor/app/ledger_loop.h"
#include "monitor/app/source_watches.h"
#include "monitor/batch.h"
#include "monitor/config.h"
#include "monitor/error.h"
#include "monitor/ledger.h"
#include "monitor/queue.h"
#include "monitor/time.h"
#include "monitor/unique_fd.h"

// The collector thread of a session: poll(2) over what wakes the collectors, a timer and a stop
// event; what they read fills batches, which go into the queue. Logs come first, canonical files
// after them and some at a time.
//
// Lines are read at once and committed in groups: the first after a pause alone, those that follow
// it within kCommitInterval together, since a commit costs ten times as much as a line.
class CollectorLoop {
 public:
  // All of them outlive the loop. `stop_event`: readable once Stop() was said.
  CollectorLoop(const Config& config, const Clock& clock, Queue<Batch>& queue,
                SourceWatches& watches, LedgerLoop& ledger, int stop_event);

  // Opens all sources where `ledger` says that they were left. Nothing is read yet. `files`: of the
  // session before, kept where it watches the same; may be null.
  [[nodiscard]] Result<void> Open(Ledger& ledger, const LagBounds& bounds,
                                  std::unique_ptr<CanonicalFiles>& files);
  // Until Stop(). Collector thread.
  void Run();

  // After Run() has returned; see Open().
  std::unique_ptr<CanonicalFiles> TakeFiles() { return std::move(files_); }

  // Any thread, from here on.
  void Stop() { stopping_ = true; }
  // Batches handed over when all logs had first been read through; -1: not yet.
  int64_t read_through() const { return read_through_; }
  Time beat() const { return beat_; }  // when work was last finished
  // Nothing: no canonical files are configured.
  std::optional<FilesStatus> files() const;

 private:
  Result<void> OpenFiles(Ledger& ledger, std::unique_ptr<CanonicalFiles>& files);
  void AddDowntime(Time until);
  void FillAll();
  bool FillFiles();
  bool MayHandOver() const;
  bool HandOver();
  void WaitForWork();
  void NoteSources();
  void NoteFiles();
  void Preserve();
  void NoteKept(const std::optional<KeeperStatus>& kept);

  const Config& config_;
  const Clock& clock_;
  Queue<Batch>& queue_;
  SourceWatches& watches_;
  LedgerLoop& ledger_;
  const int stop_event_;
  const UniqueFd timer_;
  std::vector<std::unique_ptr<CompactionLog>> logs_;
  uint32_t next_log_id_ = 1;
  std::vector<bool> due_;                  // logs that may have something
  std::unique_ptr<CanonicalFiles> files_;  // null: none are configured
  bool files_due_ = false;
  std::string kept_problem_;               // as it was told
  Batch batch_;                            // read, not yet handed over
  int64_t batch_bytes_ = 0;                // of log in it
  std::chrono::milliseconds handed_at_{};  // since boot
  int64_t handed_ = 0;                     // batches
  std::atomic<bool> stopping_{false};
  std::atomic<int64_t> read_through_{-1};
  std::atomic<Time> beat_{Time{}};

  mutable std::mutex mutex_;
  std::optional<FilesStatus> files_status_;  // guarded by mutex_
};
