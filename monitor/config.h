#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/error.h"

// The configuration file (DESIGN section 6), parsed strictly: an unknown or duplicate key, a wrong
// type or an impossible value is an Error that names file, line, key and what would be right. Plain
// data, immutable after ParseConfig.

enum class LogFormat { kJson, kLogfmt, kRegex };
enum class Shape { kRewrite, kSegments };
enum class Conservation { kStrict, kBounded, kOff };

// Selects lines: the value at `field` (dotted path) is one of `values`.
struct MatchTerm {
  std::string field;
  std::vector<std::string> values;
};

// Which lines are failed or merely started runs; without it every matching line is a finished run.
struct OutcomeField {
  std::string field;
  std::vector<std::string> failed;
  std::vector<std::string> started;
};

struct CompactionLogConfig {
  int line = 0;  // in the configuration file, for later complaints
  std::string name;
  std::vector<std::string> paths;  // globs, absolute
  std::string preset;              // a built-in name, the path of a preset file, or empty: none
  LogFormat format = LogFormat::kJson;
  Shape shape = Shape::kRewrite;
  Conservation conservation = Conservation::kStrict;
  std::string unit = "events";
  std::string time_format = "rfc3339";  // rfc3339 | unix_s | unix_ms | unix_us | a strptime format
  std::string time_zone = "UTC";        // IANA name, for time formats without an offset
  std::string day_format = "%Y-%m-%d";  // "-": the source has no days
  std::vector<MatchTerm> match;
  std::optional<OutcomeField> outcome;
  // Fact field (time, run, batch, server, project, day, format, existing, fresh, recovered,
  // duplicates, deleted, written, version, path) to the log's field (dotted path).
  std::map<std::string, std::string> fields;
  std::map<std::string, std::string> constants;  // fact field to its fixed value
  std::string pattern;                           // format: regex
  std::string partition;  // how the project field spells project and day: "{project}/{day}"
  std::vector<std::string> expires;  // projects with a time to live (cassandra)
};

struct CanonicalFilesConfig {
  int line = 0;  // in the configuration file, for later complaints
  std::string format;
  std::string path;      // with {project} and {day}
  std::string reads;     // format of its merge base; empty: its own
  bool serving = false;  // what customers' queries read
  bool required = false;
  std::chrono::milliseconds grace = std::chrono::minutes(10);
  std::vector<std::string> recount = {"none"};  // {"parquet"} | {"lines"} | {"exec", argv…}
  std::optional<std::chrono::milliseconds> retention;  // after the start of the day
  std::optional<std::string> dead_since;               // a date
  std::vector<std::string> dead_except;                // executables or units

  bool operator==(const CanonicalFilesConfig&) const = default;
};

struct PreserveConfig {
  std::vector<std::string> formats;
  std::string directory;
  std::chrono::milliseconds window = std::chrono::hours(72);
  int64_t max_bytes = 0;  // of replaced generations; 0: only the free-space floor of the disk
  int64_t max_files = 1'000'000;  // copies, those of what is still there included
  bool keep_deleted = false;

  bool operator==(const PreserveConfig&) const = default;
};

bool Preserves(const PreserveConfig& preserve, std::string_view format);

// Tuning of one rule; the defaults of each rule are in rules/.
struct RuleConfig {
  std::optional<int64_t> min_events;
  std::optional<double> min_ratio;
  std::optional<std::chrono::milliseconds> pending_for;  // key `for`
  std::optional<std::chrono::milliseconds> keep_firing_for;
  std::optional<std::string> severity;             // critical | warning | info
  std::optional<std::chrono::milliseconds> after;  // compaction_overdue, blind: the threshold
  std::optional<std::chrono::milliseconds> waiting_after;  // compaction_overdue: of fresh data
  std::optional<int64_t> max_lag_bytes;                    // blind
  // overstated: what a run may explain away without a warning
  std::optional<double> explained_ratio;
  std::optional<int64_t> explained_events;
};

struct Config {
  std::string file;    // where it was read from, for messages
  std::string server;  // empty in the file: the host name
  std::string ledger = "/var/lib/rollcall/ledger.db";
  std::string listen = "127.0.0.1:9717";
  std::string operator_db;  // default: "operator/operator.db" beside the ledger
  std::vector<CompactionLogConfig> compaction_logs;
  std::vector<CanonicalFilesConfig> canonical_files;
  std::vector<std::vector<std::string>> same_events;  // groups of formats
  std::optional<PreserveConfig> preserve;
  std::map<std::string, RuleConfig> rules;  // by rule name; unknown names are refused
  // Keep CAP_SYS_ADMIN, so that mounts which appear after the start can be marked.
  bool keep_sys_admin = false;
};

// What watches canonical files stands beside the compaction logs as sources of facts and of blind
// intervals: one for which files there are, one for reads where a format is declared dead.
inline constexpr std::string_view kFilesSource = "canonical_files";
inline constexpr std::string_view kReadsSource = "file_reads";
// Those that a configuration has; their indices follow those of its compaction logs.
std::vector<std::string_view> FileSources(const Config& config);

// Every rule there is (DESIGN section 7), in the order of its table.
std::span<const std::string_view> RuleNames();
// Every fact field that `fields` and `constants` may name.
std::span<const std::string_view> FactFieldNames();
// Where operator.db is unless configured; for `--ledger`, which moves both.
std::string OperatorDbBeside(const std::string& ledger);

// A preset: the name a source says in `preset:` and the YAML of the keys it presets.
struct Preset {
  std::string_view name;
  std::string_view yaml;
  bool joins = false;  // code reads its lines: a source has no say in how they are cut up
};

// What only the reader of a source's lines can tell, such as whether its pattern compiles: nothing,
// or an Error "KEY: what is wrong".
using CheckSource = std::function<Result<void>(const CompactionLogConfig&)>;

// Pure but for preset files, which it reads. `file` stands in messages, and relative paths are
// taken from its directory. A source's own keys win over its preset's; `fields` and `constants`
// merge key by key. The Error (kUsage) lists everything that is wrong, one a line, in file order.
[[nodiscard]] Result<Config> ParseConfig(std::string_view yaml, const std::string& file,
                                         const std::vector<Preset>& presets,
                                         const CheckSource& check = nullptr);
[[nodiscard]] Result<Config> ReadConfig(const std::string& file, const std::vector<Preset>& presets,
                                        const CheckSource& check = nullptr);
