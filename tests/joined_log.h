#pragma once

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/joiner.h"
#include "collectors/presets.h"

// Runs a preset's joiner over the lines of a log, as the collector does, for the tests of presets.

inline std::vector<std::string> LinesOf(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

struct JoinedLog {
  Batch batch;
  int64_t used = 0;
  int64_t ignored = 0;
  std::vector<std::string> quarantined;  // reasons

  nlohmann::json Detail(const Fact& fact) const {
    return nlohmann::json::parse(batch.View(fact.detail));
  }
  std::string Text(Text slice) const { return std::string(batch.View(slice)); }
  std::vector<Fact> Of(FactKind kind) const {
    std::vector<Fact> found;
    std::copy_if(batch.facts.begin(), batch.facts.end(), std::back_inserter(found),
                 [kind](const Fact& fact) { return fact.kind == kind; });
    return found;
  }
};

// Feeds lines one after the other; offsets go on over several calls.
class LogFeed {
 public:
  LogFeed(MakeJoiner make, CompactionLogConfig config)
      : make_(make), config_(std::move(config)), joiner_(make_(config_)) {}

  void Line(std::string_view line) {
    const LineOrigin origin{3, 7, offset_, 1};
    offset_ += static_cast<int64_t>(line.size()) + 1;
    const LineResult result = joiner_->Line(line, origin, out.batch);
    if (result.outcome == LineOutcome::kFacts) ++out.used;
    if (result.outcome == LineOutcome::kIgnored) ++out.ignored;
    if (result.outcome == LineOutcome::kQuarantined) out.quarantined.emplace_back(result.reason);
  }

  // What a restart does between two lines.
  void Restart() {
    const std::string state = joiner_->State();
    joiner_ = make_(config_);
    joiner_->Restore(state);
  }

  void Missed() { joiner_->Missed(); }
  std::string State() const { return joiner_->State(); }

  JoinedLog out;

 private:
  MakeJoiner make_;
  CompactionLogConfig config_;
  std::unique_ptr<Joiner> joiner_;
  int64_t offset_ = 0;
};

// A fact, whole, as text that can be compared.
inline std::string Described(const JoinedLog& log, const Fact& f) {
  const nlohmann::json all = {std::string(NameOf(f.kind)),
                              f.source,
                              f.log,
                              f.length,
                              f.epoch,
                              f.offset,
                              FormatTime(f.logged_at),
                              FormatDay(f.day),
                              log.Text(f.project),
                              log.Text(f.format),
                              log.Text(f.run),
                              log.Text(f.version),
                              log.Text(f.detail),
                              f.existing,
                              f.fresh,
                              f.recovered,
                              f.duplicates,
                              f.deleted,
                              f.written};
  return all.dump();
}

inline std::vector<std::string> Described(const JoinedLog& log) {
  std::vector<std::string> all;
  for (const Fact& fact : log.batch.facts) all.push_back(Described(log, fact));
  return all;
}

inline JoinedLog Join(MakeJoiner make, const CompactionLogConfig& config,
                      const std::vector<std::string>& lines,
                      const std::function<bool(size_t)>& restart_before = nullptr) {
  LogFeed feed(make, config);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (restart_before && restart_before(i)) feed.Restart();
    feed.Line(lines[i]);
  }
  return feed.out;
}

inline const PresetEntry* FindPreset(const std::vector<PresetEntry>& presets,
                                     std::string_view name) {
  for (const PresetEntry& entry : presets) {
    if (entry.preset.name == name) return &entry;
  }
  return nullptr;
}
