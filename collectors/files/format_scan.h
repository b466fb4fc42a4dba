#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/files/directory_names.h"
#include "collectors/files/file_look.h"
#include "collectors/files/file_pattern.h"
#include "monitor/batch.h"
#include "monitor/time.h"

// Of an errno: no directory is there, or a symbolic link, which is none for us. All else leaves
// open what is there.
bool IsAbsence(int error);

// The directories of one format, and what is in them told to a batch. Owned by FileScan, its thread
// only.
//
// Nothing is remembered of files. Of a directory its path, its time and the number of its files:
// about 100 bytes and its path, so 100,000 directories take 16 MB at paths of 45 bytes. They are
// ordered by path, which puts each before those beneath it; the same map is therefore the list of
// what a pass still has to do, and what a pass finds is put into its way.
class FormatScan {
 public:
  FormatScan(int16_t files, FilePattern pattern, const Clock& clock)
      : files_(files), pattern_(std::move(pattern)), clock_(clock) {
    directories_.try_emplace(pattern_.root());
  }

  // From the ledger; one that is not where the pattern has files is left alone.
  void Know(const KnownDirectory& directory);

  // The first directory after `path` in order; nothing: there is none.
  std::optional<std::string> Next(std::string_view path) const;

  enum class How {
    kIfMoved,  // is listed if its time moved
    kAnyway,   // is listed
    kHinted,   // is listed, and what else is to be visited on account of it is told
  };
  struct Visit {
    int error = 0;                    // an errno: it could not be read, and nothing is told of it
    int64_t looks = 1;                // files and directories that were looked at, for rate limits
    int64_t files = 0;                // that are in it
    std::vector<std::string> follow;  // kHinted: new directories in it, and what went with it
  };
  // A directory that is not there is told as empty if it was known, and forgotten.
  Visit VisitDirectory(const std::string& path, How how, Batch& batch);

  // Between pieces of work no descriptor is held, so that nothing keeps a file system busy.
  void Close();

  const FilePattern& pattern() const { return pattern_; }
  int64_t directories() const { return static_cast<int64_t>(directories_.size()); }
  int64_t files() const { return all_files_; }

 private:
  struct Directory {
    int64_t modified_ns = 0;  // as it was listed; 0: is to be listed again
    uint32_t files = 0;
    bool told = false;  // the ledger knows it
  };
  using Directories = std::map<std::string, Directory, std::less<>>;

  int Open();
  void Gone(const std::string& path, How how, Batch& batch, Visit& visit);
  bool Unmoved(const std::string& path);
  int ListFiles(int fd, const std::string& path, Batch& batch, Visit& visit);
  int TellFiles(int fd, const std::string& path, bool carefully, Batch& batch, Visit& visit);
  int ListDirectories(int fd, const std::string& path, How how, Visit& visit);
  void FollowMissing(const std::string& path, const std::vector<std::string>& present,
                     Visit& visit) const;
  void Remember(const std::string& path, int64_t modified_ns, int64_t files);
  bool IsYoung(int64_t modified_ns) const;

  int16_t files_;
  FilePattern pattern_;
  const Clock& clock_;
  Directories directories_;
  int64_t all_files_ = 0;
  std::optional<FileLook> look_;  // none: the root was never there
  bool open_ = false;
  DirectoryNames names_;
  FileStatus status_;
};
