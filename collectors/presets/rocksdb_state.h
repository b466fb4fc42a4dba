#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "monitor/fact.h"

// All that the RocksDB joiner remembers between two lines, as data that can be written down. Its
// size follows the table files on disk (some 15 bytes each), since a file is forgotten when it is
// deleted.

struct RocksFamily {
  std::string name;
  int64_t id = -1;  // unknown where only events named it
  bool dropped = false;
};

struct RocksFile {
  enum class Fate {
    kCreated,  // its job has not finished
    kLive,
    kConsumed,     // a finished job merged it
    kFailed,       // its job failed
    kFifo,         // FIFO compaction picked it for deletion
    kInterrupted,  // live, and the input of a job that a restart cut off
    kDoubtful,     // live as far as was seen, but lines were lost that may say otherwise
  };
  int family = -1;  // key into RocksState::families
  Fate fate = Fate::kCreated;
};

struct RocksOutput {
  int64_t file = -1;
  int family = -1;
  int64_t records = 0;
  int64_t range_deletions = 0;
};

struct RocksJob {
  enum class Kind { kUnknown, kFlush, kCompaction, kRecovery };
  int64_t id = -1;  // unique among the open jobs, except that one job may flush several families
  Kind kind = Kind::kUnknown;
  int family = -1;
  bool started = false;    // its event was seen, not only its announcement
  bool announced = false;  // the kStartedRun fact is written
  bool skipped = false;    // some inputs were not read, since all in them was deleted
  int64_t micros = 0;
  int64_t memtable_records = kUnknownCount;
  std::string reason;
  std::string error;
  std::vector<int64_t> inputs;
  std::vector<RocksOutput> outputs;
};

std::string_view NameOf(RocksJob::Kind kind);

// A deletion whose reason only the end of an open job will tell.
struct RocksHeldDeletion {
  int64_t file = -1;
  int64_t micros = 0;
  int64_t deleted_by = -1;  // job
  int64_t waits_for = -1;   // job
};

struct RocksMove {
  int family = -1;
  int64_t file = -1;
  int64_t level = -1;
  int64_t bytes = 0;
};

// What the line for people said of a compaction that its event will not say.
struct RocksStatus {
  int family = -1;
  int64_t input_records = kUnknownCount;
  std::string error;
  bool skipped = false;
};

// Why a file was deleted, and whether that is certain.
struct RocksReason {
  std::string_view name;
  bool certain = true;
};

struct RocksState {
  std::string version = "unknown";
  std::string session;
  bool opening = false;       // between the start of a session and "DB pointer"
  bool begun_by_id = false;   // and the manifest line that follows is the same start
  bool closed = false;        // the session said that it ended
  bool frees_ranges = false;  // DeleteFilesInRange() was seen to be used
  int64_t micros = 0;         // of the last event
  int next_family = 0;
  std::map<int, RocksFamily> families;
  std::map<int64_t, RocksFile> files;
  std::vector<RocksJob> jobs;  // open ones
  std::vector<RocksHeldDeletion> held;
  std::vector<RocksMove> moves;
  std::vector<RocksStatus> statuses;
  std::set<int64_t> seen_jobs;  // the highest of this session that began a flush or a compaction

  // The family's key; a name or id unknown so far makes one, no name gives -1.
  int FamilyNamed(const std::string& name, int64_t id = -1);
  std::string NameOf(int family) const;
  void DropFamily(int64_t id);
  int FamilyOf(const RocksJob& job) const;

  // Null where there is none. A family of -1 is any. Valid until the jobs change.
  RocksJob* OpenJob(int64_t id, int family);
  RocksJob& NewJob(int64_t id, RocksJob::Kind kind);
  // Takes what was said of this compaction, if anything.
  void TakeStatus(RocksJob& job, int64_t input_records);
  // The fate of its files, now that the job ended; and of its inputs, when a restart cut it off.
  void Settle(const RocksJob& job, bool failed);
  void Interrupt(const RocksJob& job);
  // Lines were lost: of no file that was live can be said any more that no job consumed it.
  void Doubt();
  void DoubtFile(int64_t file);
  // False for a file never seen.
  bool PickForFifo(int64_t file);
  // The moves that one trivial_move event is about: those of one family whose total it states.
  std::vector<RocksMove> TakeMoves(int64_t level, int64_t count, int64_t bytes);

  // The open job whose end will tell why this file was deleted; -1: none.
  int64_t WaitsFor(int64_t file) const;
  //   obsolete               a finished job merged it
  //   failed_job             an output of a job that failed or was cut off
  //   fifo                   FIFO compaction picked it
  //   dropped_family         its column family was dropped
  //   delete_files_in_range  live, deleted by a job of its own that merges nothing: only the calls
  //                          DeleteFilesInRange() and DeleteFile() do that
  //   unmerged               live, and no finished job consumed it: data is gone
  // and what is not certain:
  //   interrupted_job        live, input of a job that a restart cut off, deleted while opening:
  //                          the job had been installed, but its last lines were lost
  //   lines_lost             live, but a job whose lines were lost may have consumed it
  //   released               live, and deleted once its last reader was done, by whoever that was:
  //                          DeleteFilesInRange() may have taken it out of the database before
  RocksReason WhyDeleted(const RocksFile& file, int64_t deleted_by) const;
  void FinishOpening();

  std::string Write() const;
  // An empty state for what Write() did not write: then the log is read on as from its middle.
  static RocksState Read(std::string_view text);
};
