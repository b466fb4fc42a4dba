#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "collectors/log_file.h"
#include "monitor/error.h"

// Which files a source's globs name now, with the rotated siblings of what they name. Stateless;
// what it returns is a moment's view: the file that is opened later decides.

// "/var/log/app*/x-?.log" split into the trusted directory and what is looked for below it.
struct LogPattern {
  std::string base;                     // "/var/log": may be reached through symbolic links
  std::vector<std::string> components;  // {"app*", "x-?.log"}: never through one
};
Result<LogPattern> ParseLogPattern(const std::string& glob);
// The path itself, whatever characters it has, without siblings.
Result<LogPattern> LiteralLogPattern(const std::string& path);

struct ListedLog {
  std::string base;
  std::string below;      // path relative to it
  std::string directory;  // of the file, as configured
  std::string stem;       // the name before rotation
  bool rotated = false;
  bool unreadable_archive = false;
  FileState state;
  std::string Path() const { return base + "/" + below; }
  std::string StemPath() const { return directory + "/" + stem; }
};

// A name that is configured or matched but is no log that can be read now.
struct ListingProblem {
  std::string path;
  std::string_view reason;
  bool expected = false;  // merely not there yet, or a directory: nothing is being missed
};

struct LogListing {
  std::vector<ListedLog> logs;  // by stem, oldest first, plain before archives of the same rotation
  std::vector<ListingProblem> problems;
  std::vector<std::string> directories;  // listed
};

LogListing ListLogs(const std::vector<LogPattern>& patterns, bool with_siblings);
// Whether a listing with siblings has a log of this path.
bool Lists(const LogPattern& pattern, const std::string& path);
// Whether a listing with siblings could change with what has this path.
bool Concerns(const LogPattern& pattern, const std::string& path);
