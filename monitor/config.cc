#include "monitor/config.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "monitor/config_parts.h"
#include "monitor/config_values.h"

namespace {

constexpr std::array<std::string_view, 17> kRuleNames = {"count_drop",
                                                         "output_moved",
                                                         "dead_file_read",
                                                         "missing_canonical_file",
                                                         "file_disagrees",
                                                         "formats_differ",
                                                         "replicas_differ",
                                                         "lost_in_gap",
                                                         "file_rewritten_in_place",
                                                         "file_replaced_without_run",
                                                         "misplaced_file",
                                                         "overstated",
                                                         "deleted_came_back",
                                                         "surplus",
                                                         "volume_anomaly",
                                                         "compaction_overdue",
                                                         "blind"};
constexpr std::array<std::string_view, 15> kFactFieldNames = {
    "time",  "run",       "batch",      "server",  "project", "day",     "format", "existing",
    "fresh", "recovered", "duplicates", "deleted", "written", "version", "path"};
constexpr std::array<std::string_view, 3> kSeverities = {"critical", "warning", "info"};

void ReadServer(YamlMap& root, Config& config) {
  if (!root.Text("server", config.server)) return;
  if (config.server.size() > 255 || config.server.find_first_of(" \t/") != std::string::npos) {
    root.Complain("server", "must be a name without spaces and \"/\", is " + Quoted(config.server));
  }
}

void ReadPlaces(YamlMap& root, const ConfigOrigin& origin, Config& config) {
  ReadPath(root, "ledger", origin, config.ledger);
  if (root.Text("listen", config.listen)) {
    const std::string wrong = ListenComplaint(config.listen);
    if (!wrong.empty()) root.Complain("listen", wrong + ", is " + Quoted(config.listen));
  }
  config.operator_db = OperatorDbBeside(config.ledger);
  ReadPath(root, "operator_db", origin, config.operator_db);
  if (config.operator_db == config.ledger) root.Complain("operator_db", "is the ledger's own file");
  root.Bool("keep_sys_admin", config.keep_sys_admin);
}

// Formats that the file names outright. Empty where all of them come out of the logs, so that there
// is nothing to check a name against.
std::vector<std::string_view> KnownFormats(const Config& config) {
  std::vector<std::string_view> known;
  const auto add = [&](const std::string& format) {
    if (format.empty() || std::find(known.begin(), known.end(), format) != known.end()) return;
    known.push_back(format);
  };
  for (const CanonicalFilesConfig& files : config.canonical_files) add(files.format);
  for (const CompactionLogConfig& log : config.compaction_logs) {
    const auto constant = log.constants.find("format");
    if (constant != log.constants.end()) add(constant->second);
  }
  return known;
}

// Empty, or why `format` cannot be meant.
std::string UnknownFormat(const std::vector<std::string_view>& known, const std::string& format) {
  if (known.empty() || std::find(known.begin(), known.end(), format) != known.end()) return "";
  return "unknown format " + Quoted(format) + Suggestion(format, known);
}

void CheckReads(YamlMap& root, const Config& config) {
  const auto known = KnownFormats(config);
  for (size_t i = 0; i < config.canonical_files.size(); ++i) {
    const CanonicalFilesConfig& files = config.canonical_files[i];
    const std::string unknown = files.reads.empty() ? "" : UnknownFormat(known, files.reads);
    if (unknown.empty()) continue;
    root.complaints().Add(files.line, "canonical_files[" + std::to_string(i) + "].reads", unknown);
  }
}

// `same_events: [row, columnar]` is one group, `[[a, b], [c, d]]` are two.
void ReadSameEvents(YamlMap& root, Config& config) {
  const YamlNode* node = root.Find("same_events");
  if (!node) return;
  const bool nested = node->kind == YamlNode::Kind::kList && !node->items.empty() &&
                      node->items[0].kind == YamlNode::Kind::kList;
  YamlNode groups{
      .kind = YamlNode::Kind::kMap, .line = node->line, .text = {}, .items = {}, .entries = {}};
  for (size_t i = 0; nested && i < node->items.size(); ++i) {
    groups.entries.push_back(
        {"same_events[" + std::to_string(i) + "]", node->items[i].line, node->items[i]});
  }
  if (!nested) groups.entries.push_back({"same_events", root.Line("same_events"), *node});
  const auto known = KnownFormats(config);
  YamlMap map(groups, "", root.complaints());
  std::set<std::string> seen;
  for (const std::string& key : map.Keys()) {
    std::vector<std::string> group;
    if (!map.Texts(key, group)) continue;
    if (group.size() < 2) map.Complain(key, "needs two formats to compare");
    for (const std::string& format : group) {
      const std::string unknown = UnknownFormat(known, format);
      if (!unknown.empty()) map.Complain(key, unknown);
      if (!seen.insert(format).second) map.Complain(key, Quoted(format) + " is in two groups");
    }
    config.same_events.push_back(std::move(group));
  }
}

void CheckPreserved(YamlMap& map, const std::string& format, const Config& config) {
  std::vector<std::string_view> known;
  for (const auto& files : config.canonical_files) known.push_back(files.format);
  if (std::find(known.begin(), known.end(), format) == known.end()) {
    map.Complain("formats",
                 Quoted(format) + " is not under canonical_files" + Suggestion(format, known));
  }
  // Its copies are in a directory of that name.
  if (format == "." || format == ".." || format.find('/') != std::string::npos) {
    map.Complain("formats", Quoted(format) + " cannot be the name of a directory");
  }
}

void ReadPreserve(YamlMap& root, const ConfigOrigin& origin, Config& config) {
  auto map = root.Map("preserve");
  if (!map) return;
  PreserveConfig preserve;
  if (map->Texts("formats", preserve.formats)) {
    for (const std::string& format : preserve.formats) CheckPreserved(*map, format, config);
  } else if (!map->Has("formats")) {
    map->Complain("missing \"formats\"");
  }
  if (!ReadPath(*map, "directory", origin, preserve.directory) && !map->Has("directory")) {
    map->Complain("missing \"directory\"");
  }
  if (map->Duration("window", preserve.window) && preserve.window.count() == 0) {
    map->Complain("window", "must be longer than 0s");
  }
  map->Size("max_bytes", preserve.max_bytes);
  std::optional<int64_t> max_files;
  if (map->Count("max_files", 1, max_files)) preserve.max_files = *max_files;
  map->Bool("keep_deleted", preserve.keep_deleted);
  map->Finish();
  config.preserve = std::move(preserve);
}

// The keys that one rule has and others do not.
void ReadOwnKeys(YamlMap& map, std::string_view name, RuleConfig& rule) {
  if (map.Duration("after", rule.after) && name != "compaction_overdue" && name != "blind") {
    map.Complain("after", "only compaction_overdue and blind wait for a time");
  }
  if (map.Duration("waiting_after", rule.waiting_after) && name != "compaction_overdue") {
    map.Complain("waiting_after", "only compaction_overdue knows of data that waits");
  }
  int64_t lag_bytes = 0;
  if (map.Size("max_lag_bytes", lag_bytes)) {
    rule.max_lag_bytes = lag_bytes;
    if (name != "blind") map.Complain("max_lag_bytes", "only blind knows of unread bytes");
  }
  const bool ratio = map.Ratio("explained_ratio", rule.explained_ratio);
  const bool events = map.Count("explained_events", 0, rule.explained_events);
  if (name == "overstated") return;
  constexpr const char* kWrong = "only overstated looks at what is explained away";
  if (ratio) map.Complain("explained_ratio", kWrong);
  if (events) map.Complain("explained_events", kWrong);
}

RuleConfig ReadRule(YamlMap& map, std::string_view name) {
  RuleConfig rule;
  map.Count("min_events", 1, rule.min_events);
  map.Ratio("min_ratio", rule.min_ratio);
  map.Duration("for", rule.pending_for);
  map.Duration("keep_firing_for", rule.keep_firing_for);
  if (const auto index = map.Choice("severity", kSeverities)) {
    rule.severity = std::string(kSeverities[*index]);
  }
  ReadOwnKeys(map, name, rule);
  map.Finish();
  return rule;
}

void ReadRules(YamlMap& root, Config& config) {
  auto rules = root.Map("rules");
  if (!rules) return;
  for (const std::string_view name : kRuleNames) {
    if (auto rule = rules->Map(name)) {
      config.rules.emplace(name, ReadRule(*rule, name));
    }
  }
  rules->Finish("rule");
}

Config ReadRoot(YamlMap& root, const ConfigOrigin& origin, const std::string& file) {
  Config config;
  config.file = file;
  ReadServer(root, config);
  ReadPlaces(root, origin, config);
  config.compaction_logs = ReadCompactionLogs(root, origin);
  config.canonical_files = ReadCanonicalFiles(root, origin);
  CheckReads(root, config);
  ReadSameEvents(root, config);
  ReadPreserve(root, origin, config);
  ReadRules(root, config);
  root.Finish();
  if (!root.Has("compaction_logs") && !root.Has("canonical_files")) {
    root.complaints().Add(0, "", "nothing to watch: neither compaction_logs nor canonical_files");
  }
  return config;
}

}  // namespace

