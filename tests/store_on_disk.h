#pragma once

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "collectors/files/file_events.h"
#include "tests/catch.h"
#include "tests/temporary_directory.h"

// A store with a dead format and a living one, and programs that do things to it.

extern char** environ;

// Runs a program to its end; its process id.
inline pid_t Run(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& argument : command)
    arguments.push_back(const_cast<char*>(argument.data()));
  arguments.push_back(nullptr);
  pid_t pid = 0;
  posix_spawn_file_actions_t quiet;
  posix_spawn_file_actions_init(&quiet);
  posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
  const int spawned = posix_spawn(&pid, arguments[0], &quiet, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&quiet);
  REQUIRE(spawned == 0);
  int status = 0;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
  return pid;
}

inline pid_t Shell(const std::string& script) { return Run({"/bin/sh", "-c", script}); }

// Does something in a process of its own, which is not executed anew.
inline pid_t InChild(const std::function<bool()>& action) {
  const pid_t pid = fork();
  if (pid == 0) {
    try {
      _exit(action() ? 0 : 1);
    } catch (...) {
      _exit(2);
    }
  }
  int status = 0;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  REQUIRE(status == 0);
  return pid;
}

class StoreOnDisk {
 public:
  explicit StoreOnDisk(std::string root) : root_(std::move(root)) {
    for (const char* directory : {"/row/p1", "/row/p2", "/columnar/p1", "/elsewhere"}) {
      std::filesystem::create_directories(root_ + directory);
    }
    Write("/row/p1/2016-02-01.evt", "old events");
    Write("/row/p1/2016-02-02.evt", "more old events");
    Write("/columnar/p1/2016-02-01.parquet", "PAR1");
  }
  std::string operator/(const std::string& below) const { return root_ + "/" + below; }
  void Write(const std::string& below, const std::string& text) const {
    std::ofstream(root_ + below) << text;
  }
  std::vector<WatchedFormat> formats() const {
    WatchedFormat row{*FilePattern::Parse(root_ + "/row/{project}/{day}.evt"), true, {}, {}};
    WatchedFormat columnar{
        *FilePattern::Parse(root_ + "/columnar/{project}/{day}.parquet"), false, {}, {}};
    return {row, columnar};
  }
  // A program of the store's own.
  std::string Program(const std::string& name, const std::string& like = "/bin/cat") const {
    std::filesystem::copy_file(like, root_ + "/" + name,
                               std::filesystem::copy_options::skip_existing);
    return root_ + "/" + name;
  }

 private:
  std::string root_;
};

// Collects hints until there is what a test waits for.
class HintsSoFar {
 public:
  explicit HintsSoFar(FileEvents& events) : events_(events) {}
  FileHints all;

  void Drain() {
    FileHints hints = events_.Drain();
    const auto append = [](auto& to, auto& from) { to.insert(to.end(), from.begin(), from.end()); };
    append(all.paths, hints.paths);
    append(all.directories, hints.directories);
    append(all.reads, hints.reads);
    append(all.misplaced, hints.misplaced);
    all.lost |= hints.lost;
    all.mounts_changed |= hints.mounts_changed;
  }
  // False: it did not come to pass in time.
  bool Until(const std::function<bool(const FileHints&)>& enough) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    for (Drain(); !enough(all); Drain()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      pollfd waiting{events_.wake_fd(), POLLIN, 0};
      poll(&waiting, 1, 100);
    }
    return true;
  }
  // The newest hint about a file.
  const PathHint* Of(const std::string& name) const {
    const PathHint* newest = nullptr;
    for (const PathHint& hint : all.paths) {
      if (hint.name == name) newest = &hint;
    }
    return newest;
  }
  bool UntilHinted(const std::string& name) {
    return Until([&](const FileHints&) { return Of(name) != nullptr; });
  }

 private:
  FileEvents& events_;
};
