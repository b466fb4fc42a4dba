#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/unique_fd.h"

// One mount of /proc/self/mountinfo (proc(5)).
struct Mount {
  int id = 0;
  std::string device;  // "major:minor"
  std::string point;   // without escapes
  std::string type;    // "ext4"
  bool operator==(const Mount&) const = default;
};
// In the kernel's order: of two at one point the later is on top. Lines that make no sense are left
// out.
std::vector<Mount> ParseMounts(std::string_view text);
// `path` is `above` or lies below it; both absolute, without a slash at their end but "/".
bool IsAtOrBelow(std::string_view path, std::string_view above);

// The mounts that this process sees, and whether they changed. One thread only.
class MountTable {
 public:
  MountTable();
  // True when mounts came or went since the last call, and at the first one.
  bool Changed();
  std::vector<Mount> Read() const;

 private:
  UniqueFd fd_;
  bool first_ = true;
};
