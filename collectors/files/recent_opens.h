#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

// Which process opened which content of a canonical file lately, to tell that the one which
// replaces a file had opened it before. Bounded: the oldest are forgotten. Collector thread only.
class RecentOpens {
 public:
  explicit RecentOpens(size_t capacity = 8 * 1024) : capacity_(capacity) {}
  // `handle`: of the content, as an ObjectId.
  void Opened(int32_t pid, std::string_view path, std::string_view handle);
  // Had it opened a content of `path` that is not `now`?
  bool OpenedOther(int32_t pid, std::string_view path, std::string_view now) const;

 private:
  struct Entry {
    std::string key;
    std::vector<std::string> handles;  // the newest few
  };
  const size_t capacity_;
  std::list<Entry> entries_;  // the newest first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key_;
};
