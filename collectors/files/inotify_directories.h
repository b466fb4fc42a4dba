#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "monitor/unique_fd.h"

// One event of a watched directory. The bits of inotify are those of fanotify (FAN_CREATE is
// IN_CREATE, FAN_ONDIR is IN_ISDIR, and so on). Views are valid until the next read.
struct InotifyEvent {
  uint64_t mask = 0;
  uint32_t cookie = 0;         // the same for both halves of a rename
  std::string_view directory;  // empty: events were lost
  std::string_view name;
};

// Directories watched by inotify, where fanotify does not work. Nobody is named. Collector thread
// only.
class InotifyDirectories {
 public:
  // Opens it where needed. An errno, 0: done.
  int Watch(int directory, const std::string& path, uint64_t mask);
  bool Read();
  bool Next(InotifyEvent& event);
  // What lies at or below a path has moved or is gone: no more events from there.
  void Forget(const std::string& path);
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  std::unordered_map<int, std::string> paths_;
  std::vector<char> buffer_;
  size_t at_ = 0, end_ = 0;
  std::string name_, directory_;
};
