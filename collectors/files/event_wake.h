#pragma once

#include <chrono>
#include <vector>

#include "monitor/unique_fd.h"

// When to look for events: at once while they are rare; while there are many only after a few
// milliseconds, since each wake costs the processes that cause them. One descriptor to poll, ready
// in either case. Collector thread only.
class EventWake {
 public:
  EventWake();
  void Add(int fd);  // also again; a negative one is ignored
  // Events were read: how many. The next wake comes at once, or later where there were many.
  void Drained(size_t events);
  // Wake after this time in any case.
  void WakeIn(std::chrono::milliseconds delay);
  int fd() const { return epoll_.get(); }

 private:
  void Listen(bool listen);
  UniqueFd epoll_, timer_;
  std::vector<int> fds_;
  bool listening_ = true;
  std::chrono::milliseconds armed_{};
};
