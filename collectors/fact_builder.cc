#include "collectors/fact_builder.h"

#include <array>
#include <optional>
#include <utility>

#include "collectors/byte_scan.h"
#include "collectors/partition_name.h"
#include "collectors/path_template.h"

namespace {

using Kind = Value::Kind;

struct CountField {
  FactField field;
  int64_t Fact::*count;
  std::string_view reason;
};
constexpr CountField kCounts[] = {
    {FactField::kExisting, &Fact::existing, "existing is no count"},
    {FactField::kFresh, &Fact::fresh, "fresh is no count"},
    {FactField::kWritten, &Fact::written, "written is no count"},
    {FactField::kRecovered, &Fact::recovered, "recovered is no count"},
    {FactField::kDuplicates, &Fact::duplicates, "duplicates is no count"},
    {FactField::kDeleted, &Fact::deleted, "deleted is no count"},
};

struct TextField {
  FactField field;
  Text Fact::*text;
  std::string_view reason;
};
constexpr TextField kTexts[] = {
    {FactField::kProject, &Fact::project, "project is no text"},
    {FactField::kServer, &Fact::server, "server is no text"},
    {FactField::kFormat, &Fact::format, "format is no text"},
    {FactField::kRun, &Fact::run, "run is no text"},
    {FactField::kBatch, &Fact::batch, "batch is no text"},
    {FactField::kVersion, &Fact::version, "version is no text"},
    {FactField::kPath, &Fact::path, "path is no text"},
};
constexpr size_t kTextFields = std::size(kTexts);
constexpr size_t kPathText = kTextFields - 1;

// Digits alone, at most kMaxCount; no sign, fraction, exponent or separator.
std::optional<int64_t> ParseCount(const Value& value) {
  if (value.kind != Kind::kNumber && value.kind != Kind::kText) return std::nullopt;
  const auto count = ParseDigits(value.text);
  if (!count || *count > kMaxCount) return std::nullopt;
  return count;
}

LineResult Quarantined(std::string_view reason) { return {LineOutcome::kQuarantined, reason}; }

}  // namespace

Result<FactBuilder> FactBuilder::Create(const CompactionLogConfig& config, FieldMapping mapping) {
  auto time = TimeFormat::Create(config.time_format, config.time_zone);
  if (!time) return tl::unexpected(time.error());
  if (auto day = CheckDayFormat(config.day_format); !day) return tl::unexpected(day.error());
  FactBuilder builder(std::move(mapping), std::move(*time));
  builder.day_format_ = config.day_format;
  builder.partition_ = config.partition;
  if (!config.partition.empty()) {
    if (auto named = CheckPartition(config.partition); !named) return tl::unexpected(named.error());
  }
  return builder;
}

LineResult FactBuilder::Add(std::span<const Value> values, size_t length, const LineOrigin& origin,
                            Batch& batch) const {
  if (!mapping_.Selects(values)) return {LineOutcome::kIgnored, {}};
  Fact fact;
  fact.source = origin.source;
  fact.log = origin.log;
  fact.offset = origin.offset;
  fact.epoch = origin.epoch;
  fact.length = static_cast<uint32_t>(length);
  if (mapping_.IsFailed(values)) fact.kind = FactKind::kFailedRun;
  if (mapping_.IsStarted(values)) fact.kind = FactKind::kStartedRun;

  std::array<std::string_view, kTextFields> texts;
  if (const auto reason = ReadMoment(values, fact); !reason.empty()) return Quarantined(reason);
  for (size_t i = 0; i < kTextFields; ++i) {
    const Value value = mapping_.ValueOf(kTexts[i].field, values);
    if (value.kind == Kind::kNested) return Quarantined(kTexts[i].reason);
    texts[i] = value.text;
  }
  if (const auto reason = ReadPartition(values, fact, texts[0]); !reason.empty()) {
    return Quarantined(reason);
  }
  if (const auto reason = ReadCounts(values, fact); !reason.empty()) return Quarantined(reason);
  PathTemplate path;
  texts[kPathText] = path.Of(texts[kPathText], texts[0], mapping_.ValueOf(FactField::kDay, values).text);

  const Fact* last = batch.facts.empty() ? nullptr : &batch.facts.back();
  for (size_t i = 0; i < kTextFields; ++i) {
    if (texts[i].empty()) continue;
    const Text before = last != nullptr ? last->*kTexts[i].text : Text{};
    fact.*kTexts[i].text = batch.View(before) == texts[i] ? before : batch.Add(texts[i]);
  }
  batch.facts.push_back(fact);
  return {LineOutcome::kFacts, {}};
}

std::string_view FactBuilder::ReadMoment(std::span<const Value> values, Fact& fact) const {
  const Value value = mapping_.ValueOf(FactField::kTime, values);
  if (value.kind == Kind::kAbsent) return "no time";
  const bool scalar = value.kind == Kind::kText || value.kind == Kind::kNumber;
  const auto time = scalar ? time_.Parse(value.text) : std::nullopt;
  if (!time) return "time is no time";
  fact.logged_at = *time;
  return {};
}

std::string_view FactBuilder::ReadPartition(std::span<const Value> values, Fact& fact,
                                            std::string_view& project) const {
  if (!partition_.empty()) {
    const PartitionName name = SplitPartition(partition_, project, day_format_);
    project = name.project;
    fact.day = name.day;
  }
  if (project.empty()) return "no project";
  if (day_format_ == "-" || fact.day != Day{}) return {};
  const Value value = mapping_.ValueOf(FactField::kDay, values);
  if (value.kind == Kind::kAbsent) return partition_.empty() ? "no day" : "";
  const bool scalar = value.kind == Kind::kText || value.kind == Kind::kNumber;
  const auto day = scalar ? ParseDayAs(day_format_, value.text) : std::nullopt;
  if (!day) return "day is no date";
  fact.day = *day;
  return {};
}

std::string_view FactBuilder::ReadCounts(std::span<const Value> values, Fact& fact) const {
  for (const CountField& field : kCounts) {
    const Value value = mapping_.ValueOf(field.field, values);
    if (value.kind == Kind::kAbsent) continue;
    const auto count = ParseCount(value);
    if (!count) return field.reason;
    fact.*field.count = *count;
  }
  if (fact.kind == FactKind::kRun && fact.written == kUnknownCount) return "no written";
  return {};
}
