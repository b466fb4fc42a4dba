#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/balance.h"
#include "monitor/config.h"

// The rules that this version knows, with their defaults, and what the configuration made of them.

struct RuleKind {
  std::string_view name;
  std::string_view severity;
  bool in_force = true;  // false: it may be tuned, and nothing looks for it yet
};
// The rules of RuleNames() (monitor/config.h) with their default severity.
const std::vector<RuleKind>& Rules();
// Those that look; also the zeros of the metrics.
std::vector<std::string_view> RulesInForce();

struct Tuning {
  std::string severity;
  int64_t min_events = 1;
  double min_ratio = 0;
  std::chrono::milliseconds pending_for{0};
  std::chrono::milliseconds keep_firing_for{0};
  std::chrono::milliseconds after{0};          // compaction_overdue, blind: the threshold
  std::chrono::milliseconds waiting_after{0};  // compaction_overdue: of fresh data
  int64_t max_lag_bytes = 0;                   // blind
  ExplainedShare explained;                    // overstated
};

// What each rule goes by, defaults filled in. Owned by the rule engine; immutable, so any thread.
class Tunings {
 public:
  explicit Tunings(const Config& config);
  const Tuning& Of(std::string_view rule) const;

 private:
  std::map<std::string, Tuning, std::less<>> by_rule_;
};
