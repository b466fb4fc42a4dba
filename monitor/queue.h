#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>

// A bounded queue between one or more producers and one consumer. A full queue makes the producer
// wait: nothing is dropped, the log file is the buffer. Close() ends it from either side.
template <class T>
class Queue {
 public:
  explicit Queue(size_t capacity) : capacity_(capacity) {}

  // False: closed, the value was not taken.
  bool Push(T value) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || values_.size() < capacity_; });
    if (closed_) return false;
    values_.push_back(std::move(value));
    changed_.notify_all();
    return true;
  }

  // Waits at most `patience`. True: Push need not wait, the queue has room or is closed. For the
  // only producer.
  bool WaitForRoom(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] { return closed_ || values_.size() < capacity_; });
  }

  // Nothing: closed and empty, or `patience` is over.
  std::optional<T> Pop(std::chrono::milliseconds patience = std::chrono::hours(24 * 365)) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, patience, [&] { return closed_ || !values_.empty(); });
    if (values_.empty()) return std::nullopt;
    T value = std::move(values_.front());
    values_.pop_front();
    changed_.notify_all();
    return value;
  }

  void Close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  // Closed, and all that was taken has been popped: nothing will come any more.
  bool ended() const {
    const std::lock_guard lock(mutex_);
    return closed_ && values_.empty();
  }

 private:
  const size_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> values_;  // guarded by mutex_
  bool closed_ = false;   // guarded by mutex_
};
