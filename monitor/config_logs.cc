#include <algorithm>
#include <array>
#include <map>

#include "monitor/config_parts.h"
#include "monitor/config_values.h"
#include "monitor/fact.h"

// The section `compaction_logs`. A preset is laid down first and the source's own keys over it,
// both by the same function, so that a preset file can say what a source can, and is checked as
// strictly.

namespace {

constexpr std::array<std::string_view, 3> kFormats = {"json", "logfmt", "regex"};
constexpr std::array<std::string_view, 2> kShapes = {"rewrite", "segments"};
constexpr std::array<std::string_view, 3> kConservations = {"strict", "bounded", "off"};
constexpr std::array<std::string_view, 4> kTimeFormats = {"rfc3339", "unix_s", "unix_ms",
                                                          "unix_us"};
constexpr std::array<std::string_view, 6> kCounts = {"existing",   "fresh",   "recovered",
                                                     "duplicates", "deleted", "written"};

template <class Names>
bool Contains(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool IsName(std::string_view text) {
  return text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-';
         });
}

void ReadTimes(YamlMap& map, CompactionLogConfig& log) {
  if (map.Text("time_format", log.time_format) && !Contains(kTimeFormats, log.time_format) &&
      log.time_format.find('%') == std::string::npos) {
    map.Complain("time_format",
                 "must be rfc3339, unix_s, unix_ms, unix_us or a strptime format "
                 "with %, is " +
                     Quoted(log.time_format));
  }
  if (map.Text("time_zone", log.time_zone) &&
      !std::all_of(log.time_zone.begin(), log.time_zone.end(), [](char c) {
        return IsName({&c, 1}) || c == '/' || c == '+';
      })) {
    map.Complain("time_zone",
                 "must be an IANA zone such as Europe/Berlin, is " + Quoted(log.time_zone));
  }
  if (map.Text("day_format", log.day_format) && log.day_format != "-" &&
      log.day_format.find('%') == std::string::npos) {
    map.Complain("day_format",
                 "must be \"-\" or a strptime format with %, is " + Quoted(log.day_format));
  }
}

void ReadMatch(YamlMap& map, CompactionLogConfig& log) {
  auto match = map.Map("match");
  if (!match) return;
  log.match.clear();
  for (const std::string& field : match->Keys()) {
    MatchTerm term{field, {}};
    if (!IsFieldPath(field)) match->Complain(field, "is not a field path such as a.b");
    if (match->TextOrTexts(field, term.values)) log.match.push_back(std::move(term));
  }
  if (match->Keys().empty()) map.Complain("match", "an empty map; leave the key out");
}

void ReadOutcome(YamlMap& map, CompactionLogConfig& log) {
  auto read = map.Map("outcome");
  if (!read) return;
  OutcomeField outcome;
  const bool field = read->Text("field", outcome.field);
  if (!field && !read->Has("field")) read->Complain("missing \"field\"");
  if (field && !IsFieldPath(outcome.field)) {
    read->Complain("field", "is not a field path such as a.b");
  }
  const bool failed = read->TextOrTexts("failed", outcome.failed);
  const bool started = read->TextOrTexts("started", outcome.started);
  if (!failed && !started && !read->Has("failed") && !read->Has("started")) {
    read->Complain("needs \"failed\" or \"started\"");
  }
  for (const std::string& value : outcome.started) {
    if (Contains(outcome.failed, value)) {
      read->Complain("started", Quoted(value) + " is also under failed");
    }
  }
  read->Finish();
  log.outcome = std::move(outcome);
}

void CheckConstant(YamlMap& map, std::string_view fact, const std::string& value) {
  if (fact == "time") map.Complain(fact, "cannot be constant; a run without its own time has none");
  const auto count = ParseCount(value);
  if (Contains(kCounts, fact) && (!count || *count > kMaxCount)) {
    map.Complain(fact, "must be a count without leading zeros, is " + Quoted(value));
  }
}

