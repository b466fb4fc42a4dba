#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "monitor/batch.h"
#include "monitor/unique_fd.h"

// Looking at files beneath one root without following anything: every path below it is resolved by
// openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS), mounts included, and nothing but a regular file
// is ever opened for reading. The root itself is the administrator's, and may be a symbolic link.
// Nothing here changes an access time of a file.

// One state of a regular file, with its identity.
struct FileStatus {
  // Type and bytes of its handle (name_to_handle_at) in hexadecimal digits; empty where the file
  // system has none. Never repeated, as inode numbers are.
  std::string handle;
  uint64_t inode = 0;
  int64_t born_ns = 0;  // Unix ns; 0: the file system does not say
  int64_t modified_ns = 0;
  int64_t size_bytes = 0;
  bool operator==(const FileStatus&) const = default;
};
// As a batch carries it; its text is added to the batch.
Generation GenerationOf(const FileStatus& status, Batch& batch);

// What came of looking; 0 or an errno. kNotAFile: something else has the name, such as a directory,
// a symbolic link or a device.
inline constexpr int kNotAFile = -1;
// Whether that means that no regular file has the name.
bool IsGone(int error);

// Looks at `name`, one component, in `directory`, through a descriptor, so that all of `status` is
// of one file.
int LookAt(int directory, const char* name, FileStatus& status);
// The same in half the time, by two calls that find the name anew: when it is replaced in between,
// `status` is a mixture. Only for a directory that is known not to change meanwhile.
int LookQuickly(int directory, const char* name, FileStatus& status);
// Of an open file, opened with O_PATH or for reading.
int LookAt(int file, FileStatus& status);

// Owned by whoever looks, any thread. While it is open it keeps the root's file system from being
// unmounted: to be closed after a piece of work.
class FileLook {
 public:
  // Resolves the root, once: a link that is changed afterwards is not followed. An errno: the root
  // is not there, or may not be searched.
  static tl::expected<FileLook, int> Open(const std::string& root);
  // Nothing but Reopen() may follow.
  void Close() { fd_.Close(); }
  // What is mounted or made at the same place meanwhile. 0 or an errno.
  int Reopen();

  // `directory` is absolute, the root or beneath it, as the configuration spells the root.
  // For *at() calls alone (O_PATH), or to be listed, too.
  tl::expected<UniqueFd, int> OpenToSearch(std::string_view directory) const;
  tl::expected<UniqueFd, int> OpenToList(std::string_view directory) const;
  // For reading. EPERM: it cannot be opened without its access time being changed (O_NOATIME is
  // for its owner and CAP_FOWNER, and its file system is not mounted noatime).
  tl::expected<UniqueFd, int> OpenFile(std::string_view directory, std::string_view name) const;
  // 0 or an errno or kNotAFile, as above.
  int Look(std::string_view directory, std::string_view name, FileStatus& status) const;

  // Without symbolic links: how the kernel spells the root in /proc.
  const std::string& real_root() const { return real_root_; }

 private:
  tl::expected<UniqueFd, int> OpenBelow(std::string_view directory, int flags) const;

  std::string root_, real_root_;
  UniqueFd fd_;
};
