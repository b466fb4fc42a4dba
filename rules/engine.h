#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "monitor/config.h"
#include "monitor/rule_book.h"
#include "rules/tuning.h"

// How far behind a source may be, in time and in bytes, and still be called watched.
struct LagBounds {
  std::chrono::milliseconds after{0};
  int64_t bytes = 0;
};

// The rules, as the ledger's thread asks them inside its write transaction. Holds the tuning and
// nothing else: each answer depends on the question only. Immutable, so any thread may call it.
class RuleEngine final : public RuleBook {
 public:
  explicit RuleEngine(const Config& config);

  std::vector<Finding> OnRun(const RunObservation& run) const override;
  std::vector<Finding> OnOutput(const OutputObservation& output) const override;
  std::vector<Finding> OnSource(const SourceObservation& source, Time now) const override;
  std::vector<Finding> OnOverdue(const OverdueObservation& run) const override;
  Finding OnMissingFile(const MissingFileObservation& file) const override;
  std::vector<Finding> OnGeneration(const GenerationObservation& generation) const override;
  std::vector<Finding> OnDeadRead(const DeadReadObservation& read) const override;
  std::vector<Finding> OnMisplacedFile(const MisplacedFileObservation& file) const override;
  Finding OnFormats(const FormatsObservation& formats) const override;
  std::chrono::milliseconds overdue_after() const override;
  std::chrono::milliseconds waiting_after() const override;
  ExplainedShare explained_share() const override;
  LagBounds lag_bounds() const;
  std::string Incident(std::string_view rule, std::string_view server,
                       std::string_view version) const override;

 private:
  Tunings tunings_;
};
