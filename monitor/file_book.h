#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "monitor/fact_row.h"
#include "monitor/file_sighting.h"
#include "monitor/sqlite.h"

// A path of a canonical file and the newest generation of it, as the ledger knows them.
struct KnownFile {
  PartitionKey partition;
  int64_t directory = 0;  // id in table `directory`
  std::string name;       // within it
  bool present = false;
  std::string handle;  // see Generation
  uint64_t inode = 0;
  int64_t born_ns = 0, modified_ns = 0, size_bytes = 0;
  int64_t generations = 0;       // of this path so far
  int64_t seq = 0;               // of the fact that told of this one
  int64_t rows = kUnknownCount;  // counted in it
  bool to_count = false;
  int64_t run = 0;                // seq of the run that explains it, 0: none so far
  int64_t unexplained_since = 0;  // Unix ms; 0: explained, or nobody expects a run any more
};

// Table `file_tally`: what has been counted of a format's files. Owned by the ledger, its thread
// only, within its transaction.
class FileTally {
 public:
  explicit FileTally(Database& database);
  void Add(int64_t format, std::string_view what, int64_t count = 1);

 private:
  Statement add_;
};

// Tables `directory` and `file`: which canonical files there are. Owned by the ledger, its thread
// only, within its transaction.
class FileBook {
 public:
  explicit FileBook(Database& database);
  // After a rollback.
  void Forget() { directories_.clear(); }

  // The id of a directory of a format; a new one becomes a row.
  int64_t Directory(int64_t format, std::string_view path);
  std::string PathOf(int64_t directory);
  // When it had changed before it was listed, 0: it has to be listed again.
  void Listed(int64_t directory, int64_t modified_ns);
  std::vector<std::pair<std::string, int64_t>> Directories(int64_t format);

  std::optional<KnownFile> Find(int64_t directory, std::string_view name);
  void Put(const KnownFile& file);
  // Those that are there.
  std::vector<KnownFile> In(int64_t directory);
  std::vector<KnownFile> Of(const PartitionKey& partition);

  // Whose generation nothing has explained since `since` (Unix ms) or longer, of one format.
  std::vector<KnownFile> Unexplained(int64_t format, int64_t since);
  // The partitions of the `most` newest files of a format that are to be counted and have been at
  // rest since `at_rest_ns`; those that still wait for the run that wrote them come later.
  std::vector<PartitionKey> ToCount(int64_t format, int64_t at_rest_ns, int64_t most);

 private:
  static KnownFile Row(const Statement& row);
  static std::vector<KnownFile> Rows(Statement& rows);

  Database& database_;
  Statement find_directory_, insert_directory_, path_, listed_, find_, put_, in_, of_, unexplained_,
      to_count_;
  std::map<std::pair<int64_t, std::string>, int64_t> directories_;  // few are seen at a time
};
