#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/file_sighting.h"

// What facts about canonical files say beyond their columns: the JSON objects in their `detail`, as
// values. What is written here is read back the same, since the tables of files are made from it.

enum class FileChange : uint8_t {
  kFound,        // by the first scan of its format
  kCreated,      // no file was known there
  kReappeared,   // one was, and had gone
  kReplaced,     // another file is there now
  kRewritten,    // the same file has other content: in place
  kRenamedAway,  // it went elsewhere
  kDeleted,
  kUncountable,  // its rows cannot be counted
};
std::string_view NameOf(FileChange change);
bool IsGone(FileChange change);

// How much earlier than its file, as seen, the run that wrote it may be logged: it may say so
// before the rename, and by a clock of its own.
inline constexpr std::chrono::milliseconds kLoggedBefore = std::chrono::minutes(1);

// Kind `file`: another generation of a path, or none any more.
struct FileFact {
  FileChange change = FileChange::kFound;
  std::string directory, name;
  std::string handle;  // these five as in Generation
  uint64_t inode = 0;
  int64_t born_ns = 0, modified_ns = 0, size_bytes = 0;
  int64_t previous_size_bytes = -1;  // of the generation before, -1: there was none
  bool opened_before = false;        // as in FileSighting
  std::string renamed_to;            // kRenamedAway
  std::string problem;               // kUncountable
  std::optional<Actor> by;
};
std::string WriteDetail(const FileFact& fact);
FileFact ParseFileFact(std::string_view detail);

// Kind `read`: one process read one file that is declared dead.
struct ReadFact {
  std::string directory, name, handle;
  bool bytes = false;  // as in FileRead
  int64_t reads = 1;
  int64_t first_at = 0, last_at = 0;  // Unix ms
  Actor by;
};
std::string WriteDetail(const ReadFact& fact);
ReadFact ParseReadFact(std::string_view detail);

// Kind `misplaced`: see MisplacedFile.
struct MisplacedFact {
  std::string path, place;
  std::optional<Actor> by;
};
std::string WriteDetail(const MisplacedFact& fact);
MisplacedFact ParseMisplacedFact(std::string_view detail);

// Kind `kept`: see KeptCopy. Kind `released`: its `copy`, and why it is no more.
struct KeptFact {
  std::string directory, name;
  uint64_t inode = 0;
  int64_t born_ns = 0, modified_ns = 0, size_bytes = 0;
  bool reflink = false;
  std::string copy;
};
std::string WriteDetail(const KeptFact& fact);
KeptFact ParseKeptFact(std::string_view detail);
struct ReleasedFact {
  std::string copy, reason;
};
std::string WriteDetail(const ReleasedFact& fact);
ReleasedFact ParseReleasedFact(std::string_view detail);

// Kind `recount`: which files were counted for it; the partition's others were known already.
struct CountedRows {
  std::string directory, name;
  int64_t rows = 0;
};
std::string WriteDetail(const std::vector<CountedRows>& files);
std::vector<CountedRows> ParseCountedRows(std::string_view detail);
