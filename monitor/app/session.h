#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "collectors/compaction_log.h"
#include "dashboards/rollcall_metrics.h"
#include "monitor/app/status_reader.h"
#include "monitor/config.h"
#include "monitor/ledger.h"
#include "monitor/queue.h"
#include "rules/engine.h"

// One life of `watch` under one configuration: a collector thread (poll(2) over inotify, a timer
// and a stop event) fills batches, a bounded queue hands them over, a ledger thread commits them
// and lets time pass. A reload ends one session and begins the next.
//
// When the ledger cannot be written (a full disk) the batch is kept and tried again every second;
// the queue fills, reading stops, and the log files are the buffer.
class Session {
 public:
  // Opens the ledger and all sources; nothing runs when that fails.
  static Result<std::unique_ptr<Session>> Start(Config config, const Clock& clock);
  // Stops source to sink: what was read is committed unless the ledger cannot be written.
  ~Session();

  // A copy of the newest snapshot. Any thread.
  RollcallStatus status() const;
  // Empty: facts are being committed. Else why not. Any thread.
  std::string trouble() const;
  const Config& config() const { return config_; }

 private:
  Session(Config config, const Clock& clock);
  Result<void> Open();

  void Collect();
  bool FillAll();
  void WaitForWork();
  void NoteSources();

  void Keep();
  bool CommitPatiently(const Batch& batch);
  Result<void> CommitOnce(const Batch& batch);
  Result<void> ReopenLedger();
  void Tick();
  void ReportSources();
  void Publish();

  const Config config_;
  const Clock& clock_;
  const RuleEngine rules_;
  std::unique_ptr<Ledger> ledger_;                       // ledger thread once running
  std::unique_ptr<StatusReader> reader_;                 // ledger thread
  std::vector<std::unique_ptr<CompactionLog>> sources_;  // collector thread once running
  uint32_t next_log_id_ = 1;
  Queue<Batch> queue_{4};
  int stop_event_ = -1;
  int timer_ = -1;
  std::atomic<bool> stopping_{false};
  Time operator_db_read_{};

  mutable std::mutex mutex_;  // guards what follows
  RollcallStatus status_;
  std::string trouble_;
  struct SourceState {
    std::string problem;  // empty: watched
    Time since{};
    Time updated{};
    bool changed = false;
    int64_t lag_bytes = 0;
    std::map<std::string, double> blind_seconds;
  };
  std::vector<SourceState> states_;
  Time started_{};

  std::thread keeper_;
  std::thread collector_;
};