std::span<const std::string_view> RuleNames() { return kRuleNames; }

std::span<const std::string_view> FactFieldNames() { return kFactFieldNames; }

bool Preserves(const PreserveConfig& preserve, std::string_view format) {
  const auto& formats = preserve.formats;
  return std::find(formats.begin(), formats.end(), format) != formats.end();
}

std::vector<std::string_view> FileSources(const Config& config) {
  if (config.canonical_files.empty()) return {};
  const bool dead =
      std::any_of(config.canonical_files.begin(), config.canonical_files.end(),
                  [](const CanonicalFilesConfig& files) { return files.dead_since.has_value(); });
  if (dead) return {kFilesSource, kReadsSource};
  return {kFilesSource};
}

std::string OperatorDbBeside(const std::string& ledger) {
  return (std::filesystem::path(ledger).parent_path() / "operator" / "operator.db").string();
}

std::string Resolved(const std::string& path, const ConfigOrigin& origin) {
  if (path.starts_with('/')) return path;
  return (std::filesystem::path(origin.directory) / path).lexically_normal().string();
}

bool ReadPath(YamlMap& map, std::string_view key, const ConfigOrigin& origin, std::string& into) {
  std::string path;
  if (!map.Text(key, path)) return false;
  CheckPath(map, key, path);
  into = Resolved(path, origin);
  return true;
}

