#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "monitor/app/file_counting.h"
#include "monitor/app/file_keeping.h"
#include "monitor/app/source_watches.h"
#include "monitor/batch.h"
#include "monitor/config.h"
#include "monitor/error.h"
#include "monitor/ledger.h"
#include "monitor/queue.h"
#include "monitor/time.h"
#include "rules/engine.h"

// The ledger thread of a session: commits what the queue brings, takes the operator's words, tells
// the rules of sources, and lets time pass.
//
// When the ledger cannot be written (a full disk, a directory that is gone) the batch is kept and
// tried again every second; the queue fills, reading stops, and the log files are the buffer.
class LedgerLoop {
 public:
  // All of them outlive the loop. `stop_event`: readable once it is to give up a ledger that cannot
  // be written.
  LedgerLoop(const Config& config, const RuleEngine& rules, const Clock& clock, Queue<Batch>& queue,
             SourceWatches& watches, int stop_event);

  // Opens the ledger; afterwards, until Run(), it may be asked what is known.
  [[nodiscard]] Result<void> Open();
  Ledger& ledger() { return *ledger_; }
  // Until the queue has ended. Ledger thread.
  void Run();

  // Any thread, from here on.
  int64_t committed() const { return committed_; }  // batches
  // Rises when something may have changed in the ledger.
  int64_t changes() const { return changes_; }
  // Rises when the ledger's file was opened anew.
  int64_t openings() const { return openings_; }
  // Empty: facts are being committed. Else why not.
  std::string trouble() const;
  Time beat() const { return beat_; }                 // when work was last finished
  int64_t kept_files() const { return kept_files_; }  // copies of generations, as of the last tick
  // Whether all that was in the logs when they were last looked at is in the queue or beyond.
  void set_logs_read(bool read) { logs_read_ = read; }

 private:
  // Which file is written, to notice that its path names another one.
  struct LedgerFile {
    std::string id;
    uint64_t device = 0, inode = 0;
  };

  bool stopping() const;
  bool CommitPatiently(const Batch& batch);
  Result<void> CommitOnce(const Batch& batch);
  Result<void> MakeWritable();
  Result<void> OpenLedger();
  Result<void> Tick();
  void TakeInbox();
  Result<void> ReportSources();
  Result<void> CountFiles();
  Result<void> KeepFiles();
  void Note(const Result<void>& done);

  const Config& config_;
  const RuleEngine& rules_;
  const Clock& clock_;
  Queue<Batch>& queue_;
  SourceWatches& watches_;
  const int stop_event_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<FileCounting> counting_;  // null: nothing is to be counted
  std::unique_ptr<FileKeeping> keeping_;    // null: nothing is preserved
  LedgerFile file_;
  Time operator_db_read_{};
  std::string inbox_trouble_;
  std::atomic<int64_t> committed_{0};
  std::atomic<int64_t> changes_{1};
  std::atomic<int64_t> openings_{0};
  std::atomic<Time> beat_{Time{}};
  std::atomic<bool> logs_read_{false};
  std::atomic<int64_t> kept_files_{0};

  mutable std::mutex mutex_;
  std::string trouble_;  // guarded by mutex_
};
