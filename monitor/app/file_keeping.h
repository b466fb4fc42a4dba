#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "monitor/batch.h"
#include "monitor/config.h"
#include "monitor/ledger.h"
#include "monitor/time.h"

// Removes copies of generations that are no longer to be kept, and sees one after the other whether
// the rest is there. First the copy goes, then a fact says so: what the ledger still calls kept, as
// after a crash or while it cannot be written, is found missing here. Ledger thread.
class FileKeeping {
 public:
  // Null where nothing is preserved. Both outlive it.
  static std::unique_ptr<FileKeeping> Start(const Config& config, const Clock& clock);

  // What became of copies since the last call, to be committed; once a second. `logs_read`: all
  // that was logged is known.
  std::optional<Batch> Tick(Ledger& ledger, bool logs_read);

 private:
  FileKeeping(const PreserveConfig& config, const Clock& clock);
  void WatchClock();
  void Release(Ledger& ledger, bool over, Batch& batch);
  void Verify(Ledger& ledger, Batch& batch);
  bool Remove(const std::string& copy);
  void Add(const CopyToCheck& copy, const std::string& reason, Batch& batch) const;

  const PreserveConfig& config_;
  const Clock& clock_;
  std::chrono::milliseconds release_at_{};  // since boot
  int64_t verified_ = 0;                    // id of the copy that was looked at last
  uint64_t device_ = 0;                     // of the directory, once it was seen
  Time now_;                                // both clocks at the last tick
  std::chrono::milliseconds since_boot_, clock_settled_at_{}, disk_settled_at_{};
  std::string trouble_;  // why a copy could not be removed, as it was told
};
