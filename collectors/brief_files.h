#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

// Files that came, were written and went again before their directory was listed, told from the
// events alone: nobody can know what was in them, unless they were compressed first. Owned by
// WatchDirectories, collector thread only.
class BriefFiles {
 public:
  void Created(const std::string& path) { unlisted_[path] = false; }
  void Written(const std::string& path);
  // `cookie` joins the two halves of a rename; a file that comes from elsewhere has only one.
  void MovedFrom(uint32_t cookie, const std::string& path);
  void MovedTo(uint32_t cookie, const std::string& path);
  void Deleted(const std::string& path);
  // Somebody has seen it.
  void Listed(const std::string& path);
  // Where they were last, each once. After all events that there are now: of a rename that may be
  // the first half only, so that it counts as gone the next time.
  std::vector<std::string> TakeLost();

 private:
  struct Renamed {
    std::string path;
    bool unlisted = false;
    bool written = false;
    bool late = false;  // its second half was not among the events of its first
  };
  std::map<std::string, bool> unlisted_;  // by path: whether it was written to
  std::map<uint32_t, Renamed> renamed_;   // by cookie: on its way
  std::vector<std::string> lost_;
};
