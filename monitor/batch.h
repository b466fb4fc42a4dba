#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/fact.h"
#include "monitor/file_sighting.h"

// What the collectors hand to the ledger at once: facts of compaction logs with the read positions
// they belong to, and what was seen of canonical files. Plain data: made by one thread, moved
// through the queue, read by another.

// Proof of which log this is: hashes of content, never the inode alone (inodes are reused).
struct LogAnchor {
  int64_t begin = 0;  // byte range hashed, in the decompressed log
  int64_t end = 0;
  uint64_t hash = 0;  // XXH3 of them (collectors/log_anchor.h)
};

// How far one log has been read. Committed in the same transaction as the facts of [from, to).
struct LogPosition {
  uint32_t log = 0;  // dense id, given by the tail, never reused in this ledger
  int16_t source = -1;
  std::string path;  // where it was last seen
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t from = 0;          // the committed offset before this batch
  int64_t to = 0;            // byte after the last newline consumed
  LogAnchor head;            // of the first min(1 KiB, to) bytes
  LogAnchor tail;            // of the last min(4 KiB, to) bytes before `to`
  bool finished = false;     // rotated away and read to its end
  std::string joiner_state;  // what a preset's joiner needs to go on from `to`
};

// Lines of one source since the previous batch.
struct LineCounts {
  int64_t lines = 0;
  int64_t ignored = 0;      // `match` or the pattern did not select them
  int64_t quarantined = 0;  // each is a fact too
};

// What is committed at once. Facts are in reading order; all Text slices point into `text`.
struct Batch {
  std::string text;
  std::vector<Fact> facts;
  std::vector<LogPosition> positions;
  std::vector<LineCounts> lines;  // by source index
  FileNews files;
  Time observed_at{};

  std::string_view View(Text slice) const { return {text.data() + slice.at, slice.size}; }
  Text Add(std::string_view value) {
    Text slice{static_cast<uint32_t>(text.size()), static_cast<uint32_t>(value.size())};
    text.append(value);
    return slice;
  }
  bool empty() const { return facts.empty() && positions.empty() && files.empty(); }
};
