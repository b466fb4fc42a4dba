#include "collectors/files/watch_level.h"

std::string_view NameOf(WatchLevel level) {
  switch (level) {
    case WatchLevel::kFull:
      return "full";
    case WatchLevel::kNoPaths:
      return "no_paths";
    case WatchLevel::kUnprivileged:
      return "unprivileged";
    case WatchLevel::kInotify:
      return "inotify";
    case WatchLevel::kScanOnly:
      return "scan_only";
  }
  return "scan_only";
}

std::string_view Sees(WatchLevel level) {
  switch (level) {
    case WatchLevel::kFull:
      return "canonical files that come, go, are replaced or rewritten, reads of dead ones, and "
             "the "
             "process behind each, wherever on the file system the file came from or went to";
    case WatchLevel::kNoPaths:
      return "canonical files that come, go, are replaced or rewritten, reads of dead ones, and "
             "the "
             "process behind each, in the directories that were found at the start or made since";
    case WatchLevel::kUnprivileged:
    case WatchLevel::kInotify:
      return "canonical files that come, go, are replaced or rewritten, and that dead ones are "
             "read, in the directories that were found at the start or made since";
    case WatchLevel::kScanOnly:
      return "canonical files as they are whenever they are looked at again";
  }
  return "";
}

std::string_view CannotSee(WatchLevel level) {
  switch (level) {
    case WatchLevel::kFull:
      return "opens that fail, and what is read below the file system (a disk's own copy, a backup "
             "of its blocks)";
    case WatchLevel::kNoPaths:
      return "where a file that was moved elsewhere went, misplaced files, and reads through other "
             "names (CAP_DAC_READ_SEARCH is missing)";
    case WatchLevel::kUnprivileged:
      return "which process did anything, misplaced files, and reads through other names "
             "(CAP_SYS_ADMIN is missing)";
    case WatchLevel::kInotify:
      return "which process did anything, misplaced files, and reads through other names (there is "
             "no fanotify here)";
    case WatchLevel::kScanOnly:
      return "any read, and any change that is undone before the next look: no file counts as "
             "unread (neither fanotify nor inotify works here)";
  }
  return "";
}
