#pragma once

#include <cstdint>
#include <string>

#include "monitor/time.h"

// How far a long verb has come.
struct ProgressState {
  int64_t bytes = 0, total_bytes = 0;  // total 0: not known, as of standard input
  int64_t lines = 0;
  std::chrono::milliseconds elapsed{};
};
// "[######..................]  25 %, 1:05 left, 1,200,000 lines, 340 MB, 52,000 lines/s", at most
// `room` characters, 0: without end.
std::string ProgressLine(const ProgressState& state, size_t room);

// Says so on standard error: one line rewritten in place on a terminal, else a plain line every ten
// seconds. Silent when `quiet`. One thread.
class Progress {
 public:
  Progress(const Clock& clock, int64_t total_bytes, bool quiet);
  void Update(int64_t bytes, int64_t lines);
  // Ends the line on a terminal.
  void Finish();

 private:
  std::chrono::milliseconds elapsed() const { return clock_.SinceBoot() - began_; }

  const Clock& clock_;
  const int64_t total_bytes_;
  const bool terminal_;
  const bool quiet_;
  const std::chrono::milliseconds began_;
  std::chrono::milliseconds last_shown_{0};
  bool shown_ = false;
};

// "1.2 GB", "340 MB", "17 kB"
std::string HumanBytes(int64_t bytes);
