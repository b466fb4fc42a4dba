#pragma once

#include <cstdint>
#include <string_view>

// What can be seen of file events with the privileges, the kernel and the file systems at hand,
// best first (research: fanotify(7), measured). Said in log, metrics and API.
enum class WatchLevel : uint8_t {
  kFull,          // CAP_SYS_ADMIN, CAP_DAC_READ_SEARCH
  kNoPaths,       // CAP_SYS_ADMIN only: handles cannot be turned into paths
  kUnprivileged,  // fanotify without capabilities: marks on directories, nobody named
  kInotify,
  kScanOnly,
};
std::string_view NameOf(WatchLevel level);
// One plain sentence each.
std::string_view Sees(WatchLevel level);
std::string_view CannotSee(WatchLevel level);
