#include "collectors/files/exec_cache.h"

#include <fcntl.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <string_view>

#include "collectors/files/mount_table.h"

namespace {

// The loader of a program is opened for execution right after it; that is not what runs.
bool IsLoader(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.starts_with("ld-") || name.starts_with("ld.so") || name.starts_with("ld64.so");
}

std::string PathOf(int fd) {
  std::array<char, PATH_MAX> path;
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = readlink(link.c_str(), path.data(), path.size());
  std::string_view text(path.data(), static_cast<size_t>(std::max<ssize_t>(size, 0)));
  constexpr std::string_view kDeleted = " (deleted)";
  if (text.ends_with(kDeleted)) text.remove_suffix(kDeleted.size());
  return std::string(text);
}

}  // namespace

bool MayHoldPrograms(const std::string& type) {
  constexpr std::array<std::string_view, 24> kNever = {
      "9p",   "afs",      "autofs",  "binfmt_misc", "bpf",        "ceph",   "cgroup", "cgroup2",
      "cifs", "configfs", "debugfs", "devpts",      "fusectl",    "mqueue", "nfs",    "nfs4",
      "nsfs", "proc",     "pstore",  "rpc_pipefs",  "securityfs", "smb3",   "sysfs",  "tracefs"};
  return !type.starts_with("fuse") && std::find(kNever.begin(), kNever.end(), type) == kNever.end();
}

bool ExecCache::Open() {
  auto group = FanotifyGroup::Open(FanotifyGroup::Kind::kExecutables, true);
  if (!group) return false;
  group_ = std::move(*group);
  for (const Mount& mount : MountTable().Read()) {
    if (MayHoldPrograms(mount.type)) Watch(mount.point);
  }
  return true;
}

int ExecCache::Watch(const std::string& mount_point) const {
  if (!group_) return EPERM;
  const UniqueFd directory(open(mount_point.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return errno;
  return group_->Mark(FanotifyGroup::Scope::kFilesystem, FAN_OPEN_EXEC, directory.get());
}

void ExecCache::Drain() {
  FanotifyEvent event;
  while (group_ && group_->Read()) {
    while (group_->Next(event)) {
      overflows_ += (event.mask & FAN_Q_OVERFLOW) != 0;
      if (!event.file) continue;
      std::string path = PathOf(event.file.get());
      if (!IsLoader(path)) Put(event.pid, std::move(path));
    }
  }
}

void ExecCache::Put(int32_t pid, std::string executable) {
  if (const auto known = by_pid_.find(pid); known != by_pid_.end()) {
    entries_.erase(known->second);
  } else if (entries_.size() >= capacity_) {
    by_pid_.erase(entries_.back().pid);
    entries_.pop_back();
  }
  entries_.push_front({pid, std::move(executable)});
  by_pid_[pid] = entries_.begin();
}

std::optional<std::string> ExecCache::ExecutableOf(int32_t pid) {
  const auto known = by_pid_.find(pid);
  if (known == by_pid_.end()) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, known->second);
  return known->second->executable;
}
