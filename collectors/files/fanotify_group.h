#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "monitor/unique_fd.h"

// Which file or directory the kernel means, unique among all that live and that lived: the bytes of
// its file system's id and of its file handle, as events carry them. Empty: not told.
using ObjectId = std::string_view;
// Opens a directory itself, not what a symbolic link leads to, to be marked, listed or asked for
// ids.
UniqueFd OpenDirectoryAt(int parent, const char* name);
// The id of something opened (O_PATH will do). Empty: its file system cannot tell.
std::string ObjectIdOf(int fd);
// The handle in it as Generation::handle has it; empty: there is none.
std::string HandleText(ObjectId id);

// One event as fanotify told it. Views are valid until the group reads again.
struct FanotifyEvent {
  uint64_t mask = 0;   // FAN_*
  int32_t pid = 0;     // of the process, not of the thread; 0: not told
  UniqueFd process;    // a pidfd that holds it, where it still lived and the group asks for it
  UniqueFd file;       // kExecutables: the file that was executed
  ObjectId directory;  // where `name` is, or was
  std::string_view name;
  ObjectId to_directory;  // FAN_RENAME: where it went
  std::string_view to_name;
  ObjectId target;  // the file itself
};

// A fanotify notification group (fanotify(7)); what the kernel can do is found out by asking for
// it. Its queue is the default one, which is bounded: events beyond are lost and FAN_Q_OVERFLOW
// says so (an unbounded queue would be charged to this process and get it killed). One thread only.
class FanotifyGroup {
 public:
  // kNames tells directories, names and handles; kExecutables opens each file instead.
  enum class Kind { kNames, kExecutables };
  enum class Scope { kDirectory, kFilesystem };
  // `privileged`: with CAP_SYS_ADMIN; without it the kernel does not tell who, and marks
  // directories only. The error is an errno.
  static tl::expected<FanotifyGroup, int> Open(Kind kind, bool privileged);

  // Adds `mask` to what is told of an opened directory, or of the file system that it is on. An
  // errno, 0: done.
  int Mark(Scope scope, uint64_t mask, int directory) const;
  // Takes what is waiting, up to one buffer. False: nothing was.
  bool Read();
  // The next one of those that were read. False: no more.
  bool Next(FanotifyEvent& event);

  int fd() const { return fd_.get(); }
  // Events have `target`; `process`, where it lives.
  bool tells_targets() const { return tells_targets_; }
  bool tells_processes() const { return tells_processes_; }
  int64_t events() const { return events_; }  // so far

 private:
  FanotifyGroup() = default;
  UniqueFd fd_;
  bool tells_targets_ = false, tells_processes_ = false;
  std::vector<char> buffer_;
  size_t at_ = 0, end_ = 0;
  int64_t events_ = 0;
};
