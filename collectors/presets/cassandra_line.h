#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/fact.h"

// What one line of a Cassandra log says of sstables. Pure. The forms that are read:
//
// 1.2  … Compacted 4 sstables to [/d/ks/t/ks-t-ic-6,].  5,956 bytes to 5,687 (~95% of original) in
//      158ms = 0.034326MB/s.  4 total rows, 1 unique.  Row merge counts were {1:0, 2:0, 3:0, 4:1, }
// 2.1  INFO  [CompactionExecutor:1] 2019-12-18 11:17:52,011 CompactionTask.java:141 - Compacting
//      [SSTableReader(path='/d/ks/t-HEX/ks-t-ka-1-Data.db'), …]
//      … - Compacted 4 sstables to [/d/ks/t-HEX/ks-t-ka-5,].  698 bytes to 215 (~30% of original)
//      in 63ms = 0.003255MB/s.  5 total partitions merged to 2.  Partition merge counts were {1:1,
//      4:1, }
// 3.x, 4.x  … Compacting (UUID) [/d/ks/t-HEX/nb-24-big-Data.db:level=0, ]
//      … Compacted (UUID) 4 sstables to [/d/ks/t-HEX/nb-25-big,] to level=0.  … 8 total partitions
//      merged to 3.  Partition merge counts were {2:2, 4:1, }. Time spent writing keys = 38ms
// 5.1, HCD  … Compacted (UUID (1/4)) …, Compacted (UUID range (-7,5]) …   one of several tasks that
//      share their inputs
// DSE 6.8  the same, but a count's key is the number of sstables merged less one: {0:6, 1:1, }
// Scylla  … [shard 0] compaction - [Compact ks.t UUID] Compacted 4 sstables to [PATH:level=0]. …
//      ~384 total partitions merged to 2.   (an estimate, and no counts)
// flush  … Memtable.java:382 - Completed flushing /d/ks/t-HEX/ks-t-tmp-ka-1-Data.db (0.000KiB) …
//
// An sstable is named by its path without component ("-Data.db") and without the tmp marker that it
// loses when it becomes live. Numbers are grouped as the server's locale does.

struct CassandraLine {
  enum class Kind { kOther, kBroken, kVersion, kCompacting, kCompacted, kFlushed };
  Kind kind = Kind::kOther;
  std::string_view reason;  // kBroken: a constant
  std::string_view time;    // "2019-12-18 11:17:52,075"; empty where there is none
  std::string join;         // what "Compacting" and its "Compacted" have in common; empty: nothing
  std::string run;          // the compaction's id; empty before 3.0
  std::string text;         // kVersion
  std::string table;        // keyspace.table, where the line itself names it
  std::vector<std::string> sstables;    // inputs of kCompacting, outputs of the others
  int64_t input_count = kUnknownCount;  // "Compacted 4 sstables": those that had expired whole too
  int64_t before = kUnknownCount;       // partitions
  int64_t after = kUnknownCount;
  bool part = false;  // others read the same inputs
  bool estimate = false;
  bool zero_based = false;
  bool has_counts = false;
  std::map<int64_t, int64_t> merge_counts;  // number of sstables to partitions
};

CassandraLine ParseCassandraLine(std::string_view line);

// "/d/ks/t-HEX/ks-t-ka-5" gives "ks.t"; of a secondary index "ks.t.index"; else nothing.
std::string TableOf(std::string_view sstable);
