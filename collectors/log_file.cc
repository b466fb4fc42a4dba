#include "collectors/log_file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "monitor/unique_fd.h"

namespace {

int OpenBeneath(int directory, const std::string& below, int flags) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  for (int attempt = 0;; ++attempt) {
    const long fd = syscall(SYS_openat2, directory, below.c_str(), &how, sizeof how);
    // EAGAIN: a rename elsewhere made the kernel unsure about "beneath"; it asks to try again.
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR) || attempt == 16) {
      return static_cast<int>(fd);
    }
  }
}

}  // namespace

FileState StateOf(const struct stat& status) {
  constexpr int64_t kSecond = 1'000'000'000;
  return {status.st_dev,
          status.st_ino,
          status.st_size,
          status.st_mtim.tv_sec * kSecond + status.st_mtim.tv_nsec,
          status.st_ctim.tv_sec * kSecond + status.st_ctim.tv_nsec,
          status.st_nlink == 0};
}

std::optional<FileState> StateOf(int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0) return std::nullopt;
  return StateOf(status);
}

std::string_view WhyNotRegular(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return {};
    case S_IFLNK:
      return "is a symbolic link";
    case S_IFDIR:
      return "is a directory";
    case S_IFIFO:
      return "is a named pipe";
    case S_IFSOCK:
      return "is a socket";
    default:
      return "is a device";
  }
}

std::string_view WhyNotOpened(int error) {
  switch (error) {
    case ELOOP:
      return "is a symbolic link";
    case EACCES:
    case EPERM:
      return "cannot be opened: permission denied";
    case ENOENT:
    case ENOTDIR:
      return "cannot be opened: no such file";
    case EMFILE:
    case ENFILE:
      return "cannot be opened: too many open files";
    case ENXIO:
      return "is a socket";
    default:
      return "cannot be opened";
  }
}

tl::expected<UniqueFd, OpenFailure> OpenDirectory(const std::string& base,
                                                  const std::string& below) {
  // O_PATH needs only search permission on the way; the listing itself opens "." for reading.
  UniqueFd directory(open(base.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (directory && !below.empty()) {
    directory = UniqueFd(OpenBeneath(directory.get(), below, O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  if (!directory) return tl::unexpected(OpenFailure{errno, WhyNotOpened(errno)});
  return directory;
}

tl::expected<OpenedLog, OpenFailure> OpenLog(const std::string& base, const std::string& below) {
  auto directory = OpenDirectory(base, "");
  if (!directory) return tl::unexpected(directory.error());
  constexpr int kFlags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
  UniqueFd fd(OpenBeneath(directory->get(), below, kFlags | O_NOATIME));
  // O_NOATIME is for a file's owner and CAP_FOWNER only.
  if (!fd && errno == EPERM) fd = UniqueFd(OpenBeneath(directory->get(), below, kFlags));
  if (!fd) return tl::unexpected(OpenFailure{errno, WhyNotOpened(errno)});
  struct stat status;
  if (fstat(fd.get(), &status) != 0) {
    return tl::unexpected(OpenFailure{errno, WhyNotOpened(errno)});
  }
  if (!S_ISREG(status.st_mode)) {
    return tl::unexpected(OpenFailure{0, WhyNotRegular(status.st_mode)});
  }
  return OpenedLog{std::move(fd), StateOf(status)};
}
