#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dashboards/documents.h"
#include "monitor/file_rows.h"

// The JSON documents about kept generations: `kept` and `restore`. Pure functions, as in
// documents.h.

Document KeptDocument(const std::vector<KeptRow>& kept);

// A generation that was written back.
struct RestoredFile {
  KeptRow kept;
  std::string path;
  std::optional<int64_t> rows;  // counted in what was written
  std::string problem;          // why it could not be counted, or not be written
  bool written = false;
};
// "matches", "differs", "not_counted" or "not_written".
std::string VerdictOf(const RestoredFile& restored);
Document RestoredDocument(const std::vector<RestoredFile>& restored);
