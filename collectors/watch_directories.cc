#include "collectors/watch_directories.h"

#include <linux/magic.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

namespace {

constexpr uint32_t kNames = IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ATTRIB;
constexpr uint32_t kGone = IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT;
constexpr uint32_t kBytes = IN_MODIFY | IN_CLOSE_WRITE;
constexpr size_t kMaxLetGo = 64;

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == path.npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool IsRemote(const std::string& directory) {
  constexpr std::array<int64_t, 9> kRemote = {NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC,  CIFS_SUPER_MAGIC,
                                              SMB2_SUPER_MAGIC, FUSE_SUPER_MAGIC, V9FS_MAGIC,
                                              CEPH_SUPER_MAGIC, AFS_SUPER_MAGIC,  CODA_SUPER_MAGIC};
  struct statfs status;
  if (statfs(directory.c_str(), &status) != 0) return true;  // nobody knows
  return std::find(kRemote.begin(), kRemote.end(), status.f_type) != kRemote.end();
}

}  // namespace

bool WatchDirectories::Watch(const std::vector<std::string>& directories) {
  if (!fd_) fd_ = UniqueFd(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  problem_ = fd_ ? "" : "no inotify instance left (fs.inotify.max_user_instances)";
  if (!fd_) return false;
  remote_ = false;
  std::map<int, std::set<std::string>> paths;
  std::set<std::string> watched;
  for (std::string path : directories) {
    for (;;) {
      const int id = inotify_add_watch(
          fd_.get(), path.c_str(), kNames | kBytes | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
      if (id >= 0) {
        remote_ |= IsRemote(path);
        paths[id].insert(path);
        watched.insert(path);
        break;
      }
      if (errno == ENOSPC || errno == ENOMEM) {
        problem_ = "no inotify watch left (fs.inotify.max_user_watches)";
        break;
      }
      if (path == "/" || path == ".") break;
      path = ParentOf(path);
    }
  }
  for (const auto& [id, names] : paths_) {
    if (!paths.contains(id)) inotify_rm_watch(fd_.get(), id);
  }
  bool more = false;
  for (const auto& [id, names] : paths) more |= !paths_.contains(id);
  more |= !std::includes(watched_.begin(), watched_.end(), watched.begin(), watched.end());
  paths_ = std::move(paths);
  watched_ = std::move(watched);
  return more;
}

bool WatchDirectories::LetGo(int fd, const std::string& path) {
  if (!fd_) return false;
  // Each keeps a watch while the file exists somewhere; of a deleted one it ends by itself.
  if (let_go_.size() >= kMaxLetGo) {
    inotify_rm_watch(fd_.get(), let_go_.begin()->first);
    let_go_.erase(let_go_.begin());
  }
  const std::string open_file = "/proc/self/fd/" + std::to_string(fd);
  const int id = inotify_add_watch(fd_.get(), open_file.c_str(), IN_MODIFY);
  if (id >= 0) let_go_[id] = path;
  return id >= 0;
}

WatchDirectories::Hints WatchDirectories::Drain() {
  Hints hints;
  alignas(inotify_event) std::array<char, 16 * 1024> buffer;
  constexpr ssize_t kRoomForOne = sizeof(inotify_event) + NAME_MAX + 1;
  for (bool more = true; more;) {
    const ssize_t got = read(fd_.get(), buffer.data(), buffer.size());
    if (got <= 0) break;
    more = got + kRoomForOne > static_cast<ssize_t>(buffer.size());
    for (ssize_t at = 0; at < got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      hints.overflowed |= (event->mask & IN_Q_OVERFLOW) != 0;
      if (const auto file = let_go_.find(event->wd); file != let_go_.end()) {
        if (event->mask & IN_MODIFY) {
          hints.let_go.push_back(file->second);
          inotify_rm_watch(fd_.get(), event->wd);
        }
        let_go_.erase(file);
        continue;
      }
      const auto directory = paths_.find(event->wd);
      if (directory == paths_.end()) continue;
      for (const std::string& name : directory->second) {
        Take(event->mask, event->cookie, event->len > 0 ? name + "/" + event->name : name, hints);
      }
      if (event->mask & IN_IGNORED) paths_.erase(directory);
    }
  }
  hints.list_again |= hints.overflowed;
  hints.came_went = brief_.TakeLost();
  return hints;
}

void WatchDirectories::Take(uint32_t mask, uint32_t cookie, const std::string& path, Hints& hints) {
  if (mask & kGone) hints.list_again = true;
  if (mask & IN_MODIFY) brief_.Written(path);
  if ((mask & kBytes) && (hints.modified.empty() || hints.modified.back() != path)) {
    hints.modified.push_back(path);
  }
  if (!(mask & kNames) || !concerns_(path)) return;
  hints.list_again = true;
  if (mask & IN_ISDIR) return;
  if (mask & IN_CREATE) brief_.Created(path);
  if (mask & IN_MOVED_FROM) brief_.MovedFrom(cookie, path);
  if (mask & IN_MOVED_TO) brief_.MovedTo(cookie, path);
  if (mask & IN_DELETE) brief_.Deleted(path);
}
