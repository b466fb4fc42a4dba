#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/fact_row.h"
#include "monitor/names.h"
#include "monitor/rule_book.h"
#include "monitor/sqlite.h"

// What the rules say of a partition while its chain is booked again, in the order of the chain:
// which alerts there would be now, had the facts come in that order. Plain values, to be copied.
class AlertReplay {
 public:
  void Show(const std::vector<Finding>& findings, int64_t now, int64_t seq);
  // The partition begins another life: what was open of the one before has ended.
  void Reopen(int64_t now);
  bool any_open() const;

 private:
  friend class AlertBook;
  // Of one rule. `opening` says what the alert is about, `latest` how it stands.
  struct Course {
    std::optional<Finding> opening;  // none: no alert
    Finding latest;
    int64_t began = 0, seq = 0;  // of the opening
  };
  std::map<std::string_view, Course, std::less<>> courses_;  // of every rule that said something
  int64_t reopened_ = std::numeric_limits<int64_t>::min();
};

// Table `alert` and its states: pending → firing → resolved, with `for` and `keep_firing_for`. One
// alert a subject and rule; resolved ones are kept as history. Owned by the ledger, its thread
// only.
class AlertBook {
 public:
  // What an alert is about; zero parts do not apply.
  struct Subject {
    PartitionKey partition;
    int64_t source = 0;
    std::string object = {};  // what else: the program that read a dead format
  };

  AlertBook(Database& database, Names& names, const RuleBook& rules);

  // Applies what a rule found at `now` (Unix ms) because of fact `seq`.
  void Apply(const Finding& finding, const Subject& subject, int64_t now, int64_t seq);
  // Makes the alerts of a partition those that `replay` ended with. One about another cause or
  // version than before ends, and the right one begins.
  void Settle(const AlertReplay& replay, const Subject& subject, int64_t now, int64_t seq);
  bool AnyOpen(const PartitionKey& partition);
  // Ends what is open on a partition that begins another life.
  void EndAll(const PartitionKey& partition, int64_t now, int64_t seq);
  // A text of the open alert's evidence, empty where it has none; nothing when none is open.
  std::optional<std::string> OpenEvidence(std::string_view rule, const Subject& subject,
                                          const std::string& key, int64_t now);
  // Lets time pass: pending alerts fire, alerts that stayed clear resolve.
  void Tick(int64_t now);
  // Resolves what is open on partitions of `format` past day + retention, if it began before that.
  void Retire(int64_t format, std::chrono::milliseconds retention, int64_t now);
  // An operator confirms a move: output_moved of (server, format) resolves.
  void Acknowledge(std::string_view rule, int64_t server, int64_t format, int64_t now);

 private:
  struct Open {
    int64_t id = 0;
    bool pending = false;
    bool clear = false;  // firing for keep_firing_for only
    std::string cause;
    int64_t version = 0;
    std::string severity, evidence;
    int64_t began = 0;
  };
  std::optional<Open> Find(std::string_view rule, const Subject& subject, int64_t now);
  // `opening` says what the alert is about, `latest` how it stands.
  void Insert(const Finding& opening, const Finding& latest, const Subject& subject, int64_t began,
              int64_t now, int64_t seq);
  // An alert from before `since` is another one.
  void SettleOpen(const AlertReplay::Course& course, const Subject& subject, int64_t since,
                  int64_t now, int64_t seq);
  std::vector<std::string> OpenRules(const PartitionKey& partition);
  void Keep(const Open& open, const Finding& finding, int64_t seq);
  void Clear(const Open& open, const Finding& finding, int64_t now, int64_t seq);
  void End(const Open& open, int64_t now, int64_t seq);

  Names& names_;
  const RuleBook& rules_;
  Statement find_, insert_, keep_, clear_, resolve_, drop_, open_rules_, fire_due_, resolve_due_,
      many_lost_in_gap_, drop_retired_, retire_, drop_acknowledged_, acknowledge_;
};
