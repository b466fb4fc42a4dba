#include "collectors/files/event_wake.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

namespace {

constexpr std::chrono::milliseconds kRest(5);
constexpr size_t kMany = 25;  // in one rest: 5,000 a second

}  // namespace

EventWake::EventWake()
    : epoll_(epoll_create1(EPOLL_CLOEXEC)),
      timer_(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
  epoll_event event{};
  event.events = EPOLLIN;
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, timer_.get(), &event);
}

void EventWake::Add(int fd) {
  if (fd < 0 || std::find(fds_.begin(), fds_.end(), fd) != fds_.end()) return;
  epoll_event event{};
  event.events = listening_ ? EPOLLIN : 0u;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) fds_.push_back(fd);
}

void EventWake::Listen(bool listen) {
  if (listening_ == listen) return;
  listening_ = listen;
  epoll_event event{};
  event.events = listen ? EPOLLIN : 0u;
  for (const int fd : fds_) epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void EventWake::Drained(size_t events) {
  uint64_t times = 0;
  // The timer is spent; whoever still needs one says so again.
  if (read(timer_.get(), &times, sizeof times) > 0) armed_ = {};
  Listen(events < kMany);
  if (events >= kMany) WakeIn(kRest);
}

void EventWake::WakeIn(std::chrono::milliseconds delay) {
  delay = std::max(delay, std::chrono::milliseconds(1));  // none would mean never
  if (armed_.count() > 0 && armed_ <= delay) return;      // sooner already
  armed_ = delay;
  itimerspec when{};
  when.it_value.tv_sec = delay.count() / 1000;
  when.it_value.tv_nsec = delay.count() % 1000 * 1'000'000;
  timerfd_settime(timer_.get(), 0, &when, nullptr);
}
