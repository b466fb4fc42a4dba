#include "collectors/files/actor_lookup.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <climits>
#include <cstring>

#include "collectors/files/mount_table.h"

namespace {

// struct pidfd_info and PIDFD_GET_INFO of linux/pidfd.h, since Linux 6.13; headers may be older. It
// also tells of a process that ended while it was held (6.15).
struct PidfdInfo {
  uint64_t mask = 0;
  uint64_t cgroup = 0;
  uint32_t pid = 0, tgid = 0, ppid = 0;
  uint32_t ruid = 0, rgid = 0, euid = 0, egid = 0, suid = 0, sgid = 0, fsuid = 0, fsgid = 0;
  int32_t exit_code = 0;
};
static_assert(sizeof(PidfdInfo) == 64);
constexpr uint64_t kCredentials = 1 << 1, kCgroup = 1 << 2, kExit = 1 << 3;
constexpr unsigned long kGetInfo = _IOWR(0xFF, 11, PidfdInfo);

// A handle of a cgroup2 directory: its type, FILEID_KERNFS, and its id.
constexpr int kKernfsHandle = 0xfe;

std::string ReadSmall(const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> text;
  const ssize_t size = file ? read(file.get(), text.data(), text.size()) : 0;
  return size > 0 ? std::string(text.data(), static_cast<size_t>(size)) : std::string();
}

std::string ReadLink(const std::string& path) {
  std::array<char, PATH_MAX> target;
  const ssize_t size = readlink(path.c_str(), target.data(), target.size());
  return size > 0 ? std::string(target.data(), static_cast<size_t>(size)) : std::string();
}

// "Uid:\t<real>\t<effective>…"
int64_t UserIn(std::string_view status) {
  constexpr std::string_view kKey = "\nUid:\t";
  const size_t at = status.find(kKey);
  int64_t user = -1;
  if (at == status.npos) return user;
  std::from_chars(status.data() + at + kKey.size(), status.data() + status.size(), user);
  return user;
}

Actor ReadProc(int32_t pid) {
  const std::string proc = "/proc/" + std::to_string(pid);
  constexpr std::string_view kDeleted = " (deleted)";
  Actor actor;
  actor.executable = ReadLink(proc + "/exe");  // first: it goes with the process's memory
  if (actor.executable.ends_with(kDeleted)) {
    actor.executable.resize(actor.executable.size() - kDeleted.size());
  }
  actor.process = ReadSmall(proc + "/comm");
  if (actor.process.ends_with('\n')) actor.process.pop_back();
  actor.unit = UnitIn(ReadSmall(proc + "/cgroup"));
  actor.user = UserIn(ReadSmall(proc + "/status"));
  return actor;
}

// Still the process that the pidfd was given for: its number was not given to another.
bool StillHeld(const UniqueFd& process) {
  return syscall(SYS_pidfd_send_signal, process.get(), 0, nullptr, 0) == 0 || errno == EPERM;
}

std::string_view LastComponent(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string UnitOfPath(std::string_view path) {
  for (std::string_view rest = path; !rest.empty();) {
    const std::string_view component = LastComponent(rest);
    if (component.ends_with(".service") || component.ends_with(".scope")) {
      return std::string(component);
    }
    const size_t slash = rest.rfind('/');
    rest = rest.substr(0, slash == rest.npos ? 0 : slash);
  }
  return path == "/" ? std::string() : std::string(path);
}

}  // namespace

// Each line is hierarchy:controllers:path. The unified hierarchy, 0, says most; where it is not
// used, systemd's own.
std::string UnitIn(std::string_view cgroups) {
  std::string_view best, any;
  while (!cgroups.empty()) {
    const std::string_view line = cgroups.substr(0, cgroups.find('\n'));
    cgroups.remove_prefix(std::min(cgroups.size(), line.size() + 1));
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos) continue;
    const std::string_view path = line.substr(second + 1);
    if (path == "/") continue;
    if (line.starts_with("0:")) return UnitOfPath(path);
    if (line.substr(first + 1, second - first - 1) == "name=systemd") best = path;
    if (any.empty()) any = path;
  }
  return UnitOfPath(best.empty() ? any : best);
}

UniqueFd HoldProcess(int32_t pid) {
  return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

ActorLookup::ActorLookup(ExecCache* executions) : executions_(executions) {
  for (const Mount& mount : MountTable().Read()) {
    if (mount.type == "cgroup2") cgroups_path_ = mount.point;
  }
  if (!cgroups_path_.empty()) {
    cgroups_ = UniqueFd(open(cgroups_path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
}

std::string ActorLookup::UnitOf(uint64_t cgroup) const {
  if (!cgroups_) return {};
  alignas(file_handle) std::array<char, sizeof(file_handle) + sizeof cgroup> room{};
  auto* const handle = reinterpret_cast<file_handle*>(room.data());
  handle->handle_bytes = sizeof cgroup;
  handle->handle_type = kKernfsHandle;
  std::memcpy(room.data() + sizeof(file_handle), &cgroup, sizeof cgroup);
  const UniqueFd directory(open_by_handle_at(cgroups_.get(), handle, O_PATH | O_CLOEXEC));
  if (!directory) return {};
  const std::string path = ReadLink("/proc/self/fd/" + std::to_string(directory.get()));
  return path.starts_with(cgroups_path_) ? UnitOfPath(path.substr(cgroups_path_.size())) : "";
}

Actor ActorLookup::Find(int32_t pid, const UniqueFd& process) {
  Actor actor;
  if (pid <= 0) return actor;
  if (process) {
    actor = ReadProc(pid);
    if (!StillHeld(process)) actor = {};
    PidfdInfo info;
    info.mask = kCredentials | kCgroup | kExit;
    if ((actor.user < 0 || actor.unit.empty()) && ioctl(process.get(), kGetInfo, &info) == 0) {
      if (actor.user < 0 && (info.mask & kCredentials)) actor.user = info.ruid;
      if (actor.unit.empty() && (info.mask & kCgroup)) actor.unit = UnitOf(info.cgroup);
    }
  }
  actor.pid = pid;
  actor.confidence = actor.process.empty() ? Confidence::kPid : Confidence::kHeld;
  if (!actor.executable.empty()) return actor;
  // It has ended, or its executable is not ours to see.
  if (auto executable = executions_->ExecutableOf(pid)) {
    actor.executable = std::move(*executable);
    actor.confidence = Confidence::kExecuted;
    constexpr size_t kCommand = 15;  // as the kernel cuts names
    if (actor.process.empty()) actor.process = LastComponent(actor.executable).substr(0, kCommand);
  }
  return actor;
}
