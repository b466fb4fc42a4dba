#include "collectors/brief_files.h"

#include <utility>

void BriefFiles::Written(const std::string& path) {
  const auto found = unlisted_.find(path);
  if (found != unlisted_.end()) found->second = true;
}

void BriefFiles::MovedFrom(uint32_t cookie, const std::string& path) {
  Renamed& renamed = renamed_[cookie];
  renamed.path = path;
  const auto found = unlisted_.find(path);
  if (found == unlisted_.end()) return;
  renamed.unlisted = true;
  renamed.written = found->second;
  unlisted_.erase(found);
}

void BriefFiles::MovedTo(uint32_t cookie, const std::string& path) {
  Deleted(path);  // what had that name
  const auto renamed = renamed_.find(cookie);
  if (renamed == renamed_.end()) {
    unlisted_[path] = true;
    return;
  }
  if (renamed->second.unlisted) unlisted_[path] = renamed->second.written;
  renamed_.erase(renamed);
}

void BriefFiles::Deleted(const std::string& path) {
  const auto found = unlisted_.find(path);
  if (found == unlisted_.end()) return;
  const bool packed = unlisted_.contains(path + ".gz") || unlisted_.contains(path + ".zst");
  if (found->second && !packed) lost_.push_back(path);
  unlisted_.erase(found);
}

void BriefFiles::Listed(const std::string& path) {
  if (!unlisted_.empty()) unlisted_.erase(path);
}

std::vector<std::string> BriefFiles::TakeLost() {
  for (auto renamed = renamed_.begin(); renamed != renamed_.end();) {
    const bool gone = std::exchange(renamed->second.late, true);
    if (gone && renamed->second.written) lost_.push_back(renamed->second.path);
    renamed = gone ? renamed_.erase(renamed) : std::next(renamed);
  }
  return std::exchange(lost_, {});
}
