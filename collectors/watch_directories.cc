#include "collectors/watch_directories.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace {

constexpr uint32_t kNames = IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ATTRIB;
constexpr uint32_t kGone = IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT | IN_Q_OVERFLOW;
constexpr uint32_t kBytes = IN_MODIFY | IN_CLOSE_WRITE;

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == path.npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

void WatchDirectories::Open() {
  fd_ = UniqueFd(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!fd_) problem_ = "no inotify instance left (fs.inotify.max_user_instances)";
}

bool WatchDirectories::Watch(const std::vector<std::string>& directories) {
  if (!fd_) return false;
  problem_ = {};
  std::map<int, std::set<std::string>> paths;
  std::set<std::string> watched;
  for (std::string path : directories) {
    for (;;) {
      const int id = inotify_add_watch(
          fd_.get(), path.c_str(), kNames | kBytes | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
      if (id >= 0) {
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

WatchDirectories::Hints WatchDirectories::Drain() {
  Hints hints;
  alignas(inotify_event) std::array<char, 16 * 1024> buffer;
  for (;;) {
    const ssize_t got = read(fd_.get(), buffer.data(), buffer.size());
    if (got <= 0) break;
    for (ssize_t at = 0; at < got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      if (event->mask & IN_IGNORED) paths_.erase(event->wd);
      if (event->mask & (kNames | kGone)) hints.list_again = true;
      if (!(event->mask & kBytes) || event->len == 0) continue;
      const auto found = paths_.find(event->wd);
      if (found == paths_.end()) continue;
      for (const std::string& path : found->second) {
        std::string file = path + "/" + event->name;
        if (hints.modified.empty() || hints.modified.back() != file) {
          hints.modified.push_back(std::move(file));
        }
      }
    }
  }
  return hints;
}
