// ClickHouse part_log, one JSON object a line: {"event_type": "MergeParts",
// "event_time_microseconds": "2026-01-02 03:04:05.123456", "database", "table", "partition_id",
// "part_name", "rows", "merged_from": [part…], "error"}. 18.16 spells the types NEW_PART and
// MERGE_PARTS, and holds bytes in `read_rows`: what a merge read is the sum of its parents' rows.

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "collectors/joiner.h"
#include "collectors/presets/segment_fact.h"
#include "collectors/timestamp.h"

namespace {

using nlohmann::json;

enum class Event { kOther, kNew, kMerge, kRemove };

Event EventOf(const std::string& name) {
  if (name == "NewPart" || name == "NEW_PART") return Event::kNew;
  if (name == "MergeParts" || name == "MERGE_PARTS") return Event::kMerge;
  if (name == "RemovePart" || name == "REMOVE_PART") return Event::kRemove;
  return Event::kOther;
}

class ClickHouseJoiner final : public Joiner {
 public:
  explicit ClickHouseJoiner(const CompactionLogConfig& config)
      : facts_(WithPartition(config)),
        time_format_(TimeFormat::Create("%Y-%m-%d %H:%M:%E*S", config.time_zone)) {}

  LineResult Line(std::string_view text, const LineOrigin& origin, Batch& batch) override {
    const json row = json::parse(text, nullptr, false);
    if (!row.is_object()) return {LineOutcome::kQuarantined, "not json"};
    try {
      return Row(row, text.size(), origin, batch);
    } catch (const json::exception&) {
      return {LineOutcome::kQuarantined, "row lacks a column"};
    }
  }
  std::optional<Time> WaitingSince() const override { return std::nullopt; }
  void Missed() override {}  // parts never seen are unknown, and so is what a merge of them read
  std::string State() const override { return json(rows_).dump(); }
  void Restore(std::string_view state) override {
    rows_ = json::parse(state).get<std::map<std::string, int64_t>>();
  }

 private:
  static CompactionLogConfig WithPartition(CompactionLogConfig config) {
    config.partition = "{project}/{day}";
    return config;
  }

  LineResult Row(const json& row, size_t bytes, const LineOrigin& origin, Batch& batch) {
    const Event event = EventOf(row.at("event_type"));
    if (event == Event::kOther) return {};
    const std::string part = row.at("part_name");
    const std::string table =
        row.at("database").get<std::string>() + "." + row.at("table").get<std::string>();
    const int64_t rows = row.at("rows");
    const bool merge = event == Event::kMerge;
    int64_t read = 0;
    json detail = {{"kind", merge ? "compaction" : "flush"}, {"inputs", json::array()}};
    for (const json& parent : merge ? row.at("merged_from") : json::array()) {
      detail["inputs"].push_back(parent);
      const auto known = rows_.find(table + "/" + parent.get<std::string>());
      read = known == rows_.end() || read < 0 ? kUnknownCount : read + known->second;
    }
    if (event == Event::kRemove) {
      detail = {{"segments", {part}}, {"reason", "obsolete"}};
      rows_.erase(table + "/" + part);
    } else {
      detail["outputs"] = {{{"segment", part}, {"records", rows}, {"range_deletions", 0}}};
      rows_[table + "/" + part] = rows;
    }
    const bool failed = row.value("error", 0) != 0;
    const FactKind kind = event == Event::kRemove ? FactKind::kSegmentsDeleted
                          : failed                ? FactKind::kFailedRun
                                                  : FactKind::kRun;
    Fact& fact = facts_.Add(batch, origin, bytes, kind,
                            table + "/" + row.at("partition_id").get<std::string>(), detail);
    if (time_format_) {
      fact.logged_at = time_format_->Parse(row.at("event_time_microseconds").get<std::string>())
                           .value_or(Time{});
    }
    if (kind != FactKind::kRun) return {LineOutcome::kFacts, {}};
    fact.run = batch.Add(part);
    fact.existing = read;
    fact.fresh = merge ? 0 : rows;
    fact.written = rows;
    return {LineOutcome::kFacts, {}};
  }

  SegmentFacts facts_;
  Result<TimeFormat> time_format_;
  std::map<std::string, int64_t> rows_;  // by table/part
};

}  // namespace

std::unique_ptr<Joiner> MakeClickHouseJoiner(const CompactionLogConfig& config) {
  return std::make_unique<ClickHouseJoiner>(config);
}
