#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/log_file.h"

// Wakes a reader when something happens in its directories (inotify). What it says is a hint:
// events are merged, lost on overflow and never sent by network file systems; stat and content are
// the truth. Owned by a Tail, collector thread only.
class WatchDirectories {
 public:
  struct Hints {
    bool list_again = false;            // names came or went, or events were lost
    std::vector<std::string> modified;  // paths of files written to
  };
  void Open();
  // Watches these from now on; of one that does not exist, the nearest parent that does. True when
  // something was watched that was not before: list again, since it may have changed in between.
  bool Watch(const std::vector<std::string>& directories);
  Hints Drain();
  int fd() const { return fd_.get(); }
  // Why there will be no hints; empty when there will. The owner then lists by a timer.
  std::string_view problem() const { return problem_; }

 private:
  UniqueFd fd_;
  std::string_view problem_;
  std::map<int, std::set<std::string>> paths_;  // one directory may be known by several names
  std::set<std::string> watched_;
};
