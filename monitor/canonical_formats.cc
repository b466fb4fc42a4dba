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
