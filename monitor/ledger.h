#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "monitor/accounts.h"
#include "monitor/balance_book.h"
#include "monitor/batch.h"
#include "monitor/bookkeeper.h"
#include "monitor/canonical_formats.h"
#include "monitor/config.h"
#include "monitor/error.h"
#include "monitor/fact_chains.h"
#include "monitor/file_register.h"
#include "monitor/journal.h"
#include "monitor/lookout.h"
#include "monitor/names.h"
#include "monitor/rule_book.h"
#include "monitor/source_book.h"
#include "monitor/sqlite.h"

// What a commit did, and where the ledger stands after it.
struct CommitOutcome {
  int64_t facts = 0;            // new ones
  int64_t duplicate_facts = 0;  // known already: nothing changed
  int64_t head_seq = 0;
};

// The one writer of a ledger: facts in, balances, alerts and read positions out, all in one
// transaction a batch. One object, one thread; FILE.lock keeps other processes out.
//
// A failed Commit leaves the file as it was; the same batch may be committed again, also when the
// outcome of a COMMIT was unknown: positions say whether it had been done. What is kept in memory
// (names, caches, books) is then read from the file again, so that nothing of the failed batch
// stays in it.
class Ledger {
 public:
  struct Options {
    std::string path;
    std::string server;          // of facts that name none
    bool bulk = false;           // backfill: balances are written in large steps (see FinishBulk)
    bool durable = true;         // false: will be thrown away, so nothing waits for the disk
    bool watches_files = false;  // canonical files of `server` are seen, and runs held against them
    size_t cached_partitions = 32'768;
  };
  // `config` and `rules` must outlive the ledger.
  [[nodiscard]] static Result<std::unique_ptr<Ledger>> Open(const Options& options,
                                                            const Config& config,
                                                            const RuleBook& rules);
  ~Ledger();

  [[nodiscard]] Result<CommitOutcome> Commit(const Batch& batch);
  // Backfill: the batch is accounted while the one before is written on a thread of its own, and is
  // durable after a later call or FinishBulk. After a failure, which may be that of an earlier
  // batch, the ledger has to be opened again.
  [[nodiscard]] Result<CommitOutcome> CommitBeside(Batch batch);
  // Lets time pass: `for`, `keep_firing_for`, retention, overdue runs.
  [[nodiscard]] Result<void> Tick(Time now);
  // What a rule says of a source now (the collectors' view: lag, unreadable). Its own transaction.
  [[nodiscard]] Result<void> ReportSource(const SourceObservation& source, Time now);
  // Ends a backfill: writes all balances and makes the file readable by others.
  [[nodiscard]] Result<void> FinishBulk();

  // How well a source was watched by all that wrote this ledger.
  SourceCoverage Coverage(int16_t source) { return sources_.Coverage(sources_.At(source)); }
  // Directories of canonical files as they were when they were last listed.
  std::vector<KnownDirectory> Directories();
  // The next files to be counted, the newest first and those of a partition together: some `most`,
  // and all of the last partition. Empty: none for now.
  std::vector<FileToCount> FilesToCount(Time now, size_t most);
  // Copies of generations that are to be removed now, at most `most`; see KeptBook.
  std::vector<CopyToCheck> CopiesToRelease(const KeepBounds& bounds, size_t most);
  // The next copies after the one with that id, to see whether they are there; 0 begins.
  std::vector<CopyToCheck> CopiesAfter(int64_t id, size_t most);
  int64_t kept_files();
  // Until when canonical files were watched by whoever wrote this ledger; none: never.
  std::optional<Time> FilesWatchedUntil();
  // How far each log of a source has been read.
  std::vector<LogPosition> Positions(int16_t source);
  uint32_t next_log_id();
  int64_t head_seq() const { return seq_; }
  // The newest logged time of any source: "now" of a backfill.
  Time logged_until() const;

 private:
  // Fields that repeat from line to line: the slice last interned and its id.
  struct Memo {
    Text slice;
    int64_t id = 0;
  };
  struct Memos {
    Memo server, project, format, version, path;
  };

  Ledger(const Options& options, const Config& config, const RuleBook& rules, Database database,
         int lock);
  Result<void> Start();
  void Recover();
  void ForgetCaches();

  // Commit, step by step.
  void BeginEntry(const Batch& batch);
  void AccountAll(const Batch& batch);
  FactRow Intern(const Batch& batch, const Fact& fact);
  int64_t InternFormat(const Batch& batch, const Fact& fact);
  int64_t InternOnce(const Batch& batch, Text slice, Memo& memo);
  void Account(FactRow& row, const Batch& batch, const Fact& fact);
  void AccountGap(FactRow& row, const Batch& batch, const Fact& fact);
  void AccountOperator(FactRow& row);
  void WriteBalances();
  // A failed transaction is rolled back and takes everything kept in memory with it.
  Result<void> End();
  CommitOutcome Outcome() const;

  Options options_;
  const Config& config_;
  int lock_ = -1;
  Database database_;
  Names names_;
  BalanceBook balances_;
  SourceBook sources_;
  CanonicalFormats formats_;
  Journal journal_;
  JournalEntry entry_;  // of the batch being accounted
  FactChains chains_;
  Bookkeeper bookkeeper_;
  AlertBook alerts_;
  FileBook files_;
  FileLookout file_lookout_;
  Lookout lookout_;
  Accounts accounts_;
  FileRegister register_;
  Statement known_operator_fact_, known_gap_, balanced_through_;

  int64_t seq_ = 0;  // of the latest fact accounted
  int64_t server_ = 0;
  std::vector<FactRow> interned_;  // of a block of the batch, not yet accounted
  Memos memos_;
  // Backfill: of batches before, with the database; the oldest is done with (see RunBeside).
  std::array<JournalEntry, 3> written_beside_;
  size_t next_beside_ = 0;
};
