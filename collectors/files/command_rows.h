#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "collectors/files/read_pace.h"
#include "monitor/error.h"
#include "monitor/unique_fd.h"

// Runs the programs that count files of private formats, in a process of its own, forked once at
// the start: before threads and before privileges are given up, so that a monitor which may not
// execute anything can still have files counted. That process keeps no privilege but that of
// reading any file (CAP_DAC_READ_SEARCH), and so do the programs. It ends with this object, or
// with the process that made it.
//
// A program is executed without a shell, with PATH and LANG alone in its environment, as the leader
// of a process group of its own, at the lowest priority of processor and disk. It has to write one
// decimal number of at most 2^53 and a newline to its standard output, and to exit with 0. What it
// started is killed with its group once it has ended; only what left the group is not.
//
// One thread at a time, and not necessarily the one that made it.
class CommandRunner {
 public:
  // An Error (kInput): the system could not fork.
  static Result<CommandRunner> Start(
      std::chrono::milliseconds time_limit = std::chrono::minutes(1));
  CommandRunner(CommandRunner&&) noexcept = default;
  CommandRunner& operator=(CommandRunner&&) noexcept = default;
  ~CommandRunner();

  // `command`: an absolute program and its arguments, in which {path} stands for `path`. Ends early
  // when `pace` is stopped, whose speed is not the program's.
  RowCount Count(std::vector<std::string> command, const std::string& path, const ReadPace& pace);

 private:
  CommandRunner(UniqueFd socket, pid_t pid) : socket_(std::move(socket)), pid_(pid) {}
  UniqueFd socket_;  // none: moved from
  pid_t pid_ = -1;
};
