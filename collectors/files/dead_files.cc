#include "collectors/files/dead_files.h"

#include <xxhash.h>

#include <algorithm>

namespace {

constexpr size_t kFewSlots = 1024, kMaxSlots = 512 * 1024;  // 8 MB

uint64_t HashOf(std::string_view handle) {
  return std::max<uint64_t>(XXH3_64bits(handle.data(), handle.size()), 1);
}

}  // namespace

// The slot that holds a hash, or the free one where it would be.
size_t DeadFiles::SlotOf(uint64_t hash) const {
  size_t at = hash & (slots_.size() - 1);
  while (slots_[at].hash != 0 && slots_[at].hash != hash) at = (at + 1) & (slots_.size() - 1);
  return at;
}

void DeadFiles::Grow() {
  std::vector<Slot> old(std::max(kFewSlots, slots_.size() * 2));
  std::swap(old, slots_);
  for (const Slot& slot : old) {
    if (slot.hash != 0) slots_[SlotOf(slot.hash)] = slot;
  }
}

void DeadFiles::Add(std::string_view handle, int16_t files, std::string_view directory) {
  if (handle.empty()) return;
  // A quarter stays free.
  if (count_ * 4 >= slots_.size() * 3) {
    full_ = slots_.size() >= kMaxSlots;
    if (full_) return;
    Grow();
  }
  const uint64_t hash = HashOf(handle);
  Slot& slot = slots_[SlotOf(hash)];
  count_ += slot.hash == 0;
  // They come directory by directory.
  if (directories_.empty() || directories_.back().second != directory) {
    directories_.emplace_back(files, directory);
  }
  slot = {hash, static_cast<uint32_t>(directories_.size() - 1)};
}

DeadFiles::Place DeadFiles::Find(std::string_view handle) const {
  if (slots_.empty() || handle.empty()) return {};
  const Slot& slot = slots_[SlotOf(HashOf(handle))];
  if (slot.hash == 0) return {};
  const auto& [files, directory] = directories_[slot.directory];
  return {files, directory};
}
