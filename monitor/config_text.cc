#include "monitor/config_text.h"

#include <algorithm>

#include "monitor/config_values.h"

namespace {

std::string Joined(const std::vector<std::string>& texts, std::string_view separator = ", ") {
  std::string joined;
  for (const std::string& text : texts) {
    if (!joined.empty()) joined += separator;
    joined += text;
  }
  return joined;
}

std::string_view NameOf(LogFormat format) {
  return format == LogFormat::kJson ? "json" : format == LogFormat::kLogfmt ? "logfmt" : "regex";
}

std::string_view NameOf(Conservation conservation) {
  return conservation == Conservation::kStrict    ? "strict"
         : conservation == Conservation::kBounded ? "bounded"
                                                  : "off";
}

std::string DescribeLog(const CompactionLogConfig& log) {
  std::string text = "  " + log.name + ": " + Joined(log.paths) + "\n    ";
  text += log.preset.empty() ? std::string(NameOf(log.format)) : "preset " + log.preset;
  text += log.shape == Shape::kRewrite ? ", rewrite" : ", segments";
  text += ", conservation " + std::string(NameOf(log.conservation)) + ", counts " + log.unit + "\n";
  std::vector<std::string> terms;
  for (const MatchTerm& term : log.match)
    terms.push_back(term.field + " = " + Joined(term.values, "|"));
  if (!terms.empty()) text += "    lines where " + Joined(terms, " and ") + "\n";
  if (log.outcome && !log.outcome->failed.empty()) {
    text +=
        "    failed where " + log.outcome->field + " = " + Joined(log.outcome->failed, "|") + "\n";
  }
  if (log.outcome && !log.outcome->started.empty()) {
    text += "    started where " + log.outcome->field + " = " + Joined(log.outcome->started, "|") +
            "\n";
  }
  return text;
}

std::string DescribeFiles(const CanonicalFilesConfig& files) {
  std::string text = "  " + files.format + ": " + files.path + "\n    ";
  std::vector<std::string> facts;
  if (files.serving) facts.push_back("serving");
  if (!files.reads.empty()) facts.push_back("merged from " + files.reads);
  if (files.required) facts.push_back("required after " + FormatDuration(files.grace));
  if (files.dead_since) facts.push_back("dead since " + *files.dead_since);
  if (files.recount[0] != "none") facts.push_back("recounted: " + Joined(files.recount, " "));
  facts.push_back(files.retention ? "kept for " + FormatDuration(*files.retention)
                                  : "kept forever");
  return text + Joined(facts) + "\n";
}

std::string RatioText(double value) {
  std::string ratio = std::to_string(value);
  ratio.erase(ratio.find_last_not_of('0') + 1);
  if (ratio.back() == '.') ratio.pop_back();
  return ratio;
}

std::string DescribeRule(const std::string& name, const RuleConfig& rule) {
  std::vector<std::string> tuned;
  const auto add = [&](const std::string& key, const std::string& value) {
    tuned.push_back(key + " " + value);
  };
  if (rule.min_events) add("min_events", std::to_string(*rule.min_events));
  if (rule.min_ratio) add("min_ratio", RatioText(*rule.min_ratio));
  if (rule.pending_for) add("for", FormatDuration(*rule.pending_for));
  if (rule.keep_firing_for) add("keep_firing_for", FormatDuration(*rule.keep_firing_for));
  if (rule.severity) add("severity", *rule.severity);
  if (rule.after) add("after", FormatDuration(*rule.after));
  if (rule.waiting_after) add("waiting_after", FormatDuration(*rule.waiting_after));
  if (rule.max_lag_bytes) add("max_lag_bytes", FormatSize(*rule.max_lag_bytes));
  if (rule.explained_ratio) add("explained_ratio", RatioText(*rule.explained_ratio));
  if (rule.explained_events) add("explained_events", std::to_string(*rule.explained_events));
  return "  " + name + ": " + (tuned.empty() ? "as it is" : Joined(tuned)) + "\n";
}

std::string DescribePreserve(const PreserveConfig& preserve) {
  std::string text = "preserved: " + Joined(preserve.formats) + " in " + preserve.directory +
                     " for " + FormatDuration(preserve.window) + ", at most ";
  if (preserve.max_bytes > 0) text += FormatSize(preserve.max_bytes) + " and ";
  text += std::to_string(preserve.max_files) + " files";
  return text + (preserve.keep_deleted ? ", also after deletions\n" : "\n");
}

bool Contains(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::string DescribeConfig(const Config& config, std::span<const std::string_view> rules_in_force) {
  std::string text = "server " + (config.server.empty() ? "(host name)" : config.server) +
                     ", ledger " + config.ledger + ", listening on " + config.listen + "\n";
  text += "operator's inbox " + config.operator_db + "\n";
  text += "compaction logs: " + std::to_string(config.compaction_logs.size()) + "\n";
  for (const CompactionLogConfig& log : config.compaction_logs) text += DescribeLog(log);
  text += "canonical files: " + std::to_string(config.canonical_files.size()) + "\n";
  for (const CanonicalFilesConfig& files : config.canonical_files) text += DescribeFiles(files);
  if (config.preserve) text += DescribePreserve(*config.preserve);
  text += "rules in force: " + std::to_string(rules_in_force.size()) + " of " +
          std::to_string(RuleNames().size()) + "\n";
  for (const auto& [name, rule] : config.rules) {
    if (Contains(rules_in_force, name)) text += DescribeRule(name, rule);
  }
  const std::vector<std::string> waiting = NotInForce(config, rules_in_force);
  if (waiting.empty()) return text;
  return text + "configured and not yet in force: " + Joined(waiting) + "\n";
}

std::vector<std::string> NotInForce(const Config& config,
                                    std::span<const std::string_view> rules_in_force) {
  std::vector<std::string> keys;
  for (const auto& [name, rule] : config.rules) {
    if (!Contains(rules_in_force, name)) keys.push_back("rules." + name);
  }
  return keys;
}
