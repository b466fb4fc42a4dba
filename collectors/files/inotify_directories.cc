#include "collectors/files/inotify_directories.h"

#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "collectors/files/mount_table.h"

static_assert(FAN_ACCESS == IN_ACCESS && FAN_MODIFY == IN_MODIFY && FAN_OPEN == IN_OPEN &&
              FAN_CLOSE_WRITE == IN_CLOSE_WRITE && FAN_CLOSE_NOWRITE == IN_CLOSE_NOWRITE &&
              FAN_MOVED_FROM == IN_MOVED_FROM && FAN_MOVED_TO == IN_MOVED_TO &&
              FAN_CREATE == IN_CREATE && FAN_DELETE == IN_DELETE && FAN_ONDIR == IN_ISDIR &&
              FAN_Q_OVERFLOW == IN_Q_OVERFLOW);

int InotifyDirectories::Watch(int directory, const std::string& path, uint64_t mask) {
  constexpr uint64_t kKnown = IN_ALL_EVENTS;
  if (!fd_) {
    fd_ = UniqueFd(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!fd_) return errno;
    buffer_.resize(64 * 1024);
  }
  // By the descriptor, so that it is the directory that was opened.
  const std::string opened = "/proc/self/fd/" + std::to_string(directory);
  const auto events = static_cast<uint32_t>(mask & kKnown) | IN_ONLYDIR | IN_MASK_ADD;
  const int id = inotify_add_watch(fd_.get(), opened.c_str(), events);
  if (id < 0) return errno;
  paths_[id] = path;
  return 0;
}

bool InotifyDirectories::Read() {
  at_ = end_ = 0;
  if (!fd_) return false;
  const ssize_t got = read(fd_.get(), buffer_.data(), buffer_.size());
  if (got <= 0) return false;
  end_ = static_cast<size_t>(got);
  return true;
}

bool InotifyDirectories::Next(InotifyEvent& event) {
  inotify_event head;
  while (at_ + sizeof head <= end_) {
    std::memcpy(&head, buffer_.data() + at_, sizeof head);
    const char* const name = buffer_.data() + at_ + sizeof head;
    at_ += sizeof head + head.len;
    event = {head.mask, head.cookie, {}, {}};
    if (head.mask & IN_Q_OVERFLOW) return true;
    const auto found = paths_.find(head.wd);
    if (found == paths_.end()) continue;
    directory_ = found->second;
    if (head.mask & IN_IGNORED) {
      paths_.erase(found);
      continue;
    }
    name_.assign(name, strnlen(name, head.len));
    event.directory = directory_;
    event.name = name_;
    if (!name_.empty()) return true;  // else about the directory, which its parent tells too
  }
  return false;
}

void InotifyDirectories::Forget(const std::string& path) {
  for (auto watch = paths_.begin(); watch != paths_.end();) {
    if (IsAtOrBelow(watch->second, path)) {
      inotify_rm_watch(fd_.get(), watch->first);
      watch = paths_.erase(watch);
    } else {
      ++watch;
    }
  }
}
