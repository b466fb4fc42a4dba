#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>
#include <vector>

#include "monitor/file_sighting.h"

// Reads of one dead file by one process.
struct DeadRead {
  int16_t files = -1;
  bool excepted = false;
  bool bytes = false;  // returned; else it was only opened
  int32_t reads = 1;
  std::string directory, name, project;
  Day day;
  std::string handle;  // as Generation::handle
  Actor actor;
  Time first_at{}, last_at{};
};

// Makes reads of the events of dead files: an open is no read yet, since it may be for writing.
// What returned bytes is told at once; what was closed unwritten, or stays open (mapped into
// memory, it tells nothing more), was opened. Bounded: the oldest that wait are told as opened.
// Collector thread only.
class DeadReads {
 public:
  static constexpr std::chrono::milliseconds kPatience = std::chrono::seconds(10);
  explicit DeadReads(size_t capacity = 8 * 1024) : capacity_(capacity) {}

  // Whether the process is known to have the file open: its actor was asked for.
  bool Knows(int32_t pid, std::string_view file) const;
  // An event of it: FAN_OPEN, FAN_ACCESS, FAN_MODIFY, FAN_CLOSE_*, any of them merged. `file`: what
  // tells it from others; `read` describes it, and is needed where it is opened or not known.
  void Take(uint64_t mask, int32_t pid, std::string_view file, DeadRead read, Time now);
  // The process made this content itself: that it opened it says nothing.
  void Made(int32_t pid, std::string_view file);
  // What is to be told since the last call, one for each file and process.
  std::vector<DeadRead> Told(Time now);

 private:
  struct Pending {
    std::string key;
    DeadRead read;
    int32_t opens = 0;                                     // not told yet
    bool wrote = false, told = false, told_bytes = false;  // since it was opened
  };
  void Tell(Pending& pending, bool bytes, Time now);
  void Erase(std::list<Pending>::iterator pending);

  const size_t capacity_;
  std::list<Pending> pending_;  // the newest first
  std::unordered_map<std::string_view, std::list<Pending>::iterator> by_key_;
  std::vector<DeadRead> told_;
  std::unordered_map<std::string, size_t> told_by_key_;  // into `told_`
};
