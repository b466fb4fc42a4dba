#pragma once

#include <map>
#include <utility>
#include <vector>

#include "monitor/alert_book.h"
#include "monitor/balance_book.h"
#include "monitor/canonical_formats.h"
#include "monitor/fact_chains.h"
#include "monitor/journal.h"
#include "monitor/rule_book.h"

// What the ledger shows to the rules, and what it remembers for them: where each format was last
// written, which runs have no end yet. What they answer becomes rows of `alert`. Owned by the
// ledger, its thread only, within its transaction.
class Lookout {
 public:
  // `entry`: the commit being made.
  Lookout(Database& database, Names& names, SourceBook& sources, BalanceBook& balances,
          FactChains& chains, CanonicalFormats& formats, const RuleBook& rules, Journal& journal,
          JournalEntry& entry);

  // Within a transaction, before anything else.
  void Open();
  // After a rollback.
  void Forget();

  // A fact of a partition was booked.
  void Saw(const FactRow& row, const Booking& booking, BookedPartition& partition);
  // It was booked again, since an earlier one was found late.
  void SawAgain(const FactRow& row, const Booking& booking, BookedPartition& partition);
  // What was written where since the last call.
  std::vector<JournalEntry::Output> TakeOutputs();

  // A person says that a format has moved.
  void Acknowledge(const FactRow& permit);
  void Tick(Time now);
  void ReportSource(const SourceObservation& source, int64_t server, Time now, int64_t seq);
  bool AnyOpen(const PartitionKey& key) { return alerts_.AnyOpen(key); }

 private:
  void Show(const FactRow& row, const Booking& booking, BookedPartition& partition);
  void SawOutput(const FactRow& row);
  OutputObservation Compare(const FactRow& row, bool& moved);
  void SawStart(const FactRow& row);
  void SawEnd(const FactRow& row);
  void ShowOverdue(Time now);
  RunObservation Describe(const FactRow& row, const Booking& booking, const Balance& balance);
  void Apply(const std::vector<Finding>& findings, const AlertBook::Subject& subject, int64_t now,
             int64_t seq);

  Database& database_;
  Names& names_;
  SourceBook& sources_;
  BalanceBook& balances_;
  FactChains& chains_;
  CanonicalFormats& formats_;
  const RuleBook& rules_;
  Journal& journal_;
  JournalEntry& entry_;
  AlertBook alerts_;
  Statement find_outputs_, open_run_, close_run_;
  // Where each (server, format) was last written, to notice a move without a query a run; `runs`
  // since the last commit.
  std::map<std::pair<int64_t, int64_t>, JournalEntry::Output> last_output_;
  bool has_open_runs_ = false;
};
