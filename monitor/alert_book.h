#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/fact_row.h"
#include "monitor/names.h"
#include "monitor/rule_book.h"
#include "monitor/sqlite.h"

// Table `alert` and its states: pending → firing → resolved, with `for` and `keep_firing_for`. One
// alert a subject and rule; resolved ones are kept as history. Owned by the ledger, its thread
// only.
class AlertBook {
 public:
  // What an alert is about; zero parts do not apply.
  struct Subject {
    PartitionKey partition;
    int64_t source = 0;
  };

  AlertBook(Database& database, Names& names, const RuleBook& rules);

  // Applies what a rule found at `now` (Unix ms) because of fact `seq`.
  void Apply(const Finding& finding, const Subject& subject, int64_t now, int64_t seq);
  bool AnyOpen(const PartitionKey& partition);
  // Ends what these facts of a partition opened. Applying the same finding of the same fact again
  // opens the same alert again, as if it had not ended.
  void EndThoseOf(const PartitionKey& partition, const std::set<int64_t>& facts, int64_t now);
  // Lets time pass: pending alerts fire, alerts that stayed clear resolve.
  void Tick(int64_t now);
  // Resolves what is open on partitions of `format` whose day began before `day`: past retention.
  void Retire(int64_t format, int32_t day, int64_t now);
  // An operator confirms a move: output_moved of (server, format) resolves.
  void Acknowledge(std::string_view rule, int64_t server, int64_t format, int64_t now);

 private:
  Cell Named(const std::string& name);
  bool Reopen(const Finding& finding, const Subject& subject, const std::string& incident,
              int64_t seq);

  Database& database_;
  Names& names_;
  const RuleBook& rules_;
  Statement find_, insert_, reopen_, update_, clear_, resolve_, drop_, any_, fire_due_,
      resolve_due_, many_lost_in_gap_, retire_, acknowledge_, firing_;
};
