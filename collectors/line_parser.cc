#include "collectors/line_parser.h"

#include <optional>
#include <utility>

namespace {

LineResult Read(std::string_view reason) {
  if (reason.empty()) return {LineOutcome::kFacts, {}};
  return {LineOutcome::kQuarantined, reason};
}

}  // namespace

LineParser::LineParser(Format format, FactBuilder builder)
    : format_(std::move(format)),
      builder_(std::move(builder)),
      values_(builder_.mapping().paths().size()) {}

Result<LineParser> LineParser::Create(const CompactionLogConfig& config) {
  std::vector<std::string> groups;
  std::optional<RegexLine> regex;
  if (config.format == LogFormat::kRegex) {
    if (config.pattern.empty()) return Fail(Error::Kind::kUsage, "pattern: missing");
    auto compiled = RegexLine::Create(config.pattern);
    if (!compiled) return tl::unexpected(compiled.error());
    regex = std::move(*compiled);
    groups = regex->groups();
  }
  auto mapping = FieldMapping::Create(config, groups);
  if (!mapping) return tl::unexpected(mapping.error());
  const std::vector<std::string> paths = mapping->paths();
  auto builder = FactBuilder::Create(config, std::move(*mapping));
  if (!builder) return tl::unexpected(builder.error());

  if (regex) {
    regex->Ask(paths);
    return LineParser(std::move(*regex), std::move(*builder));
  }
  if (config.format == LogFormat::kLogfmt) {
    return LineParser(LogfmtLine(paths), std::move(*builder));
  }
  auto json = JsonLine::Create(paths);
  if (!json) return tl::unexpected(json.error());
  return LineParser(std::move(*json), std::move(*builder));
}

LineResult LineParser::Parse(std::string_view line, const LineOrigin& origin, Batch& batch) {
  if (line.find_first_not_of(" \t\r") == line.npos) return {LineOutcome::kIgnored, {}};
  const LineResult read =
      std::visit([&](auto& format) { return Read(format, line, values_); }, format_);
  if (read.outcome != LineOutcome::kFacts) return read;
  return builder_.Add(values_, line.size(), origin, batch);
}

LineResult LineParser::Read(JsonLine& json, std::string_view line, std::span<Value> values) {
  return ::Read(json.Read(line, values));
}

LineResult LineParser::Read(LogfmtLine& logfmt, std::string_view line, std::span<Value> values) {
  return ::Read(logfmt.Read(line, values));
}

LineResult LineParser::Read(RegexLine& regex, std::string_view line, std::span<Value> values) {
  switch (regex.Read(line, values)) {
    case RegexLine::Outcome::kMatch:
      return {LineOutcome::kFacts, {}};
    case RegexLine::Outcome::kNoMatch:
      return {LineOutcome::kIgnored, {}};
    case RegexLine::Outcome::kGaveUp:
      break;
  }
  return {LineOutcome::kQuarantined, "pattern exceeded its match limit"};
}
