#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/file_fact.h"
#include "monitor/sqlite.h"

// Tables `reader` and `file_read`: which programs have read which files of dead formats. Owned by
// the ledger, its thread only, within its transaction.
class ReaderBook {
 public:
  // A program, and all that it has read of one format.
  struct Reader {
    int64_t id = 0;
    int64_t reads = 0, opens = 0, files = 0;
    int64_t first_at = 0, last_at = 0;  // Unix ms
  };

  explicit ReaderBook(Database& database);
  // `directory`: as FileBook knows it.
  Reader Add(int64_t format, int64_t server, int64_t directory, const ReadFact& read);
  // Some of the paths that it read, the latest first.
  std::vector<std::string> SamplePaths(int64_t reader);

 private:
  bool AddFile(int64_t reader, int64_t directory, const ReadFact& read);

  Database& database_;
  Statement find_, insert_, update_, add_file_, count_file_, sample_;
};
