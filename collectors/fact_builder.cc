#include "collectors/fact_builder.h"

#include <array>
#include <optional>
#include <utility>

#include "collectors/byte_scan.h"
#include "collectors/partition_name.h"

namespace {

using Kind = Value::Kind;

const Fact kBlank;  // to copy, which is faster than to make

// Digits alone, at most kMaxCount; no sign, fraction, exponent or separator. -1 for anything else.
int64_t ParseCount(const Value& value) {
  if (value.kind != Kind::kNumber && value.kind != Kind::kText) return -1;
  const int64_t count = ParseDigits(value.text.data(), value.text.size());
  return count <= kMaxCount ? count : -1;
}

}  // namespace

const std::array<FactBuilder::CountField, 6> FactBuilder::kCounts = {{
    {FactField::kExisting, &Fact::existing, "existing is not a count"},
    {FactField::kFresh, &Fact::fresh, "fresh is not a count"},
    {FactField::kWritten, &Fact::written, "written is not a count"},
    {FactField::kRecovered, &Fact::recovered, "recovered is not a count"},
    {FactField::kDuplicates, &Fact::duplicates, "duplicates is not a count"},
    {FactField::kDeleted, &Fact::deleted, "deleted is not a count"},
}};

const std::array<FactBuilder::TextField, 7> FactBuilder::kTexts = {{
    {FactField::kProject, &Fact::project, "project is not a string"},
    {FactField::kServer, &Fact::server, "server is not a string"},
    {FactField::kFormat, &Fact::format, "format is not a string"},
    {FactField::kRun, &Fact::run, "run is not a string"},
    {FactField::kBatch, &Fact::batch, "batch is not a string"},
    {FactField::kVersion, &Fact::version, "version is not a string"},
    {FactField::kPath, &Fact::path, "path is not a string"},
}};

FactBuilder::FactBuilder(FieldMapping mapping, TimeFormat time)
    : mapping_(std::move(mapping)), time_(std::move(time)) {
  for (const CountField& count : kCounts) {
    if (mapping_.Feeds(count.field)) counts_.push_back(count);
  }
  for (const TextField& text : kTexts) {
    if (mapping_.Feeds(text.field)) texts_.push_back(text);
  }
}

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
                            Batch& batch) {
  if (!mapping_.Selects(values)) return {LineOutcome::kIgnored, {}};
  batch.facts.push_back(kBlank);
  Fact& fact = batch.facts.back();
  fact.source = origin.source;
  fact.log = origin.log;
  fact.offset = origin.offset;
  fact.epoch = origin.epoch;
  fact.length = static_cast<uint32_t>(length);
  if (mapping_.IsFailed(values)) fact.kind = FactKind::kFailedRun;
  if (mapping_.IsStarted(values)) fact.kind = FactKind::kStartedRun;

  std::string_view project;
  std::string_view reason = ReadMoment(values, fact);
  if (reason.empty()) reason = CheckTexts(values);
  if (reason.empty()) reason = ReadPartition(values, fact, project);
  if (reason.empty()) reason = ReadCounts(values, fact);
  if (!reason.empty()) {
    batch.facts.pop_back();
    return {LineOutcome::kQuarantined, reason};
  }
  AddTexts(values, project, fact, batch);
  return {LineOutcome::kFacts, {}};
}

std::string_view FactBuilder::CheckTexts(std::span<const Value> values) const {
  for (const TextField& field : texts_) {
    const Value& value = mapping_.ValueOf(field.field, values);
    if (value.kind == Kind::kNested) return field.reason;
    // Whose line it is cannot be guessed where lines of several servers are in one log.
    if (field.field == FactField::kServer && value.text.empty()) return "no server";
  }
  return {};
}

void FactBuilder::AddTexts(std::span<const Value> values, std::string_view project, Fact& fact,
                           Batch& batch) {
  const Fact* const last = batch.facts.size() > 1 ? &fact - 1 : nullptr;
  for (const TextField& field : texts_) {
    std::string_view text =
        field.field == FactField::kProject ? project : mapping_.ValueOf(field.field, values).text;
    if (text.empty()) continue;
    if (field.field == FactField::kPath) {
      text = path_.Of(text, project, mapping_.ValueOf(FactField::kDay, values).text, fact.day);
    }
    const Text before = last != nullptr ? last->*field.text : Text{};
    fact.*field.text = batch.View(before) == text ? before : batch.Add(text);
  }
}

std::string_view FactBuilder::ReadMoment(std::span<const Value> values, Fact& fact) const {
  const Value& value = mapping_.ValueOf(FactField::kTime, values);
  if (value.kind == Kind::kAbsent) return "no time";
  const bool scalar = value.kind == Kind::kText || value.kind == Kind::kNumber;
  const auto time = scalar ? time_.Parse(value.text) : std::nullopt;
  if (!time) return "time is not a timestamp";
  fact.logged_at = *time;
  return {};
}

std::string_view FactBuilder::ReadPartition(std::span<const Value> values, Fact& fact,
                                            std::string_view& project) const {
  project = mapping_.ValueOf(FactField::kProject, values).text;
  if (!partition_.empty()) {
    const PartitionName name = SplitPartition(partition_, project, day_format_);
    project = name.project;
    fact.day = name.day;
  }
  if (project.empty()) return "no project";
  if (day_format_ == "-" || fact.day != Day{}) return {};
  const Value& value = mapping_.ValueOf(FactField::kDay, values);
  if (value.kind == Kind::kAbsent) return partition_.empty() ? "no day" : "";
  const bool scalar = value.kind == Kind::kText || value.kind == Kind::kNumber;
  const auto day = scalar ? ParseDayAs(day_format_, value.text) : std::nullopt;
  if (!day) return "day is not a date";
  fact.day = *day;
  return {};
}

std::string_view FactBuilder::ReadCounts(std::span<const Value> values, Fact& fact) const {
  for (const CountField& field : counts_) {
    const Value& value = mapping_.ValueOf(field.field, values);
    if (value.kind == Kind::kAbsent) continue;
    const int64_t count = ParseCount(value);
    if (count < 0) return field.reason;
    fact.*field.count = count;
  }
  if (fact.kind == FactKind::kRun && fact.written == kUnknownCount) return "no written";
  return {};
}
