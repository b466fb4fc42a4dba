#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "monitor/alert_book.h"
#include "monitor/balance_book.h"
#include "monitor/canonical_formats.h"
#include "monitor/config.h"
#include "monitor/fact_chains.h"
#include "monitor/fact_row.h"
#include "monitor/file_book.h"
#include "monitor/file_fact.h"
#include "monitor/file_observations.h"
#include "monitor/names.h"
#include "monitor/reader_book.h"
#include "monitor/rule_book.h"
#include "monitor/sqlite.h"

// What the ledger shows to the rules about canonical files: which run explains a generation, which
// partition has no file, who read what is dead. Owned by the ledger, its thread only, within its
// transaction.
//
// A run and the generation that it wrote come in either order, the one from a log and the other
// from the disk. The newest run of a partition explains the newest generation of each of its files,
// unless it has explained the one before, or was logged before that generation was begun. What no
// run explains within the format's `grace` is shown to the rules, and may be counted from then on.
class FileLookout {
 public:
  FileLookout(Database& database, const Config& config, Names& names, BalanceBook& balances,
              FactChains& chains, CanonicalFormats& formats, const RuleBook& rules,
              AlertBook& alerts, FileBook& files);

  // `server`: whose files are watched. Until then, and where nothing is watched, runs are not held
  // against files.
  void Watch(int64_t server) { server_ = static_cast<int32_t>(server); }
  bool watching() const { return server_ != 0; }
  // Null: it is not configured.
  const CanonicalFilesConfig* FormatOf(int64_t format) { return formats_.Of(format); }

  // A run became the newest of its partition. `now`: our clock, Unix ms.
  void SawRun(const FactRow& row, int64_t now);
  // A generation is new: `file`, which learns what explains it, in the place of `before`.
  void SawGeneration(KnownFile& file, const KnownFile* before, const FactRow& row,
                     const FileFact& fact);
  // A file has gone.
  void SawGone(const KnownFile& file, const FactRow& row);
  void SawRead(const FactRow& row, const ReadFact& read, const ReaderBook::Reader& reader,
               ReaderBook& readers);
  void SawMisplaced(const FactRow& row, const MisplacedFact& fact);
  // All files of a format have been looked at: what has none by now has none.
  void EndScan(int64_t format, Time ended_at);
  // Lets time pass.
  void Tick(Time now);

 private:
  struct LoggedRun {
    int64_t seq = 0, logged_at = 0;  // Unix ms
  };
  std::optional<LoggedRun> NewestRun(const PartitionKey& key);
  void Explain(KnownFile& file, const LoggedRun& run);
  void ShowGeneration(const KnownFile& file, bool explained, int64_t now, int64_t seq);
  void WatchReads(Time now);
  void ShowUnexplained(const CanonicalFilesConfig& format, Time now);
  void Missing(const PartitionKey& key, int64_t since, int64_t seq);
  void NotMissing(const PartitionKey& key, int64_t now, int64_t seq);
  void ShowMissing(const CanonicalFilesConfig& format, Time now);
  MissingFileObservation Describe(const PartitionKey& key, int64_t since);
  std::string FoundAt(const PartitionKey& key, const FactRow& run,
                      const std::string& expected_path);
  bool SourceIsBlind(const PartitionKey& key, int64_t now);

  Database& database_;
  const Config& config_;
  Names& names_;
  BalanceBook& balances_;
  FactChains& chains_;
  CanonicalFormats& formats_;
  const RuleBook& rules_;
  AlertBook& alerts_;
  FileBook& files_;
  Statement missing_, not_missing_, untold_, told_, without_file_, scanned_, misplaced_;
  int32_t server_ = 0;
  bool reads_watched_ = false;  // WatchReads() was done
};
