#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Where the files of dead formats are, by handle, so that one which is read through a hard link
// elsewhere is recognised. Sixteen bytes or so each, and no more than a fixed number: those beyond
// are not recognised, which full() says. Collector thread only.
class DeadFiles {
 public:
  // `handle` as in Generation::handle.
  void Add(std::string_view handle, int16_t files, std::string_view directory);
  struct Place {
    int16_t files = -1;
    std::string_view directory;  // where it was; empty: it is none of them
  };
  Place Find(std::string_view handle) const;
  bool full() const { return full_; }
  bool empty() const { return count_ == 0; }

 private:
  struct Slot {
    uint64_t hash = 0;  // 0: free
    uint32_t directory = 0;
  };
  size_t SlotOf(uint64_t hash) const;
  void Grow();

  std::vector<Slot> slots_;
  std::vector<std::pair<int16_t, std::string>> directories_;
  size_t count_ = 0;
  bool full_ = false;
};
