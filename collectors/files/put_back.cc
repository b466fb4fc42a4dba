#include "collectors/files/put_back.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "monitor/unique_fd.h"

namespace {

constexpr size_t kAtOnce = size_t{1} << 30;

// 0 or an errno.
int CopyBytes(int from, int to) {
  if (ioctl(to, FICLONE, from) == 0) return 0;
  for (;;) {
    const ssize_t copied = copy_file_range(from, nullptr, to, nullptr, kAtOnce, 0);
    if (copied == 0) return 0;
    if (copied < 0 && errno != EINTR) return errno;
  }
}

// Who may not give files away keeps them; who may read them is the same at least.
int CopyProperties(const struct stat& from, int to) {
  const timespec times[2] = {from.st_atim, from.st_mtim};
  if (fchown(to, from.st_uid, from.st_gid) != 0 && errno != EPERM) return errno;
  return fchmod(to, from.st_mode & 07777) == 0 && futimens(to, times) == 0 ? 0 : errno;
}

}  // namespace

Result<void> PutBack(const std::string& copy, const std::string& to) {
  const auto fail = [](const std::string& path, int error) {
    return Fail(Error::Kind::kInput, path + ": " + std::strerror(error));
  };
  const size_t slash = to.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : to.substr(0, slash + 1);
  const UniqueFd from(open(copy.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status;
  if (!from || fstat(from.get(), &status) != 0) return fail(copy, errno);
  if (!S_ISREG(status.st_mode)) return Fail(Error::Kind::kInput, copy + ": is not a regular file");
  const UniqueFd directory(open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return fail(parent, errno);
  const UniqueFd file(openat(directory.get(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
  if (!file) return fail(parent, errno);
  if (const int error = CopyBytes(from.get(), file.get()); error != 0) return fail(to, error);
  if (const int error = CopyProperties(status, file.get()); error != 0) return fail(to, error);
  if (fsync(file.get()) != 0) return fail(to, errno);
  const std::string unnamed = "/proc/self/fd/" + std::to_string(file.get());
  if (linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, to.c_str(), AT_SYMLINK_FOLLOW) != 0 ||
      fsync(directory.get()) != 0) {
    return fail(to, errno);
  }
  return {};
}
