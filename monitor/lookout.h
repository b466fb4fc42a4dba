#pragma once

#include <string>
#include <vector>

#include "monitor/alert_book.h"
#include "monitor/balance_book.h"
#include "monitor/canonical_formats.h"
#include "monitor/fact_chains.h"
#include "monitor/file_lookout.h"
#include "monitor/journal.h"
#include "monitor/output_book.h"
#include "monitor/rule_book.h"
#include "monitor/unfinished_book.h"

// What the ledger shows to the rules, and what it remembers for them: where each format was last
// written, which runs have no end yet, whose data waits. What they answer becomes rows of `alert`.
// Owned by the ledger, its thread only, within its transaction.
class Lookout {
 public:
  // `entry`: the commit being made.
  Lookout(Database& database, Names& names, SourceBook& sources, BalanceBook& balances,
          FactChains& chains, CanonicalFormats& formats, const RuleBook& rules, AlertBook& alerts,
          FileLookout& files, Journal& journal, JournalEntry& entry);

  // Within a transaction, before anything else.
  void Open();
  // After a rollback.
  void Forget();

  // A fact of a partition is new. `over`: of a started run, its end is known already.
  void Count(const FactRow& row, bool over);
  // A fact became the newest of its partition; after Count().
  void SawNewest(const FactRow& row);
  // A partition is booked again, in this order; after all of it was counted.
  void SawAgain(const std::vector<FactRow>& chain);
  // Runs that lost, by cause and version; `runs` is -1 for one that did not after all.
  void CountLoss(const FactRow& row, int64_t runs);
  // A fact was booked: what do the rules say, if it is remarkable or an alert is open? `balance` is
  // that after it, and learns whether one is open now.
  void Show(const FactRow& row, const Booking& booking, Balance& balance);
  // A partition is booked again, after facts that were found late: all that were known before are
  // shown in their order, to `replay`; in the end the alerts become those that it ended with.
  void ShowAgain(const FactRow& row, const Booking& booking, const Balance& balance,
                 AlertReplay& replay);
  // `now`: logged time, Unix ms; `seq`: of the fact because of which. Whether an alert is open
  // then.
  bool Settle(const PartitionKey& key, const AlertReplay& replay, int64_t now, int64_t seq);
  // What was written where since the last call.
  std::vector<JournalEntry::Output> TakeOutputs() { return outputs_.TakeChanges(); }

  // Before the commit is written.
  void WriteWaiting() { unfinished_.Flush(); }

  // A person says that a format has moved.
  void Acknowledge(const FactRow& permit);
  // `overdue`: also runs that have no end, and data that waits.
  void Tick(Time now, bool overdue);
  void ReportSource(const SourceObservation& source, int64_t server, Time now, int64_t seq);
  bool AnyOpen(const PartitionKey& key) { return alerts_.AnyOpen(key); }

 private:
  void SawOutput(const FactRow& row);
  void CompareFormats(const FactRow& row);
  OutputObservation Compare(const FactRow& row, const OutputBook::Place& place);
  void SawEnd(const FactRow& row);
  void EndWait(const PartitionKey& key, const FactRow& row);
  void EndWaitOfNoFormat(const FactRow& row);
  bool FinishedElsewhere(const FactRow& row);
  PartitionKey OfNoFormat(PartitionKey key);
  void EndOverdue(const PartitionKey& key, const FactRow& row);
  void ShowOverdue(Time now);
  void ShowOverdue(const UnfinishedBook::Overdue& overdue, bool data_waits, Time now);
  bool IsSegments(const FactRow& row);
  std::string PreviousVersion(const FactRow& row);
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
  AlertBook& alerts_;
  FileLookout& files_;
  OutputBook outputs_;
  UnfinishedBook unfinished_;
};
