#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/fact.h"

// What one line of a RocksDB LOG says, as far as it bears on which table files are live. Pure.
//
// Two kinds of lines matter (RocksDB 4 to 11, db/event_helpers.cc, db/flush_job.cc,
// db/compaction/compaction_job.cc, db/db_impl/*.cc):
//   … EVENT_LOG_v1 {"time_micros": …, "job": 23, "event": "compaction_finished", …}
//   … [db/flush_job.cc:861] [CF] [JOB 2] Flushing memtable with next log file: 48
// The marker may stand anywhere, since Ceph and others prefix the lines. Lines written through the
// engine's log buffer start with "(Original Log Time …)" and come late: `time_micros` is the order.
//
// `oldest_key_time` and `newest_key_time` are not read: the engine writes each into the other.

struct RocksLine {
  enum class Kind {
    kOther,
    kBroken,            // the marker is there, but no event; `reason`
    kVersion,           // `text`
    kSession,           // `text`: the session id
    kRecovering,        // a database is being opened
    kOpened,            // and now it is open
    kClosed,            // and now it is closed, with nothing left to say
    kFamily,            // `family` has `id`
    kFamilyDropped,     // `id`
    kFlushBegins,       // `job` flushes `family` (an announcement; kFlushStarted follows)
    kCompactionBegins,  // `job` compacts `family`
    kFlushStatus,       // `job`, `family`, `text`: "OK" or an error
    kCompactionStatus,  // `family`, `input_records`, `text`, `file_count`: of inputs not read
    kFifoPick,          // FIFO compaction will delete `file` of `family`
    kMoving,            // `file` of `family`, `bytes`, `level`
    kFlushStarted,
    kFlushFinished,
    kCompactionStarted,   // `files`, `text`: the reason, `family` since 10.4
    kCompactionFinished,  // `input_records`, `output_records`, `output_files`
    kRecoveryStarted,
    kRecoveryFinished,
    kFileCreated,  // `file`, `family`, `id`, `records`, `range_deletions`
    kFileDeleted,  // `file`
    kTrivialMove,  // `level`, `file_count`, `bytes`
  };
  Kind kind = Kind::kOther;
  std::string_view reason;  // a constant
  int64_t micros = 0;
  int64_t job = -1;
  int64_t file = -1;
  int64_t id = -1;
  int64_t level = -1;
  int64_t bytes = -1;
  int64_t file_count = kUnknownCount;
  int64_t records = kUnknownCount;
  int64_t range_deletions = 0;  // before 6.0 they are no entries, and before 6.2 not logged
  int64_t input_records = kUnknownCount;
  int64_t output_records = kUnknownCount;
  int64_t output_files = kUnknownCount;
  std::string family;
  std::string text;
  std::vector<int64_t> files;
};

RocksLine ParseRocksLine(std::string_view line);
