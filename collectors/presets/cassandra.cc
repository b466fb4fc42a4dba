// Cassandra: flushes and compactions of tables, from system.log or debug.log. The forms of the
// lines are in cassandra_line.h.
//
// A compaction's inputs stand in its "Compacting" line, its outputs and counts in its "Compacted"
// line; the two are joined by the compaction's id, before 3.0 by the thread. The counts are of
// Cassandra's partitions: `existing` is the total that the line claims, which must be Σ k·c_k over
// the merge counts, `written` what they were merged to. Sstables that had expired whole are in
// "sstables" but in no count. Tasks that share their inputs show none, since each would consume
// them. "Compacting" without "Compacted" is usual (all was purged, nothing to do), hence no
// kStartedRun. Nothing is logged when sstables are deleted.

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "collectors/joiner.h"
#include "collectors/presets/cassandra_line.h"
#include "collectors/presets/segment_fact.h"
#include "collectors/timestamp.h"

namespace {

using nlohmann::json;

// "Compacting" lines that wait for their "Compacted". Those that never come are overwritten by the
// thread's next one, or go when there are too many.
constexpr size_t kMaxWaiting = 512;

struct Waiting {
  std::string table;
  std::vector<std::string> inputs;
};

class CassandraJoiner final : public Joiner {
 public:
  explicit CassandraJoiner(const CompactionLogConfig& config)
      : facts_(config), expires_(config.expires.begin(), config.expires.end()) {
    // The configuration was checked; should the zone be unknown all the same, so are the times.
    const auto format = TimeFormat::Create("%Y-%m-%d %H:%M:%E*S", config.time_zone);
    if (format) time_format_ = *format;
  }

  LineResult Line(std::string_view text, const LineOrigin& origin, Batch& batch) override;
  void Missed() override { waiting_.clear(); }
  // "Compacting" alone says nothing of events.
  std::optional<Time> WaitingSince() const override { return std::nullopt; }
  std::string State() const override;
  void Restore(std::string_view state) override;

 private:
  LineResult Compacted(const CassandraLine& line, const LineOrigin& origin, size_t bytes,
                       Batch& batch);
  LineResult Flushed(const CassandraLine& line, const LineOrigin& origin, size_t bytes,
                     Batch& batch);
  std::optional<Time> TimeOf(const CassandraLine& line) const;
  Fact& AddFact(const CassandraLine& line, const std::string& table, const json& detail,
                const LineOrigin& origin, size_t bytes, Batch& batch);

  SegmentFacts facts_;
  std::set<std::string> expires_;
  std::optional<TimeFormat> time_format_;
  std::map<std::string, Waiting> waiting_;  // by CassandraLine::join
};

LineResult CassandraJoiner::Line(std::string_view text, const LineOrigin& origin, Batch& batch) {
  using Kind = CassandraLine::Kind;
  CassandraLine line = ParseCassandraLine(text);
  if (!TimeOf(line)) return {LineOutcome::kQuarantined, "time is not a timestamp"};
  switch (line.kind) {
    case Kind::kOther:
      return {LineOutcome::kIgnored, {}};
    case Kind::kBroken:
      return {LineOutcome::kQuarantined, line.reason};
    case Kind::kCompacted:
      return Compacted(line, origin, text.size(), batch);
    case Kind::kFlushed:
      return Flushed(line, origin, text.size(), batch);
    case Kind::kVersion:  // said once, at the start of the server: nothing is under way
      facts_.version = line.text;
      waiting_.clear();
      break;
    case Kind::kCompacting:
      if (line.join.empty()) break;
      if (waiting_.size() >= kMaxWaiting) waiting_.erase(waiting_.begin());
      waiting_[line.join] = {std::move(line.table), std::move(line.sstables)};
      break;
  }
  return {LineOutcome::kFacts, {}};
}

LineResult CassandraJoiner::Compacted(const CassandraLine& line, const LineOrigin& origin,
                                      size_t bytes, Batch& batch) {
  json detail = {{"kind", "compaction"}, {"outputs", json::array()}};
  std::string table = line.table;
  const auto waiting = waiting_.find(line.join);
  if (waiting != waiting_.end()) {
    if (table.empty()) table = waiting->second.table;  // all was purged: there is no output
    const bool ours = table == waiting->second.table && !line.part;
    if (ours) detail["inputs"] = waiting->second.inputs;
    waiting_.erase(waiting);
  }
  if (table.empty()) return {LineOutcome::kQuarantined, "compaction of an unknown table"};
  for (const std::string& output : line.sstables) {
    detail["outputs"].push_back({{"segment", output}});
  }
  detail["sstables"] = line.input_count;
  detail["input_records"] = line.before;
  detail["output_records"] = line.after;
  if (line.estimate) detail["estimate"] = true;
  if (line.zero_based) detail["zero_based"] = true;
  if (line.has_counts) {
    detail["merge_counts"] = json::object();
    for (const auto& [sstables, partitions] : line.merge_counts) {
      detail["merge_counts"][std::to_string(sstables)] = partitions;
    }
  }
  Fact& fact = AddFact(line, table, detail, origin, bytes, batch);
  fact.run = batch.Add(line.run);
  fact.existing = line.before;
  fact.fresh = 0;
  fact.written = line.after;
  return {LineOutcome::kFacts, {}};
}

LineResult CassandraJoiner::Flushed(const CassandraLine& line, const LineOrigin& origin,
                                    size_t bytes, Batch& batch) {
  if (line.table.empty()) return {LineOutcome::kQuarantined, "flush of an unknown table"};
  const json detail = {{"kind", "flush"},
                       {"inputs", json::array()},
                       {"outputs", {{{"segment", line.sstables.front()}}}}};
  AddFact(line, line.table, detail, origin, bytes, batch);
  return {LineOutcome::kFacts, {}};
}

Fact& CassandraJoiner::AddFact(const CassandraLine& line, const std::string& table,
                               const json& detail, const LineOrigin& origin, size_t bytes,
                               Batch& batch) {
  json full = detail;
  if (expires_.contains(table)) full["expires"] = true;
  Fact& fact = facts_.Add(batch, origin, bytes, FactKind::kRun, table, full);
  fact.logged_at = TimeOf(line).value_or(Time{});
  return fact;
}

// The epoch, which is no time, for a line without one: logs on the console have no dates.
std::optional<Time> CassandraJoiner::TimeOf(const CassandraLine& line) const {
  if (line.time.empty() || !time_format_) return Time{};
  std::string time(line.time);
  std::replace(time.begin(), time.end(), ',', '.');
  std::replace(time.begin(), time.end(), 'T', ' ');
  return time_format_->Parse(time);
}

std::string CassandraJoiner::State() const {
  json waiting = json::array();
  for (const auto& [join, each] : waiting_) waiting.push_back({join, each.table, each.inputs});
  const json state = {{"version", facts_.version}, {"waiting", waiting}};
  return state.dump(-1, ' ', false, json::error_handler_t::replace);
}

void CassandraJoiner::Restore(std::string_view state) {
  try {
    const json value = json::parse(state);
    std::map<std::string, Waiting> waiting;
    for (const json& each : value.at("waiting")) {
      waiting[each.at(0)] = {each.at(1), each.at(2).get<std::vector<std::string>>()};
    }
    facts_.version = value.at("version");
    waiting_ = std::move(waiting);
  } catch (const json::exception&) {
    // Not written by State(): read on as from the middle of a log.
  }
}

}  // namespace

std::unique_ptr<Joiner> MakeCassandraJoiner(const CompactionLogConfig& config) {
  return std::make_unique<CassandraJoiner>(config);
}
