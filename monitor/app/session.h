#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "dashboards/rollcall_metrics.h"
#include "monitor/app/collector_loop.h"
#include "monitor/app/ledger_loop.h"
#include "monitor/app/source_watches.h"
#include "monitor/app/status_reader.h"
#include "monitor/config.h"
#include "monitor/queue.h"
#include "monitor/unique_fd.h"
#include "rules/engine.h"

// What /metrics says of a ledger that cannot be written, which it cannot hold itself; once it can
// be, that is an explicit 0.
void TellLedgerTrouble(RollcallStatus& status, const std::string& server, bool trouble);

// One life of `watch` under one configuration: a collector thread fills batches, a bounded queue
// hands them over, a ledger thread commits them and lets time pass. A reload ends one session and
// begins the next.
class Session {
 public:
  // Opens the ledger and all sources; nothing runs when that fails.
  // `files`: what the session before it has left, may be null; taken where it is of use.
  static Result<std::unique_ptr<Session>> Start(Config config, const Clock& clock,
                                                std::unique_ptr<CanonicalFiles>& files);
  // Stops source to sink: what was read is committed unless the ledger cannot be written.
  ~Session();
  // Ends it and leaves what may outlive it.
  static std::unique_ptr<CanonicalFiles> End(std::unique_ptr<Session> session);

  // What /metrics says, as of now. Any thread; it costs what is open in the ledger.
  RollcallStatus status() const;
  // Empty: facts are being committed. Else why not. Any thread.
  std::string trouble() const { return ledger_.trouble(); }
  // Whether everything that was in the logs at the start is in the ledger. Any thread.
  bool caught_up() const;
  const Config& config() const { return config_; }

 private:
  Session(Config config, const Clock& clock);
  Result<void> Open(std::unique_ptr<CanonicalFiles>& files);
  void Stop();
  RollcallStatus LedgerStatus() const;
  Result<void> ReadStatus() const;

  const Config config_;
  const Clock& clock_;
  const RuleEngine rules_;
  const UniqueFd stop_event_;
  Queue<Batch> queue_{4};
  SourceWatches watches_;
  LedgerLoop ledger_;
  CollectorLoop collector_;

  mutable std::mutex reader_mutex_;  // guards what follows
  mutable std::unique_ptr<StatusReader> reader_;
  mutable int64_t read_openings_ = 0;  // LedgerLoop::openings() when it was opened
  mutable RollcallStatus read_status_;
  mutable int64_t read_changes_ = 0;  // LedgerLoop::changes() when it was read

  std::thread ledger_thread_, collector_thread_;
};
