#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/brief_files.h"
#include "monitor/unique_fd.h"

// Wakes a reader when something happens in its directories (inotify). What it says is a hint:
// events are merged, lost on overflow and never sent by network file systems; stat and content are
// the truth. Owned by a Tail, collector thread only.
class WatchDirectories {
 public:
  struct Hints {
    bool list_again = false;             // names that concern the reader came or went
    bool overflowed = false;             // events were lost
    std::vector<std::string> modified;   // paths of files written to
    std::vector<std::string> came_went;  // paths of files that were written and never listed
    std::vector<std::string> let_go;     // paths of let-go files that were written
  };
  // `concerns`: whether a file or directory of this path may matter. Directories are often shared.
  explicit WatchDirectories(std::function<bool(const std::string& path)> concerns)
      : concerns_(std::move(concerns)) {}
  // Watches these from now on; of one that does not exist, the nearest parent that does. True when
  // something was watched that was not before: list again, since it may have changed in between.
  bool Watch(const std::vector<std::string>& directories);
  void Listed(const std::string& path) { brief_.Listed(path); }
  // The reader closes this file, which has no name any more that it knows. A write to it is told,
  // once. False: it will not be.
  bool LetGo(int fd, const std::string& path);
  Hints Drain();
  int fd() const { return fd_.get(); }
  // Why there will be no hints; empty when there will. The owner then lists by a timer.
  std::string_view problem() const { return problem_; }
  // Some directory is on a file system that does not tell what other machines do.
  bool remote() const { return remote_; }

 private:
  void Take(uint32_t mask, uint32_t cookie, const std::string& path, Hints& hints);
  std::function<bool(const std::string& path)> concerns_;
  UniqueFd fd_;
  std::string_view problem_;
  bool remote_ = false;
  std::map<int, std::set<std::string>> paths_;  // one directory may be known by several names
  std::set<std::string> watched_;
  std::map<int, std::string> let_go_;
  BriefFiles brief_;
};