// A fact field comes from a log field or is constant; what is laid over a preset replaces either.
void ReadFactFields(YamlMap& map, CompactionLogConfig& log) {
  auto fields = map.Map("fields");
  auto constants = map.Map("constants");
  for (const std::string_view fact : FactFieldNames()) {
    const std::string name(fact);
    std::string value;
    if (fields && fields->Text(fact, value)) {
      if (!IsFieldPath(value))
        fields->Complain(fact, Quoted(value) + " is not a field path such as a.b");
      log.fields[name] = value;
      log.constants.erase(name);
    }
    if (!constants || !constants->Text(fact, value)) continue;
    CheckConstant(*constants, fact, value);
    if (fields && fields->Has(fact)) constants->Complain(fact, "is also under fields");
    log.constants[name] = value;
    log.fields.erase(name);
  }
  if (fields) fields->Finish("fact field");
  if (constants) constants->Finish("fact field");
}

void ReadPartition(YamlMap& map, CompactionLogConfig& log) {
  if (!map.Text("partition", log.partition)) return;
  const auto names = Placeholders(log.partition);
  for (const std::string& name : names) {
    if (name != "project" && name != "day") {
      map.Complain("partition", "unknown placeholder " + Quoted("{" + name + "}") +
                                    " (known: {project}, {day})");
    }
  }
  if (!Contains(names, "project")) map.Complain("partition", "must contain {project}");
}

// The keys that a preset and a source have in common.
void ReadSharedKeys(YamlMap& map, CompactionLogConfig& log) {
  if (const auto index = map.Choice("format", kFormats)) log.format = LogFormat(*index);
  if (const auto index = map.Choice("shape", kShapes)) log.shape = Shape(*index);
  if (const auto index = map.Choice("conservation", kConservations)) {
    log.conservation = Conservation(*index);
  }
  map.Text("unit", log.unit);
  ReadTimes(map, log);
  ReadMatch(map, log);
  ReadOutcome(map, log);
  ReadFactFields(map, log);
  map.Text("pattern", log.pattern);
  ReadPartition(map, log);
}

// `shown` is the preset's file in messages.
void LayPreset(YamlMap& source, std::string_view yaml, const std::string& shown,
               CompactionLogConfig& log) {
  Complaints complaints(shown);
  if (const auto tree = ParseYaml(yaml, complaints)) {
    YamlMap map(*tree, "", complaints);
    if (tree->kind == YamlNode::Kind::kMap) {
      ReadSharedKeys(map, log);
      map.Finish();
    } else {
      complaints.Add(tree->line, "", "must be a map, is " + std::string(NameOf(tree->kind)));
    }
  }
  if (complaints.empty()) return;
  source.complaints().AddText(source.Line("preset"), complaints.AsError().message);
}

// Lines that code reads are not cut up by keys.
void CheckJoins(YamlMap& source, const std::string& preset) {
  for (const std::string_view key :
       {"format", "pattern", "match", "outcome", "fields", "time_format"}) {
    if (source.Has(key)) source.Complain(key, "has no effect with preset: " + preset);
  }
}

// True: the preset is built in, and code may supply what its keys do not; or it cannot be had.
bool ReadPreset(YamlMap& source, const ConfigOrigin& origin, CompactionLogConfig& log) {
  if (!source.Text("preset", log.preset)) return false;
  std::vector<std::string_view> names;
  for (const Preset& preset : origin.presets) {
    names.push_back(preset.name);
    if (preset.name != log.preset) continue;
    LayPreset(source, preset.yaml, "preset " + log.preset, log);
    if (preset.joins) CheckJoins(source, log.preset);
    return true;
  }
  if (log.preset.find('/') == std::string::npos && !log.preset.ends_with(".yml")) {
    source.Complain("preset", "unknown preset " + Quoted(log.preset) +
                                  Suggestion(log.preset, names) +
                                  "; a preset file's name ends in .yml");
    return true;
  }
  log.preset = Resolved(log.preset, origin);
  const auto yaml = ReadWholeFile(log.preset);
  if (yaml) LayPreset(source, *yaml, log.preset, log);
  if (!yaml) source.Complain("preset", yaml.error().message);
  return !yaml;
}

// Every field that a regex source names must be a group, and every group must be of use: a misspelt
// group would silently leave its count unknown.
void CheckGroups(YamlMap& source, const CompactionLogConfig& log) {
  const auto groups = GroupNames(log.pattern);
  if (groups.empty()) {
    source.Complain("pattern", "names no group such as (?P<written>\\d+)");
    return;
  }
  std::vector<std::string> used;
  for (const auto& [fact, group] : log.fields) used.push_back(group);
  for (const MatchTerm& term : log.match) used.push_back(term.field);
  if (log.outcome) used.push_back(log.outcome->field);
  for (const std::string& name : used) {
    if (!Contains(groups, name)) source.Complain("pattern", "has no group " + Quoted(name));
  }
  for (const std::string& group : groups) {
    if (Contains(FactFieldNames(), group) || Contains(used, group)) continue;
    source.Complain("pattern", "group " + Quoted(group) + " is no fact field" +
                                   Suggestion(group, FactFieldNames()));
  }
}

