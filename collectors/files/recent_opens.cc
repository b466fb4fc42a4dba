#include "collectors/files/recent_opens.h"

#include <algorithm>

namespace {

constexpr size_t kMaxHandles = 4;

std::string KeyOf(int32_t pid, std::string_view path) {
  return std::to_string(pid).append(path);  // a path begins with a slash
}

}  // namespace

void RecentOpens::Opened(int32_t pid, std::string_view path, std::string_view handle) {
  std::string key = KeyOf(pid, path);
  if (const auto known = by_key_.find(key); known != by_key_.end()) {
    entries_.splice(entries_.begin(), entries_, known->second);
  } else {
    if (entries_.size() >= capacity_) {
      by_key_.erase(entries_.back().key);
      entries_.pop_back();
    }
    entries_.push_front({std::move(key), {}});
    by_key_[entries_.front().key] = entries_.begin();
  }
  auto& handles = entries_.front().handles;
  if (std::find(handles.begin(), handles.end(), handle) != handles.end()) return;
  if (handles.size() == kMaxHandles) handles.erase(handles.begin());
  handles.emplace_back(handle);
}

bool RecentOpens::OpenedOther(int32_t pid, std::string_view path, std::string_view now) const {
  const auto known = by_key_.find(KeyOf(pid, path));
  if (known == by_key_.end()) return false;
  const auto& handles = known->second->handles;
  return std::any_of(handles.begin(), handles.end(),
                     [&](const std::string& handle) { return handle != now; });
}
