#include "collectors/files/put_back.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "monitor/unique_fd.h"

namespace {

constexpr size_t kAtOnce = size_t{1} << 30;

// Through memory, for file systems that cannot do it themselves. 0 or an errno.
int CopyThrough(int from, int to) {
  std::vector<char> buffer(size_t{1} << 20);
  for (;;) {
    const ssize_t size = read(from, buffer.data(), buffer.size());
    if (size == 0) return 0;
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno;
    for (ssize_t done = 0; done < size;) {
      const ssize_t written = write(to, buffer.data() + done, static_cast<size_t>(size - done));
      if (written < 0 && errno != EINTR) return errno;
      done += std::max<ssize_t>(written, 0);
    }
  }
}

// 0 or an errno.
int CopyBytes(int from, int to) {
  if (ioctl(to, FICLONE, from) == 0) return 0;
  for (;;) {
    const ssize_t copied = copy_file_range(from, nullptr, to, nullptr, kAtOnce, 0);
    if (copied == 0) return 0;
    if (copied > 0 || errno == EINTR) continue;
    const bool cannot = errno == EXDEV || errno == EOPNOTSUPP || errno == EINVAL || errno == ENOSYS;
    return cannot ? CopyThrough(from, to) : errno;
  }
}

bool IsStill(const CopyToPutBack& copy, const struct stat& status) {
  return status.st_size == copy.size_bytes &&
         status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1'000'000 == copy.modified_ms;
}

// Who may not give files away keeps them; who may read them is the same at least.
int CopyProperties(const struct stat& from, int to) {
  const timespec times[2] = {from.st_atim, from.st_mtim};
  if (fchown(to, from.st_uid, from.st_gid) != 0 && errno != EPERM) return errno;
  return fchmod(to, from.st_mode & 0777) == 0 && futimens(to, times) == 0 ? 0 : errno;
}

}  // namespace

Result<void> PutBack(const CopyToPutBack& copy, int directory, const std::string& name) {
  const auto fail = [](const std::string& path, const std::string& why) {
    return Fail(Error::Kind::kInput, path + ": " + why);
  };
  const UniqueFd from(open(copy.path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status;
  if (!from || fstat(from.get(), &status) != 0) return fail(copy.path, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return fail(copy.path, "is not a regular file");
  if (!IsStill(copy, status)) return fail(copy.path, "was changed since it was kept");
  const UniqueFd file(openat(directory, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
  if (!file) return fail(name, std::strerror(errno));
  if (const int error = CopyBytes(from.get(), file.get())) return fail(name, std::strerror(error));
  struct stat after, written;
  if (fstat(from.get(), &after) != 0 || fstat(file.get(), &written) != 0 || !IsStill(copy, after) ||
      written.st_size != copy.size_bytes) {
    return fail(copy.path, "was changed while it was read");
  }
  if (const int error = CopyProperties(status, file.get())) {
    return fail(name, std::strerror(error));
  }
  if (fsync(file.get()) != 0) return fail(name, std::strerror(errno));
  const std::string unnamed = "/proc/self/fd/" + std::to_string(file.get());
  if (linkat(AT_FDCWD, unnamed.c_str(), directory, name.c_str(), AT_SYMLINK_FOLLOW) != 0 ||
      fsync(directory) != 0) {
    return fail(name, std::strerror(errno));
  }
  return {};
}
