#include "monitor/canonical_formats.h"

const CanonicalFilesConfig* CanonicalFormats::Of(int64_t format) {
  if (config_.canonical_files.empty()) return nullptr;
  const auto known = known_.find(format);
  if (known != known_.end()) return known->second;
  const CanonicalFilesConfig* found = nullptr;
  const std::string name = names_.Text(format);
  for (const CanonicalFilesConfig& files : config_.canonical_files) {
    if (files.format == name) found = &files;
  }
  return known_[format] = found;
}

int32_t FirstKeptDay(std::chrono::milliseconds retention, Time now) {
  const auto past = std::chrono::floor<std::chrono::days>(now - retention);
  return static_cast<int32_t>(past.time_since_epoch().count() + 1);
}
