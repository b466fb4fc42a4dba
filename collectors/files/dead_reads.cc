#include "collectors/files/dead_reads.h"

#include <sys/fanotify.h>

#include <algorithm>
#include <utility>

namespace {

std::string KeyOf(int32_t pid, std::string_view file) {
  return std::to_string(pid).append(" ").append(file);
}

}  // namespace

bool DeadReads::Knows(int32_t pid, std::string_view file) const {
  return by_key_.contains(KeyOf(pid, file));
}

void DeadReads::Take(uint64_t mask, int32_t pid, std::string_view file, DeadRead read, Time now) {
  std::string key = KeyOf(pid, file);
  auto known = by_key_.find(key);
  if (known == by_key_.end()) {
    if (pending_.size() >= capacity_) {
      if (pending_.back().opens > 0 && !pending_.back().wrote) Tell(pending_.back(), false, now);
      Erase(std::prev(pending_.end()));
    }
    pending_.push_front({std::move(key), {}});
    known = by_key_.emplace(pending_.front().key, pending_.begin()).first;
  }
  Pending& pending = *known->second;
  if (read.files >= 0) {
    pending.read = std::move(read);
    pending.read.first_at = now;
  }
  // In the order in which they happen at the first time; merging loses the real one.
  if (mask & FAN_OPEN) {
    ++pending.opens;
    pending.told = pending.told_bytes = false;
    pending_.splice(pending_.begin(), pending_, known->second);
  }
  if (mask & FAN_MODIFY) pending.wrote = true;
  if ((mask & FAN_ACCESS) && !pending.told_bytes) Tell(pending, true, now);
  if ((mask & FAN_CLOSE_NOWRITE) && !pending.told) Tell(pending, false, now);
  if (mask & FAN_CLOSE) Erase(known->second);
}

void DeadReads::Made(int32_t pid, std::string_view file) {
  const auto known = by_key_.find(KeyOf(pid, file));
  if (known != by_key_.end()) Erase(known->second);
}

void DeadReads::Tell(Pending& pending, bool bytes, Time now) {
  const auto [at, fresh] = told_by_key_.try_emplace(pending.key, told_.size());
  // One that was told as opened and returns bytes now is the same read.
  const int32_t reads = std::max(pending.opens, pending.told ? 0 : 1);
  if (fresh) {
    told_.push_back(pending.read);
    told_.back().reads = 0;
  }
  DeadRead& read = told_[at->second];
  read.reads += reads;
  read.bytes |= bytes;
  read.last_at = now;
  pending.opens = 0;
  pending.told = true;
  pending.told_bytes |= bytes;
}

void DeadReads::Erase(std::list<Pending>::iterator pending) {
  by_key_.erase(pending->key);
  pending_.erase(pending);
}

std::vector<DeadRead> DeadReads::Told(Time now) {
  // Opened longest ago last.
  for (auto pending = pending_.rbegin(); pending != pending_.rend(); ++pending) {
    if (now - pending->read.first_at < kPatience) break;
    if (pending->opens > 0 && !pending->wrote) Tell(*pending, false, now);
  }
  told_by_key_.clear();
  return std::exchange(told_, {});
}
