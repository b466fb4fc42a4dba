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
// the rest is there. First the copy goes, then a fact says so: what the ledger calls kept after a
// crash and is not there is found missing here. Ledger thread.
class FileKeeping {
 public:
  // Null where nothing is preserved. Both outlive it.
  static std::unique_ptr<FileKeeping> Start(const Config& config, const Clock& clock);

  // What became of copies since the last call, to be committed; once a second.
  std::optional<Batch> Tick(Ledger& ledger);

 private:
  FileKeeping(const PreserveConfig& config, const Clock& clock);
  void Release(Ledger& ledger, Batch& batch);
  void Verify(Ledger& ledger, Batch& batch);
  bool Remove(const std::string& copy) const;
  void Add(const CopyToCheck& copy, const std::string& reason, Batch& batch) const;

  const PreserveConfig& config_;
  const Clock& clock_;
  std::chrono::milliseconds release_at_{};  // since boot
  int64_t verified_ = 0;                    // id of the copy that was looked at last
  uint64_t device_ = 0;                     // of the directory, once it was seen
};
