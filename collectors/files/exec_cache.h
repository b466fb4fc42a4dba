#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>

#include "collectors/files/fanotify_group.h"

// Which process executed what, so that one which ended before anybody asked still has a name: the
// executables that fanotify tells of, by process, the newest of a bounded number. Needs
// CAP_SYS_ADMIN; without it, it stays empty. Collector thread only.
class ExecCache {
 public:
  explicit ExecCache(size_t capacity = 16 * 1024) : capacity_(capacity) {}
  // Watches executions on every file system that may hold programs, from now on. False: it cannot.
  bool Open();
  // And on a file system mounted since. An errno, 0: done.
  int Watch(const std::string& mount_point) const;
  void Drain();
  std::optional<std::string> ExecutableOf(int32_t pid);

  void Put(int32_t pid, std::string executable);
  int fd() const { return group_ ? group_->fd() : -1; }
  int64_t overflows() const { return overflows_; }

 private:
  struct Entry {
    int32_t pid = 0;
    std::string executable;
  };
  const size_t capacity_;
  std::optional<FanotifyGroup> group_;
  std::list<Entry> entries_;  // the newest first
  std::unordered_map<int32_t, std::list<Entry>::iterator> by_pid_;
  int64_t overflows_ = 0;
};
// Whether programs may be executed from a file system of this type, and looking there cannot hang:
// not so from the kernel's own views, such as proc, nor from what other machines or processes
// serve.
bool MayHoldPrograms(const std::string& type);
