#pragma once

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "monitor/error.h"

// What `rollcall demo` runs on: the store as a process of its own, the directory it lives in, and
// the signals that end both early. All of them clean up when they go. One thread.

// Where rollcall-demo-store is: beside this program in a build tree, else where it is installed.
// Empty: nowhere.
std::string DemoStoreProgram();

// Ctrl-C, kill, a terminal or a pipe that is gone: read from a descriptor, so that the demo ends in
// order. To be made before any thread; when it goes, a signal that came ends the process.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  bool received();
  const sigset_t& mask_before() const { return before_; }

 private:
  sigset_t signals_{}, before_{};
  int descriptor_ = -1;
  int received_ = 0;
};

// The store as a child process whose standard output is read line by line.
class DemoStore {
 public:
  DemoStore(const std::string& program, const std::string& root, uint64_t seed,
            const sigset_t& signal_mask);
  ~DemoStore();
  DemoStore(const DemoStore&) = delete;
  DemoStore& operator=(const DemoStore&) = delete;

  // Waits at most `patience` for more output, or for the end.
  void Read(std::chrono::milliseconds patience);
  // The next whole line of what was read.
  std::optional<std::string> Line();
  bool ended() const { return ended_; }
  bool succeeded() const;

 private:
  pid_t child_ = -1;
  int output_ = -1;
  std::string pending_;
  bool ended_ = false;
  int exit_status_ = 0;
};

// Where the store lives: a new directory, removed unless Keep() says that it is of use.
class DemoPlace {
 public:
  // `directory` empty: one under the temporary directory.
  static Result<DemoPlace> Make(const std::string& directory);
  DemoPlace(DemoPlace&& other) noexcept;
  DemoPlace& operator=(DemoPlace&&) = delete;
  ~DemoPlace();
  void Keep() { made_ = false; }
  const std::string& path() const { return path_; }

 private:
  DemoPlace() = default;
  std::string path_;
  bool made_ = false;  // by us, and to be removed
};
