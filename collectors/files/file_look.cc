#include "collectors/files/file_look.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr unsigned kFields = STATX_TYPE | STATX_INO | STATX_SIZE | STATX_MTIME | STATX_BTIME;

int OpenBy(uint64_t resolve, int directory, const char* below, int flags) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.resolve = resolve;
  for (int attempt = 0;; ++attempt) {
    const long fd = syscall(SYS_openat2, directory, below, &how, sizeof how);
    // EAGAIN: a rename elsewhere made the kernel unsure about "beneath"; it asks to try again.
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR) || attempt == 64) {
      return static_cast<int>(fd);
    }
  }
}

int OpenBeneath(int directory, const char* below, int flags) {
  return OpenBy(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS, directory, below, flags);
}

int64_t Nanoseconds(const statx_timestamp& time) {
  return time.tv_sec * kSecond + static_cast<int64_t>(time.tv_nsec);
}

int ReadStatus(int directory, const char* name, FileStatus& status) {
  struct statx found;
  constexpr int kFlags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH;
  if (statx(directory, name, kFlags, kFields, &found) != 0) return errno;
  if (!S_ISREG(found.stx_mode)) return kNotAFile;
  status.inode = found.stx_ino;
  status.born_ns = (found.stx_mask & STATX_BTIME) != 0 ? Nanoseconds(found.stx_btime) : 0;
  status.modified_ns = Nanoseconds(found.stx_mtime);
  status.size_bytes = static_cast<int64_t>(found.stx_size);
  return 0;
}

void AppendHex(std::string& text, uint8_t byte) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  text += kDigits[byte >> 4];
  text += kDigits[byte & 15];
}

// Its type (four bytes, the highest first), then its bytes.
int ReadHandle(int directory, const char* name, std::string& text) {
  alignas(file_handle) char room[sizeof(file_handle) + MAX_HANDLE_SZ];
  auto* const handle = new (room) file_handle;
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  text.clear();
  if (name_to_handle_at(directory, name, handle, &mount, AT_EMPTY_PATH) != 0) {
    return errno == EOPNOTSUPP || errno == EOVERFLOW || errno == EPERM || errno == ENOSYS ? 0
                                                                                          : errno;
  }
  for (int shift = 24; shift >= 0; shift -= 8) {
    AppendHex(text, static_cast<uint8_t>(static_cast<uint32_t>(handle->handle_type) >> shift));
  }
  const auto* const bytes =
      reinterpret_cast<const uint8_t*>(room + offsetof(file_handle, f_handle));
  for (unsigned i = 0; i < handle->handle_bytes; ++i) AppendHex(text, bytes[i]);
  return 0;
}

}  // namespace

bool IsGone(int error) {
  return error == ENOENT || error == ENOTDIR || error == ELOOP || error == kNotAFile;
}

Generation GenerationOf(const FileStatus& status, Batch& batch) {
  return {batch.Add(status.handle), status.inode, status.born_ns, status.modified_ns,
          status.size_bytes};
}

int LookQuickly(int directory, const char* name, FileStatus& status) {
  const int error = ReadStatus(directory, name, status);
  return error != 0 ? error : ReadHandle(directory, name, status.handle);
}

int LookAt(int file, FileStatus& status) { return LookQuickly(file, "", status); }

int LookAt(int directory, const char* name, FileStatus& status) {
  const UniqueFd file(OpenBeneath(directory, name, O_PATH | O_NOFOLLOW));
  return file ? LookAt(file.get(), status) : errno;
}

tl::expected<FileLook, int> FileLook::Open(const std::string& root) {
  const std::unique_ptr<char, decltype(&free)> real(realpath(root.c_str(), nullptr), &free);
  if (!real) return tl::unexpected(errno);
  FileLook look;
  look.root_ = root == "/" ? "" : root;
  look.real_root_ = real.get();
  if (const int error = look.Reopen(); error != 0) return tl::unexpected(error);
  return look;
}

int FileLook::Reopen() {
  fd_ = UniqueFd(OpenBy(RESOLVE_NO_SYMLINKS, AT_FDCWD, real_root_.c_str(), O_PATH | O_DIRECTORY));
  return fd_ ? 0 : errno;
}

tl::expected<UniqueFd, int> FileLook::OpenBelow(std::string_view directory, int flags) const {
  if (!directory.starts_with(root_)) return tl::unexpected(EXDEV);
  std::string below(directory.substr(root_.size()));
  if (!below.empty() && below[0] != '/') return tl::unexpected(EXDEV);
  below.erase(0, below.find_first_not_of('/'));
  UniqueFd fd(OpenBeneath(fd_.get(), below.empty() ? "." : below.c_str(), flags));
  if (!fd) return tl::unexpected(errno);
  return fd;
}

tl::expected<UniqueFd, int> FileLook::OpenToSearch(std::string_view directory) const {
  return OpenBelow(directory, O_PATH | O_DIRECTORY);
}

tl::expected<UniqueFd, int> FileLook::OpenToList(std::string_view directory) const {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NONBLOCK;
  auto fd = OpenBelow(directory, kFlags | O_NOATIME);
  // A directory's access time is evidence of nothing.
  return fd || fd.error() != EPERM ? std::move(fd) : OpenBelow(directory, kFlags);
}

tl::expected<UniqueFd, int> FileLook::OpenFile(std::string_view directory,
                                               std::string_view name) const {
  const auto parent = OpenToSearch(directory);
  if (!parent) return tl::unexpected(parent.error());
  // First without opening what it is: to open a device can already do something.
  const UniqueFd file(OpenBeneath(parent->get(), std::string(name).c_str(), O_PATH | O_NOFOLLOW));
  struct stat status;
  if (!file || fstat(file.get(), &status) != 0) return tl::unexpected(errno);
  if (!S_ISREG(status.st_mode)) return tl::unexpected(kNotAFile);
  const std::string again = "/proc/self/fd/" + std::to_string(file.get());
  constexpr int kFlags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  UniqueFd fd(open(again.c_str(), kFlags | O_NOATIME));
  struct statvfs system;
  if (!fd && errno == EPERM && fstatvfs(file.get(), &system) == 0) {
    const bool untouched = (system.f_flag & (ST_NOATIME | ST_RDONLY)) != 0;
    errno = EPERM;
    if (untouched) fd = UniqueFd(open(again.c_str(), kFlags));
  }
  if (!fd) return tl::unexpected(errno);
  return fd;
}

int FileLook::Look(std::string_view directory, std::string_view name, FileStatus& status) const {
  const auto parent = OpenToSearch(directory);
  return parent ? LookAt(parent->get(), std::string(name).c_str(), status) : parent.error();
}
