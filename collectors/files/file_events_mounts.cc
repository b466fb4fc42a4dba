#include "collectors/files/file_events.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>

// Roots and mounts that come and go.

FileEvents::Root FileEvents::RootOf(const WatchedFormat& format) {
  Root root;
  const std::unique_ptr<char, decltype(&free)> real(
      realpath(format.pattern.root().c_str(), nullptr), &free);
  struct stat status;
  if (!real || stat(real.get(), &status) != 0) return root;
  root.path = real.get();
  root.device = status.st_dev;
  root.inode = status.st_ino;
  return root;
}

void FileEvents::Tick(FileHints& hints) {
  CheckRoots(hints);
  CheckMounts(hints);
  wake_.Add(marks_.inotify().fd());  // where one was needed
}

void FileEvents::CheckRoots(FileHints& hints) {
  for (size_t i = 0; i < formats_.size(); ++i) {
    Root root = RootOf(formats_[i]);
    if (root == roots_[i]) continue;
    roots_[i] = std::move(root);
    const auto files = static_cast<int16_t>(i);
    marks_.WalkFormat(files);
    hints.directories.push_back({files, false, formats_[i].pattern.root()});
  }
}

std::vector<Mount> FileEvents::MountsOfRoots() const {
  std::vector<Mount> mounts = mount_table_.Read();
  std::erase_if(mounts, [&](const Mount& mount) {
    return marks_.book().Describe(mount.point).places.empty();
  });
  return mounts;
}

void FileEvents::CheckMounts(FileHints& hints) {
  if (!mount_table_.Changed()) return;
  for (const Mount& mount : mount_table_.Read()) {
    if (MayHoldPrograms(mount.type)) executions_.Watch(mount.point);
  }
  const std::vector<Mount> now = MountsOfRoots();
  const auto has = [](const std::vector<Mount>& all, const Mount& mount) {
    return std::find(all.begin(), all.end(), mount) != all.end();
  };
  for (const Mount& mount : mounts_) {
    if (has(now, mount)) continue;
    hints.mounts_changed = true;
    marks_.book().Forget(mount.point);
    marks_.ForgetBlind(mount.point);
  }
  for (const Mount& mount : now) {
    if (has(mounts_, mount)) continue;
    hints.mounts_changed = true;
    const bool fresh = std::none_of(mounts_.begin(), mounts_.end(), [&](const Mount& before) {
      return before.device == mount.device && has(now, before);
    });
    marks_.book().Forget(mount.point);
    marks_.AddMount(mount.point, fresh);
  }
  mounts_ = now;
}