void CheckPath(YamlMap& map, std::string_view key, const std::string& path) {
  if (!path.starts_with("~/") && path.find("${") == std::string::npos) return;
  map.Complain(key,
               "~ and ${VARIABLES} are not expanded; write the whole path, is " + Quoted(path));
}

Result<std::string> ReadWholeFile(const std::string& path) {
  constexpr size_t kEnough = (size_t{1} << 20) + 1;  // ParseYaml refuses what is longer
  std::string text(kEnough, '\0');
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in.is_open() || in.bad() || errno == EISDIR) {
    return Fail(Error::Kind::kUsage, path + ": cannot be read: " + std::strerror(errno));
  }
  text.resize(static_cast<size_t>(in.gcount()));
  return text;
}

Result<Config> ParseConfig(std::string_view yaml, const std::string& file,
                           const std::vector<Preset>& presets, const CheckSource& check) {
  Complaints complaints(file);
  const auto tree = ParseYaml(yaml, complaints);
  if (!tree) return tl::unexpected<Error>(complaints.AsError());
  if (tree->kind != YamlNode::Kind::kMap) {
    complaints.Add(tree->line, "", "must be a map, is " + std::string(NameOf(tree->kind)));
    return tl::unexpected<Error>(complaints.AsError());
  }
  const ConfigOrigin origin{std::filesystem::path(file).parent_path().string(), presets, check};
  YamlMap root(*tree, "", complaints);
  Config config = ReadRoot(root, origin, file);
  if (!complaints.empty()) return tl::unexpected<Error>(complaints.AsError());
  return config;
}

Result<Config> ReadConfig(const std::string& file, const std::vector<Preset>& presets,
                          const CheckSource& check) {
  const auto yaml = ReadWholeFile(file);
  if (!yaml) return tl::unexpected<Error>(yaml.error());
  return ParseConfig(*yaml, file, presets, check);
}
