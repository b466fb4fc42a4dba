#include "collectors/field_mapping.h"

#include <algorithm>
#include <optional>

namespace {

constexpr std::array<std::string_view, kFactFields> kNames = {
    "time", "day",      "project", "server",  "format",    "run",        "batch",  "version",
    "path", "existing", "fresh",   "written", "recovered", "duplicates", "deleted"};

std::optional<size_t> IndexOf(std::string_view name) {
  const auto at = std::find(kNames.begin(), kNames.end(), name);
  if (at == kNames.end()) return std::nullopt;
  return static_cast<size_t>(at - kNames.begin());
}

}  // namespace

std::string_view NameOf(FactField field) { return kNames[static_cast<size_t>(field)]; }

Result<FieldMapping> FieldMapping::Create(const CompactionLogConfig& config,
                                          std::span<const std::string> groups) {
  FieldMapping mapping;
  for (const std::string& group : groups) {
    if (const auto field = IndexOf(group)) {
      mapping.sources_[*field].path = mapping.PathIndex(group);
    }
  }
  if (auto set = mapping.SetFields(config); !set) return tl::unexpected(set.error());
  for (const MatchTerm& term : config.match) {
    mapping.match_.push_back({mapping.PathIndex(term.field), term.values});
  }
  if (config.outcome) {
    const int path = mapping.PathIndex(config.outcome->field);
    mapping.failed_ = {path, config.outcome->failed};
    mapping.started_ = {path, config.outcome->started};
  }
  if (mapping.paths_.size() > kMaxPaths) {
    return Fail(Error::Kind::kUsage, "fields and match: more than 64 different fields of the log");
  }
  for (const std::string& path : mapping.paths_) {
    if (config.format != LogFormat::kRegex) break;
    if (std::find(groups.begin(), groups.end(), path) == groups.end()) {
      return Fail(Error::Kind::kUsage, "pattern: there is no group named '" + path + "'");
    }
  }
  return mapping;
}

Result<void> FieldMapping::SetFields(const CompactionLogConfig& config) {
  for (const auto& [name, path] : config.fields) {
    const auto field = IndexOf(name);
    if (!field) return Fail(Error::Kind::kUsage, "fields: unknown field '" + name + "'");
    sources_[*field].path = PathIndex(path);
  }
  for (const auto& [name, value] : config.constants) {
    const auto field = IndexOf(name);
    if (!field) return Fail(Error::Kind::kUsage, "constants: unknown field '" + name + "'");
    Source& source = sources_[*field];
    source.constant_text = std::make_unique<const std::string>(value);
    source.constant = {Value::Kind::kText, *source.constant_text};
  }
  return {};
}

int FieldMapping::PathIndex(const std::string& path) {
  const auto at = std::find(paths_.begin(), paths_.end(), path);
  const auto index = at - paths_.begin();
  if (at == paths_.end()) paths_.push_back(path);
  return static_cast<int>(index);
}

bool FieldMapping::Term::Holds(std::span<const Value> line) const {
  if (path < 0) return false;
  const Value& value = line[static_cast<size_t>(path)];
  if (value.kind == Value::Kind::kAbsent || value.kind == Value::Kind::kNested) return false;
  return std::find(values.begin(), values.end(), value.text) != values.end();
}

bool FieldMapping::Selects(std::span<const Value> values) const {
  return std::all_of(match_.begin(), match_.end(),
                     [values](const Term& term) { return term.Holds(values); });
}

bool FieldMapping::IsFailed(std::span<const Value> values) const { return failed_.Holds(values); }

bool FieldMapping::IsStarted(std::span<const Value> values) const { return started_.Holds(values); }
