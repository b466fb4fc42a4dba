#pragma once

#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "collectors/files/command_rows.h"
#include "collectors/files/read_pace.h"
#include "monitor/batch.h"
#include "monitor/config.h"
#include "monitor/queue.h"
#include "monitor/unique_fd.h"

// Rows of canonical files, counted in the files themselves, whatever the compactor's log claims.

// How the files of one format are counted.
struct RecountMethod {
  std::string root;                             // of their pattern; no link beneath it is followed
  std::vector<std::string> recount = {"none"};  // as in the configuration
};
RecountMethod MethodOf(const CanonicalFilesConfig& files);

// What came of one file.
struct RecountedFile {
  FileToCount file;
  RowCount count;  // its problem is about the file: "changed while it was counted"
  Time counted_at{};
};
void AddTo(Batch& batch, const RecountedFile& recounted);

// Counts on the calling thread, that generation of the file and no other. It is opened so that its
// access time stays; where that cannot be, it is a problem. A program of `exec` opens the file
// itself, and moves the access time unless the file system is mounted noatime. `commands` may be
// null: then `exec` is a problem.
RecountedFile CountRows(const FileToCount& file, const RecountMethod& method, ReadPace& pace,
                        CommandRunner* commands, const Clock& clock);

// Counts one file after the other on a thread of its own, which gives way to everybody. Owned by
// the session. Add() and Take() are for one thread, which makes and ends it, too; the end waits for
// no file, only for a system call that is under way. What was not counted by then is dropped: the
// ledger knows what was never counted and asks again.
class Recounter {
 public:
  struct Limits {
    int64_t bytes_per_second = int64_t{64} << 20;
    size_t files = 1024;  // waiting to be counted, and as many counted that wait to be taken
  };
  // `commands` (may be null) and `clock` must outlive it; nobody else uses `commands` meanwhile.
  Recounter(const Limits& limits, const std::vector<CanonicalFilesConfig>& files,
            CommandRunner* commands, const Clock& clock);
  ~Recounter();
  Recounter(const Recounter&) = delete;
  Recounter& operator=(const Recounter&) = delete;

  // They are counted in the order in which they are added. False: there are enough for now.
  bool Add(FileToCount file);
  // What was counted since, in that order. Also quiets wake_fd().
  std::vector<RecountedFile> Take();
  // To be polled for POLLIN: there is something to take.
  int wake_fd() const { return wake_.get(); }

 private:
  void Run();

  std::vector<RecountMethod>
      methods_;  // counting thread, as `commands_` and `pace_` but for Stop()
  CommandRunner* const commands_;
  const Clock& clock_;
  ReadPace pace_;
  UniqueFd wake_;
  Queue<FileToCount> waiting_;
  Queue<RecountedFile> counted_;
  std::thread thread_;  // the last, since it uses the others
};
