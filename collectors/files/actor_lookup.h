#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "collectors/files/exec_cache.h"
#include "monitor/file_sighting.h"
#include "monitor/unique_fd.h"

// Who is behind an event, asked at once since it may be about to end: of a process that is held by
// a pidfd, what /proc says of it (and PIDFD_GET_INFO, where it had just ended); else its executable
// from when it was executed; else its number alone. Collector thread only.
class ActorLookup {
 public:
  // `executions` outlives this.
  explicit ActorLookup(ExecCache* executions);
  // `pid` 0: the kernel did not tell. `process`: its pidfd, or none: it had ended.
  Actor Find(int32_t pid, const UniqueFd& process);

 private:
  std::string UnitOf(uint64_t cgroup) const;

  ExecCache* executions_;
  UniqueFd cgroups_;  // where cgroup2 is mounted
  std::string cgroups_path_;
};

// Of the text of /proc/PID/cgroup: the last component of the path that is a service or a scope of
// systemd, else the path; empty: the root.
std::string UnitIn(std::string_view cgroups);
// A process by its number, for kernels that do not hand out pidfds with events.
UniqueFd HoldProcess(int32_t pid);
