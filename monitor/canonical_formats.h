#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "monitor/config.h"
#include "monitor/names.h"
#include "monitor/time.h"

// The configured canonical files by the id of their format. Owned by the ledger, its thread only.
class CanonicalFormats {
 public:
  CanonicalFormats(const Config& config, Names& names) : config_(config), names_(names) {}

  // Null: nothing is configured for that format.
  const CanonicalFilesConfig* Of(int64_t format);
  // Those that hold the same events (`same_events`).
  const std::vector<int64_t>& SameEvents(int64_t format);
  // After a rollback: an id may become another name's.
  void Forget() {
    known_.clear();
    same_.clear();
  }
  const std::vector<CanonicalFilesConfig>& all() const { return config_.canonical_files; }

 private:
  const Config& config_;
  Names& names_;
  std::unordered_map<int64_t, const CanonicalFilesConfig*> known_;
  std::unordered_map<int64_t, std::vector<int64_t>> same_;
};

// Whether a day of that format is not past its retention at `now`.
bool IsKept(const CanonicalFilesConfig& files, int32_t day, Time now);