bool Supplies(const CompactionLogConfig& log, const std::string& fact) {
  if (log.fields.contains(fact) || log.constants.contains(fact)) return true;
  return log.format == LogFormat::kRegex && Contains(GroupNames(log.pattern), fact);
}

void CheckSupplied(YamlMap& source, const CompactionLogConfig& log) {
  for (const std::string fact : {"time", "project", "day", "written"}) {
    if (Supplies(log, fact)) continue;
    if (fact == "day" && (log.day_format == "-" || Contains(Placeholders(log.partition), "day"))) {
      continue;
    }
    std::string what = "no field gives \"" + fact + "\"; name it under fields";
    if (log.format == LogFormat::kRegex) what += " or as a group of the pattern";
    if (fact == "day") what += ", or set day_format: \"-\"";
    source.Complain(what);
  }
}

// The keys of a source that say how its lines are read, against each other.
void CheckReading(YamlMap& source, const CompactionLogConfig& log) {
  if (log.format != LogFormat::kRegex && !log.pattern.empty()) {
    source.Complain("pattern", "has no effect without format: regex");
  }
  if (log.format == LogFormat::kRegex && log.pattern.empty() && !source.Has("pattern")) {
    source.Complain("format: regex needs a \"pattern\"");
  }
  if (log.format == LogFormat::kRegex && !log.pattern.empty()) CheckGroups(source, log);
  CheckSupplied(source, log);
}

// Asks the reader of the lines, and puts its complaint at the key that it names.
void AskReader(YamlMap& source, const CheckSource& check, const CompactionLogConfig& log) {
  const auto ok = check(log);
  if (ok) return;
  const std::string& message = ok.error().message;
  const size_t colon = message.find(": ");
  const std::string key = message.substr(0, colon);
  if (!source.Has(key)) return source.Complain(message);
  source.Complain(key, message.substr(colon + 2));
}

CompactionLogConfig ReadSource(YamlMap& source, const ConfigOrigin& origin) {
  const size_t complaints_before = source.complaints().size();
  CompactionLogConfig log;
  log.line = source.line();
  if (source.Text("name", log.name)) {
    if (!IsName(log.name)) {
      source.Complain("name", "must be letters, digits, \".\", \"_\" and \"-\", at most 64, is " +
                                  Quoted(log.name));
    } else if (log.name == kFilesSource || log.name == kReadsSource) {
      source.Complain("name",
                      Quoted(log.name) + " is what watches canonical files; choose another");
    }
  } else if (!source.Has("name")) {
    source.Complain("missing \"name\"");
  }
  if (!source.Texts("paths", log.paths) && !source.Has("paths"))
    source.Complain("missing \"paths\"");
  for (std::string& path : log.paths) {
    CheckPath(source, "paths", path);
    path = Resolved(path, origin);
  }
  const bool built_in = ReadPreset(source, origin, log);
  ReadSharedKeys(source, log);
  source.Texts("expires", log.expires);
  source.Finish();
  if (!built_in) CheckReading(source, log);
  if (origin.check && source.complaints().size() == complaints_before) {
    AskReader(source, origin.check, log);
  }
  return log;
}

}  // namespace

std::vector<CompactionLogConfig> ReadCompactionLogs(YamlMap& root, const ConfigOrigin& origin) {
  std::vector<CompactionLogConfig> logs;
  std::map<std::string, std::string> owners;  // of names and of paths
  for (YamlMap& source : root.Maps("compaction_logs")) {
    CompactionLogConfig log = ReadSource(source, origin);
    const auto [other, fresh] = owners.try_emplace(log.name, source.path());
    if (!fresh && !log.name.empty()) {
      source.Complain("name", Quoted(log.name) + " is the name of " + other->second + " already");
    }
    for (const std::string& path : log.paths) {
      const auto [reader, first] = owners.try_emplace("path " + path, source.path());
      if (first) continue;
      source.Complain("paths", Quoted(path) + " is read by " + reader->second + " already");
    }
    logs.push_back(std::move(log));
  }
  return logs;
}
