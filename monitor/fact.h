#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/time.h"

// What one log line or one file event said, normalised. Plain data: made by one thread, moved
// through the queue within a Batch, read by another.

inline constexpr int64_t kUnknownCount = -1;            // absent in the log: never 0
inline constexpr int64_t kMaxCount = int64_t{1} << 53;  // larger or negative counts are quarantined

// The kinds this version writes. The set is open: the ledger stores the kind's name and passes
// kinds it does not know through untouched.
enum class FactKind : uint8_t {
  kRun,              // a finished compaction of one partition
  kFailedRun,        // changes nothing but its counter
  kStartedRun,       // for compaction_overdue
  kSegmentsDeleted,  // segments: files removed; `detail` names them and why
  kBlind,            // a span in which the source was not watched; `detail`: reason, from, to
  kQuarantined,      // bytes [offset, offset+length) of a log that make no fact; `detail`: reason
  kPermit,           // an operator explains a decrease in advance or in arrears
  kAnnotation,       // an operator's remark
  kDeploy,           // a release reached a server
  kRecount,          // rows counted in the canonical files themselves, in `written`
  kFile,             // another generation of a canonical file, or none any more (file_fact.h)
  kRead,             // a process read a canonical file that is declared dead
  kMisplaced,        // a file called like a canonical one, elsewhere
  kKept,             // a copy of a generation is kept beside the store (file_fact.h)
  kReleased,         // such a copy is no more; `detail` says why
};
inline constexpr FactKind kLastFactKind = FactKind::kReleased;
std::string_view NameOf(FactKind kind);

// A slice of Batch::text.
struct Text {
  uint32_t at = 0;
  uint32_t size = 0;
};

struct Fact {
  FactKind kind = FactKind::kRun;
  bool synthetic = false;  // the canary's
  int16_t source = -1;     // index into the configuration's compaction_logs; -1: not from a log
  uint32_t log = 0;        // LogPosition::log that it was read from; 0: none
  uint32_t length = 0;     // bytes of the line, newline excluded
  int32_t epoch = 0;       // blind intervals and quarantined lines of the source before this one
  int64_t offset = 0;      // of the line's first byte, in the decompressed log
  Time logged_at{};        // their clock; the epoch itself: unknown
  Day day;
  Text server;   // empty: the configured server
  Text project;  // empty: not about one partition
  Text format;
  Text run;
  Text batch;
  Text version;
  Text path;    // of the canonical file written, with {project} and {day} in their places
  Text detail;  // a JSON object, for what has no column
  // Counts in the source's unit, kUnknownCount where the log does not say.
  int64_t existing = kUnknownCount;
  int64_t fresh = kUnknownCount;
  int64_t recovered = 0;
  int64_t duplicates = 0;
  int64_t deleted = 0;
  int64_t written = kUnknownCount;
};

// The format's name where the log says none.
inline constexpr std::string_view kNoFormat = "-";
