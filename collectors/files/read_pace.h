#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "monitor/fact.h"
#include "monitor/time.h"
#include "monitor/unique_fd.h"

// What counting a file came to.
struct RowCount {
  int64_t rows = kUnknownCount;
  std::string problem;  // why it could not be counted: "is a directory"; empty: it was
};
// The problem where counting was stopped: nobody is to be told.
inline constexpr std::string_view kStopped = "was not counted: stopped";

// How fast files are read that nobody waits for, and when to leave off. The reading thread calls
// Take(); Stop() may come from any thread and ends the wait that is under way.
class ReadPace {
 public:
  // At 0 bytes a second as fast as the disk. The clock must outlive it.
  explicit ReadPace(const Clock& clock, int64_t bytes_per_second = 0);
  // Waits until so many bytes more may be read. False: stopped, nothing more may be.
  bool Take(int64_t bytes);
  void Stop();
  bool stopped() const { return stopped_; }
  // Readable once stopped; -1 where the system had none: then look at stopped() now and then.
  int stop_fd() const { return stop_.get(); }

 private:
  const Clock& clock_;
  const int64_t bytes_per_second_;
  std::chrono::nanoseconds next_{0};  // since boot: what was taken before is paid for then
  UniqueFd stop_;
  std::atomic<bool> stopped_ = false;
};

// From now on the calling thread gets processor and disk when nobody else wants them; so do the
// processes it starts. Where the system refuses, nothing changes.
void GiveWayToAll();
