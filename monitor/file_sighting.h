#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/fact.h"
#include "monitor/time.h"

// What the collectors see of canonical files, as a batch carries it to the ledger. A sighting is
// what stat said at one moment; whether it is news is for the ledger to say, which turns into facts
// what it did not know. Seeing anything twice changes nothing. Plain data; Text slices point into
// the batch; `files` is an index into the configuration's canonical_files.

// How surely the process behind an event was identified, best first.
enum class Confidence : uint8_t {
  kHeld,      // it lived when it was asked, and was held by a pidfd meanwhile
  kExecuted,  // it had ended; its executable is known from when it was executed
  kPid,       // only the number is known
  kUnknown,   // the kernel does not tell whom to ask, without privileges
};
std::string_view NameOf(Confidence confidence);

// A process that did something to a file.
struct Actor {
  int32_t pid = 0;         // 0: unknown
  int64_t user = -1;       // -1: unknown
  std::string process;     // its name, as in /proc/PID/comm; empty: unknown
  std::string executable;  // path; empty: unknown
  std::string unit;        // its systemd unit, else its cgroup; empty: unknown
  Confidence confidence = Confidence::kUnknown;
};

// One content of a path: another file, or the same one written anew.
struct Generation {
  Text handle;          // of name_to_handle_at, type and bytes in hexadecimal digits; empty: the
                        // file system has none, so inode and birth stand for it
  uint64_t inode = 0;   // reused at once by some file systems: never the identity alone
  int64_t born_ns = 0;  // Unix ns; 0: the file system does not say
  int64_t modified_ns = 0;  // Unix ns
  int64_t size_bytes = 0;
};

// A canonical file that was looked at.
struct FileSighting {
  int16_t files = -1;
  bool present = true;         // false: there is none of that name
  bool opened_before = false;  // `actor` had opened the generation that this one took the place of
  int32_t actor = -1;          // who changed it, an index into Batch::actors; -1: nobody can tell
  Text directory;              // absolute, without a slash at its end
  Text name;                   // within it
  Text project;
  Day day;
  Generation generation;  // of a present one
  Text renamed_to;        // of an absent one, where an event told: the path it has now
  Time seen_at{};
};

// A whole directory that was listed: its canonical files of one format are sightings [first, first
// + count) of the batch, and what else the ledger knows of it is gone. `modified_ns` is its own
// modification time before it was listed, 0 where that is too young to be relied on (a file may
// still come within the same tick of the clock) or where the directory is gone.
struct DirectoryListing {
  int16_t files = -1;
  uint32_t first = 0, count = 0;
  Text directory;
  int64_t modified_ns = 0;
  Time listed_at{};
};

// A directory that the ledger knows from a scan before, for the next one to begin with.
struct KnownDirectory {
  int16_t files = -1;
  std::string path;
  int64_t modified_ns = 0;  // as it was listed
};

// A file whose rows are to be counted, as the ledger knows it: of which generation the count is.
struct FileToCount {
  int16_t files = -1;
  std::string directory, name;
  std::string handle;
  uint64_t inode = 0;
  int64_t born_ns = 0, modified_ns = 0, size_bytes = 0;
};

// All directories of one format have been looked at since `began_at`, or could not be: `reason`.
struct ScanEnd {
  int16_t files = -1;
  std::string reason;  // empty: everything was seen
  Time began_at{}, ended_at{};
};

// Reads by one process of one canonical file that is declared dead.
struct FileRead {
  int16_t files = -1;
  bool excepted = false;  // by the configuration: counted, no fact
  bool bytes = false;     // bytes were returned; else it was only opened (as mmap does)
  int32_t actor = -1;
  int32_t reads = 1;
  Text directory, name;
  Text project;
  Day day;
  Text handle;  // of the generation that was read, empty: unknown
  Time first_at{}, last_at{};
};

// A file whose path ends like that of a canonical one, in another place than those of its format.
struct MisplacedFile {
  int16_t files = -1;
  int32_t actor = -1;
  Text path;
  Text place;  // what stands there for the root of the format's files: "/data/row-v2"
  Text project;
  Day day;
  Time seen_at{};
};

// Rows counted in a canonical file itself.
struct FileCount {
  int16_t files = -1;
  Text directory, name;
  Text handle;         // of the generation that was counted: still there afterwards
  uint64_t inode = 0;  // and its inode and birth
  int64_t born_ns = 0;
  int64_t modified_ns = 0;
  int64_t size_bytes = 0;
  int64_t rows = kUnknownCount;
  std::string problem;  // why it could not be counted; empty: it was
  Time counted_at{};
};

// A copy of one generation in the preserve directory.
struct KeptCopy {
  int16_t files = -1;
  // It has blocks in common with the file, copied when either is written. Else it is a hard link,
  // which is worth nothing once its file is rewritten in place.
  bool reflink = false;
  Text directory, name;  // of the canonical file
  Text project;
  Day day;
  uint64_t inode = 0;  // these four as in Generation
  int64_t born_ns = 0, modified_ns = 0, size_bytes = 0;
  Text copy;  // its path
  Time kept_at{};
};

// A copy that is no more.
struct ReleasedCopy {
  Text copy;
  std::string reason;
  Time released_at{};
};

// A copy that is to be removed, or looked at, as the ledger knows it.
struct CopyToCheck {
  int64_t id = 0;
  std::string copy;
  int64_t modified_ns = 0, size_bytes = 0;
  std::string reason;  // to be removed: why
};

// All that was seen of canonical files since the previous batch, in the order in which it was seen.
struct FileNews {
  std::vector<Actor> actors;
  std::vector<FileSighting> sightings;
  std::vector<DirectoryListing> listings;
  std::vector<ScanEnd> scans;
  std::vector<FileRead> reads;
  std::vector<MisplacedFile> misplaced;
  std::vector<FileCount> counts;
  std::vector<KeptCopy> kept;
  std::vector<ReleasedCopy> released;

  bool empty() const {
    return sightings.empty() && listings.empty() && scans.empty() && reads.empty() &&
           misplaced.empty() && counts.empty() && kept.empty() && released.empty();
  }
};
