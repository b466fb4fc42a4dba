#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/accounts.h"
#include "monitor/batch.h"
#include "monitor/config.h"
#include "monitor/fact_row.h"
#include "monitor/file_book.h"
#include "monitor/file_fact.h"
#include "monitor/file_lookout.h"
#include "monitor/journal.h"
#include "monitor/kept_book.h"
#include "monitor/names.h"
#include "monitor/reader_book.h"
#include "monitor/sqlite.h"

// Holds what collectors saw of canonical files against what the ledger knows: what is news becomes
// a fact, and the tables of files and readers are made of those facts alone. Owned by the ledger,
// its thread only, within its transaction.
class FileRegister {
 public:
  FileRegister(Database& database, const Config& config, Names& names, FileBook& files,
               BalanceBook& balances, FileLookout& lookout, Accounts& accounts,
               JournalEntry& entry);

  // `server`: whose files they are.
  void Open(int64_t server) { server_ = static_cast<int32_t>(server); }
  // What the batch carries of files. After its facts, so that a run is known before its file.
  void Take(const Batch& batch);
  // A run was booked: what it deleted is not to be kept.
  void SawRun(const FactRow& run);
  // Copies of generations.
  KeptBook& kept() { return kept_; }
  // See Ledger.
  std::vector<KnownDirectory> Directories();
  std::vector<FileToCount> FilesToCount(Time now, size_t most);
  // A fact of these kinds that comes from another ledger.
  void TakeAgain(FactRow& row);

 private:
  // One format's part of the configuration, as the ledger names it.
  struct Format {
    const CanonicalFilesConfig* config = nullptr;
    int32_t id = 0;
  };

  Format FormatAt(int16_t files);
  FactRow Row(FactKind kind, const Format& format, std::string_view project, Day day,
              int64_t logged_at);
  void Add(FactRow& row, std::string detail);

  void TakeSightings(const Batch& batch);
  void TakeSighting(const Batch& batch, const FileSighting& sighting);
  void EndListing(const Batch& batch, const DirectoryListing& listing);
  void Gone(const KnownFile& file, const Format& format, Time seen_at, FileFact fact);
  void TakeRead(const Batch& batch, const FileRead& read);
  void TakeMisplaced(const Batch& batch, const MisplacedFile& misplaced);
  void TakeCounts(const Batch& batch);
  void TakeCount(const Batch& batch, const FileCount& count, KnownFile file,
                 std::vector<CountedRows>& counted);
  void BookCounted(const PartitionKey& key, const std::vector<CountedRows>& counted, Time at);
  void TakeKept(const Batch& batch, const KeptCopy& copy);
  void TakeReleased(const Batch& batch, const ReleasedCopy& copy);
  void EndScan(const ScanEnd& scan);

  void Apply(const FactRow& row, const FileFact& fact);
  void Apply(const FactRow& row, const ReadFact& fact);
  void Apply(const FactRow& row, const KeptFact& fact);
  void Apply(const ReleasedFact& fact);

  const Config& config_;
  Names& names_;
  FileBook& files_;
  FileTally tally_;
  KeptBook kept_;
  ReaderBook readers_;
  BalanceBook& balances_;
  FileLookout& lookout_;
  Accounts& accounts_;
  JournalEntry& entry_;
  Statement scan_, scanned_;
  int32_t server_ = 0;
  std::deque<std::string> details_;  // of the rows of the commit being made
};
