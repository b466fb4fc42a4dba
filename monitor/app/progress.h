#pragma once

#include <cstdint>
#include <string>

#include "monitor/time.h"

// Says on standard error how far a long verb has come: one line rewritten in place on a terminal,
// else a plain line every ten seconds. Silent when `quiet`. One thread.
class Progress {
 public:
  // `total_bytes` 0: not known (compressed logs, standard input).
  Progress(const Clock& clock, int64_t total_bytes, bool quiet);
  void Update(int64_t bytes, int64_t lines);
  // Ends the line on a terminal.
  void Finish();

 private:
  std::string Line(int64_t bytes, int64_t lines) const;
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
