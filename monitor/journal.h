#pragma once

#include <future>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "monitor/batch.h"
#include "monitor/error.h"
#include "monitor/fact_row.h"
#include "monitor/hash_chain.h"
#include "monitor/source_book.h"
#include "monitor/sqlite.h"

// What the accounting of one batch leaves to be written. Texts of the rows point into the batch.
struct JournalEntry {
  struct Tally {
    int64_t runs = 0, failed = 0, written = 0, missing = 0;
  };
  // Runs that wrote to one directory (names' ids).
  struct Output {
    int64_t server = 0, format = 0, directory = 0, version = 0;
    int64_t runs = 0;
    int64_t seq = 0, log = 0, logged_at = 0;  // of the latest
    bool late = false;                        // found late: only to be counted
  };

  const Batch* batch = nullptr;
  std::unique_ptr<Batch> owned_batch;  // where the entry outlives the call that brought it
  std::vector<FactRow> rows;           // those not yet written; seq is dense from rows[0].seq
  std::string hashed;                  // all rows, for the hash chain
  int64_t last_seq = 0;
  int64_t new_facts = 0, known_facts = 0;
  bool more_than_appended = false;   // balances and derived columns cannot be made again by booking
                                     // the new rows alone: they are written with this commit
  std::map<int64_t, Tally> tallies;  // by format
  std::vector<Output> outputs;

  // Begins anew, after fact `last`.
  void Begin(const Batch& of, int64_t last);
  // Gives a row its sequence and adds it; what it says is final from here.
  void Push(FactRow& row);
  // Of `rows`, so that what is derived of it may change; null: it is written.
  FactRow* Unwritten(int64_t seq);
};

// The recording half of a ledger: transactions, fact rows, read positions, counters and the hash
// chain with its head outside the file. Owned by the ledger; called from one thread at a time, the
// ledger's or the one beside it (Database::RunBeside). Errors stay in the database.
class Journal {
 public:
  Journal(Database& database, const SourceBook& sources, const std::string& path);

  // Reads where the ledger ends, and gives a new one its id. Within a transaction.
  void Open();
  // Refuses a ledger that ends before the head kept outside it. Writes that head.
  [[nodiscard]] Result<void> CheckHead();
  const LedgerHead& head() const { return head_; }

  // Does nothing within a transaction.
  void Begin();
  // After a COMMIT with an unknown outcome the same batch comes again: its positions tell.
  bool Knows(const Batch& batch);
  void WriteRows(std::vector<FactRow>& rows);
  void Write(JournalEntry& entry);
  // Makes all of the transaction durable. The caller rolls back what failed.
  [[nodiscard]] Result<void> End();
  // The same, and begins the next, once there are enough facts to be worth a wait for the disk.
  void EndLargeTransaction();

 private:
  std::future<ChainLink> ChainFacts(JournalEntry& entry);
  void WriteOutput(const JournalEntry::Output& output);
  void WritePositions(const Batch& batch);
  void WriteLineCounts(const Batch& batch);
  [[nodiscard]] Result<void> MakeDurable();

  Database& database_;
  const SourceBook& sources_;
  const std::string head_path_;
  Statement select_names_, insert_commit_, insert_log_, advance_log_, find_log_, insert_range_,
      extend_range_, upsert_output_, count_output_, upsert_tally_, count_lines_;
  LedgerHead head_;
  int64_t names_sealed_ = 0;  // last name covered by the chain
  bool in_transaction_ = false;
  int64_t durable_seq_ = 0;                // head_.seq of the last transaction that ended
  std::map<uint32_t, bool> ranges_begun_;  // logs whose current read_range is of this process
};
