#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "collectors/compaction_log.h"
#include "dashboards/rollcall_metrics.h"
#include "monitor/app/source_watch.h"
#include "monitor/app/status_reader.h"
#include "monitor/config.h"
#include "monitor/ledger.h"
#include "monitor/queue.h"
#include "rules/engine.h"

// What /metrics says while the ledger cannot be written, which it cannot hold itself.
void AddLedgerTrouble(RollcallStatus& status, const std::string& server);

// One life of `watch` under one configuration: a collector thread (poll(2) over inotify, a timer
// and a stop event) fills batches, a bounded queue hands them over, a ledger thread commits them
// and lets time pass. A reload ends one session and begins the next.
//
// Lines are read at once and committed in groups: the first after a pause alone, those that follow
// it within kCommitInterval together, since a commit costs ten times as much as a line.
//
// When the ledger cannot be written (a full disk, a directory that is gone) the batch is kept and
// tried again every second; the queue fills, reading stops, and the log files are the buffer.
class Session {
 public:
  // Opens the ledger and all sources; nothing runs when that fails.
  static Result<std::unique_ptr<Session>> Start(Config config, const Clock& clock);
  // Stops source to sink: what was read is committed unless the ledger cannot be written.
  ~Session();

  // What /metrics says, as of now. Any thread; it costs what is open in the ledger.
  RollcallStatus status() const;
  // Empty: facts are being committed. Else why not. Any thread.
  std::string trouble() const;
  // Whether everything that was in the logs at the start is in the ledger. Any thread.
  bool caught_up() const { return read_through_ >= 0 && committed_ >= read_through_; }
  const Config& config() const { return config_; }

 private:
  // Which file is written, to notice that its path names another one.
  struct LedgerFile {
    std::string id;
    uint64_t device = 0, inode = 0;
  };

  Session(Config config, const Clock& clock);
  Result<void> Open();

  void Collect();
  void FillAll();
  bool MayHandOver() const;
  bool HandOver();
  void WaitForWork();
  void NoteSources();

  void Keep();
  bool CommitPatiently(const Batch& batch);
  Result<void> CommitOnce(const Batch& batch);
  Result<void> MakeWritable();
  Result<void> OpenLedger();
  Result<void> Tick();
  void TakeInbox();
  Result<void> ReportSources();
  void Note(const Result<void>& done);

  RollcallStatus LedgerStatus() const;
  void AddSources(RollcallStatus& status) const;

  const Config config_;
  const Clock& clock_;
  const RuleEngine rules_;
  std::unique_ptr<Ledger> ledger_;                       // ledger thread once running
  LedgerFile file_;                                      // ledger thread once running
  Time operator_db_read_{};                              // ledger thread
  std::string inbox_trouble_;                            // ledger thread
  std::vector<std::unique_ptr<CompactionLog>> sources_;  // collector thread once running
  uint32_t next_log_id_ = 1;
  Queue<Batch> queue_{4};
  std::vector<bool> due_;                  // sources that may have something; collector thread
  Batch batch_;                            // read, not yet handed over; collector thread
  int64_t batch_bytes_ = 0;                // of log in it; collector thread
  std::chrono::milliseconds handed_at_{};  // since boot; collector thread
  int64_t handed_ = 0;                     // batches; collector thread
  int stop_event_ = -1;
  int timer_ = -1;
  std::atomic<bool> stopping_{false};
  std::atomic<int64_t> committed_{0};      // batches
  std::atomic<int64_t> read_through_{-1};  // batches handed when all logs had first been read
  std::atomic<int64_t> ledger_changes_{1};

  mutable std::mutex mutex_;  // guards what follows
  std::string trouble_;
  std::vector<SourceWatch> watches_;  // of each source
  Time collector_beat_{}, ledger_beat_{};

  mutable std::mutex reader_mutex_;  // guards what follows
  std::unique_ptr<StatusReader> reader_;
  mutable RollcallStatus read_status_;
  mutable int64_t read_changes_ = 0;  // ledger_changes_ when it was read

  std::thread keeper_;
  std::thread collector_;
};
