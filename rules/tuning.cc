#include "rules/tuning.h"

namespace {

using namespace std::chrono_literals;

// How long a started run may take, fresh data may wait, and a source may be unwatched.
constexpr auto kOverdueAfter = std::chrono::milliseconds(6h);
constexpr auto kWaitingAfter = std::chrono::milliseconds(36h);
constexpr auto kBlindAfter = std::chrono::milliseconds(5min);
// What was seen at a moment is worth a day of somebody's attention.
constexpr auto kMomentFires = std::chrono::milliseconds(24h);
// A source that is so far behind cannot be called watched.
constexpr int64_t kMaxLagBytes = int64_t{64} << 20;

Tuning DefaultOf(const RuleKind& rule) {
  Tuning tuning;
  tuning.severity = std::string(rule.severity);
  if (rule.name == "compaction_overdue") {
    tuning.after = kOverdueAfter;
    tuning.waiting_after = kWaitingAfter;
  }
  if (rule.name == "dead_file_read" || rule.name == "misplaced_file") {
    tuning.keep_firing_for = kMomentFires;
  }
  if (rule.name == "blind") {
    tuning.after = kBlindAfter;
    tuning.max_lag_bytes = kMaxLagBytes;
  }
  return tuning;
}

}  // namespace

const std::vector<RuleKind>& Rules() {
  static const std::vector<RuleKind> kRules = {
      {"count_drop", "critical"},
      {"output_moved", "critical"},
      {"dead_file_read", "critical"},
      {"missing_canonical_file", "critical"},
      {"file_disagrees", "critical"},
      {"formats_differ", "critical"},
      {"replicas_differ", "warning", false},
      {"lost_in_gap", "warning"},
      {"file_rewritten_in_place", "warning"},
      {"file_replaced_without_run", "warning"},
      {"misplaced_file", "warning"},
      {"overstated", "warning"},
      {"deleted_came_back", "warning"},
      {"surplus", "warning"},
      {"volume_anomaly", "warning", false},
      {"compaction_overdue", "warning"},
      {"blind", "warning"},
  };
  return kRules;
}

std::vector<std::string_view> RulesInForce() {
  std::vector<std::string_view> names;
  for (const RuleKind& rule : Rules()) {
    if (rule.in_force) names.push_back(rule.name);
  }
  return names;
}

Tunings::Tunings(const Config& config) {
  for (const RuleKind& rule : Rules()) {
    Tuning& tuning = by_rule_[std::string(rule.name)];
    tuning = DefaultOf(rule);
    const auto found = config.rules.find(std::string(rule.name));
    if (found == config.rules.end()) continue;
    const RuleConfig& own = found->second;
    tuning.severity = own.severity.value_or(tuning.severity);
    tuning.min_events = own.min_events.value_or(tuning.min_events);
    tuning.min_ratio = own.min_ratio.value_or(tuning.min_ratio);
    tuning.pending_for = own.pending_for.value_or(tuning.pending_for);
    tuning.keep_firing_for = own.keep_firing_for.value_or(tuning.keep_firing_for);
    tuning.after = own.after.value_or(tuning.after);
    tuning.waiting_after = own.waiting_after.value_or(tuning.waiting_after);
    tuning.max_lag_bytes = own.max_lag_bytes.value_or(tuning.max_lag_bytes);
    tuning.explained.ratio = own.explained_ratio.value_or(tuning.explained.ratio);
    tuning.explained.events = own.explained_events.value_or(tuning.explained.events);
  }
}

const Tuning& Tunings::Of(std::string_view rule) const {
  static const Tuning kNone;
  const auto found = by_rule_.find(rule);
  return found == by_rule_.end() ? kNone : found->second;
}
