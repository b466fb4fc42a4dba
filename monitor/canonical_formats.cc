#include "monitor/canonical_formats.h"

#include <algorithm>
#include <string>

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

const std::vector<int64_t>& CanonicalFormats::SameEvents(int64_t format) {
  static const std::vector<int64_t> kNone;
  if (config_.same_events.empty()) return kNone;
  const auto [entry, fresh] = same_.try_emplace(format);
  if (!fresh) return entry->second;
  const std::string name = names_.Text(format);
  for (const std::vector<std::string>& group : config_.same_events) {
    if (std::find(group.begin(), group.end(), name) == group.end()) continue;
    for (const std::string& other : group) {
      if (other != name) entry->second.push_back(names_.Id(other));
    }
  }
  return entry->second;
}

bool IsKept(const CanonicalFilesConfig& files, int32_t day, Time now) {
  if (!files.retention || day == Day::kNone) return true;
  const auto past = std::chrono::floor<std::chrono::days>(now - *files.retention);
  return day > past.time_since_epoch().count();
}
