#include "collectors/files/fanotify_group.h"

#include <fcntl.h>
#include <sys/fanotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

// An event is a fixed head and information records; a record of a file is its file system's id and
// a struct file_handle (length, type, bytes), followed by a name where there is one: see
// fanotify(7), linux/fanotify.h. An ObjectId is the id and the handle as they stand there.

namespace {

constexpr size_t kBufferBytes = 256 * 1024;
constexpr size_t kIdBytes = sizeof(__kernel_fsid_t);
constexpr size_t kHandleHead = sizeof(uint32_t) + sizeof(int32_t);

// Since Linux 6.5; a handle that only identifies, which more file systems have.
constexpr int kHandleFid = 0x200;

// An id and what stands behind it.
struct FoundId {
  ObjectId id;
  std::string_view name;
};

FoundId ReadId(const char* record, size_t size) {
  constexpr size_t kHead = sizeof(fanotify_event_info_header);
  if (size < kHead + kIdBytes + kHandleHead) return {};
  uint32_t bytes = 0;
  std::memcpy(&bytes, record + kHead + kIdBytes, sizeof bytes);
  const size_t id_size = kIdBytes + kHandleHead + bytes;
  if (kHead + id_size > size) return {};
  FoundId found;
  if (bytes > 0) found.id = {record + kHead, id_size};
  const char* const name = record + kHead + id_size;
  found.name = {name, strnlen(name, size - kHead - id_size)};
  return found;
}

void TakeRecord(const char* record, const fanotify_event_info_header& head, FanotifyEvent& event) {
  switch (head.info_type) {
    case FAN_EVENT_INFO_TYPE_FID:
      event.target = ReadId(record, head.len).id;
      return;
    case FAN_EVENT_INFO_TYPE_DFID:
    case FAN_EVENT_INFO_TYPE_DFID_NAME:
    case FAN_EVENT_INFO_TYPE_OLD_DFID_NAME: {
      const FoundId found = ReadId(record, head.len);
      event.directory = found.id;
      event.name = found.name;
      return;
    }
    case FAN_EVENT_INFO_TYPE_NEW_DFID_NAME: {
      const FoundId found = ReadId(record, head.len);
      event.to_directory = found.id;
      event.to_name = found.name;
      return;
    }
    case FAN_EVENT_INFO_TYPE_PIDFD: {
      fanotify_event_info_pidfd process;
      if (head.len < sizeof process) return;
      std::memcpy(&process, record, sizeof process);
      if (process.pidfd >= 0) event.process = UniqueFd(process.pidfd);
      return;
    }
    default:
      return;  // of a kind that newer kernels add
  }
}

}  // namespace

UniqueFd OpenDirectoryAt(int parent, const char* name) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  UniqueFd directory(openat(parent, name, kFlags | O_NOATIME));
  // O_NOATIME is for its owner and CAP_FOWNER only.
  if (!directory && errno == EPERM) directory = UniqueFd(openat(parent, name, kFlags));
  return directory;
}

std::string ObjectIdOf(int fd) {
  struct statfs system;
  alignas(file_handle) std::array<char, sizeof(file_handle) + MAX_HANDLE_SZ> room{};
  auto* const handle = reinterpret_cast<file_handle*>(room.data());
  int mount = 0;
  for (const int flags : {AT_EMPTY_PATH, AT_EMPTY_PATH | kHandleFid}) {
    handle->handle_bytes = MAX_HANDLE_SZ;
    if (name_to_handle_at(fd, "", handle, &mount, flags) != 0) continue;
    if (fstatfs(fd, &system) != 0) return {};
    std::string id(reinterpret_cast<const char*>(&system.f_fsid), kIdBytes);
    return id.append(room.data(), kHandleHead + handle->handle_bytes);
  }
  return {};
}

std::string HandleText(ObjectId id) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  if (id.size() < kIdBytes + kHandleHead) return {};
  int32_t type = 0;
  std::memcpy(&type, id.data() + kIdBytes + sizeof(uint32_t), sizeof type);
  std::string text;
  const auto append = [&](unsigned char byte) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  };
  for (int shift = 24; shift >= 0; shift -= 8) {
    append(static_cast<unsigned char>(static_cast<uint32_t>(type) >> shift));
  }
  for (const char byte : id.substr(kIdBytes + kHandleHead))
    append(static_cast<unsigned char>(byte));
  return text;
}

tl::expected<FanotifyGroup, int> FanotifyGroup::Open(Kind kind, bool privileged) {
  constexpr unsigned kAlways = FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK;
  constexpr unsigned kNames = FAN_REPORT_DFID_NAME | FAN_REPORT_FID;
  FanotifyGroup group;
  if (kind == Kind::kExecutables) {
    group.fd_ =
        UniqueFd(fanotify_init(kAlways | FAN_UNLIMITED_MARKS, O_RDONLY | O_CLOEXEC | O_LARGEFILE));
    if (!group.fd_) return tl::unexpected(errno);
  } else {
    const unsigned wanted =
        kAlways | kNames | (privileged ? FAN_UNLIMITED_MARKS | FAN_REPORT_PIDFD : 0u);
    // What older kernels lack is left out, the dearest last.
    for (const unsigned without : {0u, unsigned{FAN_REPORT_TARGET_FID},
                                   unsigned{FAN_REPORT_TARGET_FID | FAN_REPORT_PIDFD}}) {
      const unsigned flags = (wanted | FAN_REPORT_TARGET_FID) & ~without;
      group.fd_ = UniqueFd(fanotify_init(flags, O_RDONLY | O_CLOEXEC | O_LARGEFILE));
      group.tells_targets_ = flags & FAN_REPORT_TARGET_FID;
      group.tells_processes_ = flags & FAN_REPORT_PIDFD;
      if (group.fd_ || errno != EINVAL) break;
    }
    if (!group.fd_) return tl::unexpected(errno);
  }
  group.buffer_.resize(kBufferBytes);
  return group;
}

int FanotifyGroup::Mark(Scope scope, uint64_t mask, int directory) const {
  const unsigned where =
      scope == Scope::kFilesystem ? FAN_MARK_FILESYSTEM : FAN_MARK_INODE | FAN_MARK_ONLYDIR;
  const int done = fanotify_mark(fd_.get(), FAN_MARK_ADD | where, mask, directory, ".");
  return done == 0 ? 0 : errno;
}

bool FanotifyGroup::Read() {
  at_ = end_ = 0;
  ssize_t got = 0;
  do {
    got = read(fd_.get(), buffer_.data(), buffer_.size());
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return false;
  end_ = static_cast<size_t>(got);
  return true;
}

bool FanotifyGroup::Next(FanotifyEvent& event) {
  event = {};
  fanotify_event_metadata head;
  if (end_ - at_ < sizeof head) return false;
  const char* const start = buffer_.data() + at_;
  std::memcpy(&head, start, sizeof head);
  if (head.vers != FANOTIFY_METADATA_VERSION || head.event_len < sizeof head ||
      head.event_len > end_ - at_) {
    at_ = end_;
    return false;
  }
  at_ += head.event_len;
  ++events_;
  event.mask = head.mask;
  event.pid = head.pid;
  if (head.fd >= 0) event.file = UniqueFd(head.fd);
  fanotify_event_info_header record;
  for (size_t at = head.metadata_len; at + sizeof record <= head.event_len; at += record.len) {
    std::memcpy(&record, start + at, sizeof record);
    if (record.len < sizeof record || at + record.len > head.event_len) break;
    TakeRecord(start + at, record, event);
  }
  return true;
}
