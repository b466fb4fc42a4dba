#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/files/file_look.h"
#include "collectors/files/file_pattern.h"
#include "monitor/batch.h"
#include "monitor/config.h"
#include "monitor/error.h"
#include "monitor/time.h"
#include "monitor/unique_fd.h"

// Generations of canonical files, kept in a directory of their own on the same file system, so that
// what replaces one does not destroy it. A copy is a reflink where the file system can, else a hard
// link: that survives rename and unlink, not a write into the same file.
//
// A copy of ROOT/below/NAME is DIRECTORY/FORMAT/below/NAME@MODIFIED.INODE.BORN.SIZE (times in Unix
// nanoseconds, all decimal), so that it is known again by its path alone: what was kept and never
// committed is found after a crash, and people find their way without rollcall.

struct CopyName {
  std::string name;  // of the canonical file
  uint64_t inode = 0;
  int64_t born_ns = 0, modified_ns = 0, size_bytes = 0;
};
std::string NameOfCopy(std::string_view name, const FileStatus& status);
// Nothing: it is not called like a copy.
std::optional<CopyName> ParseCopyName(std::string_view name);

// How well generations are being kept.
struct KeeperStatus {
  std::string method;   // "reflink" or "link"; empty: nothing can be kept now
  std::string problem;  // the last that came up, a sentence; empty: none since the last success
  int64_t made = 0;     // copies
  int64_t failed = 0;   // generations of which none could be made
};

// Owned by the collector of canonical files, its thread only. What it cannot do it counts and says;
// it never holds up what it stands beside.
class Keeper {
 public:
  // `patterns`: of `files`. All of them outlive it.
  Keeper(const PreserveConfig& config, const std::vector<CanonicalFilesConfig>& files,
         const std::vector<FilePattern>& patterns, const Clock& clock);

  bool Preserved(int16_t files) const { return preserved_[static_cast<size_t>(files)]; }
  // Keeps that generation unless it is kept already, and adds the copy to the batch. `look`: of its
  // format's root. A generation that is no longer there cannot be kept, which is no failure.
  void Keep(const FileLook& look, const FileSighting& sighting, Batch& batch);
  // Adds copies that are there from before, some `budget` of them. False: these were all.
  bool List(Batch& batch, int budget);
  // Opens its directory where it could not. `files`: copies that there are.
  void Tick(int64_t files);
  KeeperStatus status() const { return status_; }

 private:
  struct Listed {
    int16_t files = -1;
    std::string below;
  };

  Result<void> Open();
  Result<void> Make(const FileLook& look, const FileSighting& sighting, Batch& batch);
  bool IsCanonical(const std::string& directory, const std::string& name) const;
  // Make that copy in `place_`; 0 or an errno or kNotAFile.
  int Link(const FileLook& look, const std::string& directory, const std::string& name,
           const FileStatus& wanted, const std::string& copy_name) const;
  int Reflink(const FileLook& look, const std::string& directory, const std::string& name,
              const FileStatus& wanted, const std::string& copy_name) const;
  std::optional<int> Place(const std::string& within);
  void ListDirectory(const Listed& listed, Batch& batch);
  void Found(const Listed& listed, const std::string& name, const struct stat& status,
             Batch& batch);

  const PreserveConfig config_;
  const std::vector<CanonicalFilesConfig>& files_;
  const std::vector<FilePattern>& patterns_;
  const Clock& clock_;
  std::vector<bool> preserved_;  // by format
  UniqueFd directory_;
  bool reflinks_ = false;
  int64_t there_ = 0;            // copies, as of the last tick and made since
  std::vector<Listed> to_list_;  // directories
  std::string place_of_;         // what `place_` is, relative
  UniqueFd place_;
  KeeperStatus status_;
};

// Whether files in that directory can have blocks in common: tried with two that have no name.
bool CanReflink(int directory);
