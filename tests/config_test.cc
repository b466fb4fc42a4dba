#include "monitor/config.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "monitor/config_text.h"
#include "rules/tuning.h"
#include "tests/catch.h"

// What a right configuration means; what is refused, and in which words, is in
// config_refusal_test.cc.

namespace {

using namespace std::chrono_literals;

const std::vector<Preset> kPresets = {
    {"rocksdb",
     "shape: segments\nconservation: bounded\ntime_format: unix_us\n"
     "match: {event: compaction_finished}\n"
     "fields: {time: time_micros, project: cf_name, written: num_output_records}\n"
     "constants: {format: sst, version: unknown}\n"},
    {"cassandra", "format: regex\nshape: segments\nday_format: \"-\"\nunit: partitions\n"}};

// DESIGN section 6, word for word.
constexpr std::string_view kDesign = R"yaml(
server: data-17                      # default: host name; `--server` overrides
ledger: /var/lib/rollcall/ledger.db  # `--ledger` overrides
listen: 127.0.0.1:9717               # watch: /metrics and health
compaction_logs:
  - name: compactd
    paths: [/var/log/compactd/*.log] # rotated siblings (.1, .gz, .zst) are caught up
    format: json                     # json | logfmt | regex
    shape: rewrite                   # rewrite | segments
    conservation: strict             # strict | bounded | off
    unit: events
    time_format: rfc3339             # or a strptime format, unix_s, unix_ms, unix_us; time_zone: UTC
    day_format: "%Y-%m-%d"
    match: {event: compaction_finished}      # field: value or list of values; dotted paths
    outcome: {field: status, failed: [error, aborted]}   # optional; without it a matching line is a finished run
    fields: {time: ts, run: run, batch: batch, project: project, day: day, format: format, existing: existing, fresh: new, recovered: recovered,
             duplicates: duplicates, deleted: deleted, written: written, version: version, path: path}   # absent optional ones: unknown, not 0, except duplicates, deleted, recovered
  - name: legacy
    paths: [/var/log/legacy.log]
    format: regex
    pattern: '^(?P<time>\S+) merged (?P<fresh>\d+) into (?P<existing>\d+) -> (?P<written>\d+) project=(?P<project>\S+) day=(?P<day>\S+)'
    constants: {format: row, version: unknown}   # for fields that the log does not carry
  - name: rocksdb
    preset: rocksdb                  # presets carry format, shape, match and fields
    paths: [/var/lib/events/LOG]
    partition: "{project}/{day}"     # how the column family name spells project and day
  - name: cassandra
    preset: cassandra                # project is keyspace.table, day is "-"
    paths: [/var/log/cassandra/system.log]
    expires: [system.compaction_history]     # tables with a time to live
canonical_files:
  - format: columnar
    path: /data/columnar/{project}/{day}.parquet   # several files a partition: …/{day}/*.parquet
    reads: row                       # where its merge base comes from
    serving: true                    # what customers' queries read
    required: true
    grace: 10m
    recount: parquet                 # parquet | lines | exec: [/usr/bin/count-events, "{path}"] | none
    retention: 400d
  - format: row
    path: /data/row/{project}/{day}.evt
    dead: {since: 2016-02-01, except: [/usr/bin/restic]}
same_events: [row, columnar]
preserve: {formats: [columnar], directory: /data/.rollcall, window: 72h, max_bytes: 50GiB, keep_deleted: false}
rules:                               # defaults exist for all; this only tunes
  count_drop: {min_events: 1, min_ratio: 0, for: 0s, keep_firing_for: 0s, severity: critical}   # fires at ≥ min_events and ≥ min_ratio
)yaml";

Config Parsed(std::string_view yaml, const std::string& file = "rollcall.yml") {
  const auto config = ParseConfig(yaml, file, kPresets);
  INFO((config ? "" : config.error().message));
  REQUIRE(config);
  return *config;
}

// A source with what it needs at least, and `keys` (indented by four) after it.
std::string Source(const std::string& keys) {
  return "compaction_logs:\n  - name: a\n    paths: [/a.log]\n" + keys;
}

const std::string kFields = "    fields: {time: ts, project: p, day: d, written: w}\n";

}  // namespace

TEST_CASE("the design's configuration says what the design says", "[config]") {
  const Config config = Parsed(kDesign);
  CHECK(config.server == "data-17");
  CHECK(config.ledger == "/var/lib/rollcall/ledger.db");
  CHECK(config.listen == "127.0.0.1:9717");
  REQUIRE(config.compaction_logs.size() == 4);

  const CompactionLogConfig& compactd = config.compaction_logs[0];
  CHECK(compactd.line == 6);
  CHECK(compactd.paths == std::vector<std::string>{"/var/log/compactd/*.log"});
  CHECK(compactd.format == LogFormat::kJson);
  CHECK(compactd.shape == Shape::kRewrite);
  REQUIRE(compactd.match.size() == 1);
  CHECK(compactd.match[0].field == "event");
  CHECK(compactd.match[0].values == std::vector<std::string>{"compaction_finished"});
  REQUIRE(compactd.outcome);
  CHECK(compactd.outcome->failed == std::vector<std::string>{"error", "aborted"});
  CHECK(compactd.fields.size() == 14);
  CHECK(compactd.fields.at("fresh") == "new");

  const CompactionLogConfig& legacy = config.compaction_logs[1];
  CHECK(legacy.format == LogFormat::kRegex);
  CHECK(legacy.pattern.substr(0, 14) == "^(?P<time>\\S+)");
  CHECK(legacy.constants.at("format") == "row");

  CHECK(config.compaction_logs[2].partition == "{project}/{day}");
  CHECK(config.compaction_logs[3].expires == std::vector<std::string>{"system.compaction_history"});

  REQUIRE(config.canonical_files.size() == 2);
  const CanonicalFilesConfig& columnar = config.canonical_files[0];
  CHECK(columnar.path == "/data/columnar/{project}/{day}.parquet");
  CHECK(columnar.reads == "row");
  CHECK((columnar.serving && columnar.required));
  CHECK(columnar.grace == 10min);
  CHECK(columnar.recount == std::vector<std::string>{"parquet"});
  CHECK(columnar.retention == 400 * 24h);
  CHECK(config.canonical_files[1].dead_since == "2016-02-01");
  CHECK(config.canonical_files[1].dead_except == std::vector<std::string>{"/usr/bin/restic"});

  CHECK(config.same_events == std::vector<std::vector<std::string>>{{"row", "columnar"}});
  REQUIRE(config.preserve);
  CHECK(config.preserve->window == 72h);
  CHECK(config.preserve->max_bytes == int64_t{50} << 30);
  const RuleConfig& rule = config.rules.at("count_drop");
  CHECK(rule.min_events == 1);
  CHECK(rule.min_ratio == 0.0);
  CHECK(rule.pending_for == 0ms);
  CHECK(rule.severity == "critical");
}

TEST_CASE("the example file is right and describes itself", "[config]") {
  const auto config =
      ReadConfig(std::string(ROLLCALL_SOURCE_DIR) + "/deploy/rollcall.example.yml", kPresets);
  INFO((config ? "" : config.error().message));
  REQUIRE(config);
  CHECK(DescribeConfig(*config, RulesInForce()) ==
        R"(server data-17, ledger /var/lib/rollcall/ledger.db, listening on 127.0.0.1:9717
operator's inbox /var/lib/rollcall/operator/operator.db
compaction logs: 4
  compactd: /var/log/compactd/*.log
    json, rewrite, conservation strict, counts events
    lines where event = compaction_finished
    failed where status = error|aborted
    started where status = begun
  legacy: /var/log/legacy.log
    regex, rewrite, conservation strict, counts events
  rocksdb: /var/lib/events/LOG
    preset rocksdb, segments, conservation bounded, counts events
    lines where event = compaction_finished
  cassandra: /var/log/cassandra/system.log
    preset cassandra, segments, conservation strict, counts partitions
canonical files: 2
  columnar: /data/columnar/{project}/{day}.parquet
    serving, merged from row, required after 10m, recounted: parquet, kept for 400d
  row: /data/row/{project}/{day}.evt
    dead since 2016-02-01, recounted: exec /usr/bin/count-events {path}, kept forever
preserved: columnar in /data/.rollcall for 3d, at most 50GiB and 1000000 files
rules in force: 15 of 17
  blind: after 5m, max_lag_bytes 64MiB
  compaction_overdue: after 6h, waiting_after 1d12h
  count_drop: min_events 1, min_ratio 0, for 0s, keep_firing_for 0s, severity critical
  overstated: explained_ratio 0.5, explained_events 1000
)");
}

TEST_CASE("what is configured and not yet in force is named, not promised", "[config]") {
  const Config plain = Parsed(Source(kFields));
  CHECK(NotInForce(plain, RulesInForce()).empty());
  CHECK(DescribeConfig(plain, RulesInForce()).find("not yet in force") == std::string::npos);
  const Config tuned =
      Parsed(Source(kFields) + "keep_sys_admin: true\nrules: {surplus: {for: 1m}, " +
             "volume_anomaly: {for: 1m}}\n");
  CHECK(NotInForce(tuned, RulesInForce()) == std::vector<std::string>{"rules.volume_anomaly"});
  CHECK(DescribeConfig(tuned, RulesInForce())
            .ends_with("  surplus: for 1m\n"
                       "configured and not yet in force: rules.volume_anomaly\n"));
}

TEST_CASE("the example file names every key there is", "[config]") {
  const std::string path = std::string(ROLLCALL_SOURCE_DIR) + "/deploy/rollcall.example.yml";
  std::ostringstream example;
  example << std::ifstream(path).rdbuf();
  // An unknown key anywhere is answered with all that are known there.
  const auto wrong = ParseConfig(
      "x: 1\ncompaction_logs: [{x: 1, outcome: {x: 1}, fields: {x: 1}}]\n"
      "canonical_files: [{x: 1, dead: {x: 1}}]\npreserve: {x: 1}\nrules: {x: 1, blind: {x: 1}}\n",
      "r.yml", kPresets);
  REQUIRE_FALSE(wrong);
  size_t keys = 0;
  const std::string& message = wrong.error().message;
  for (size_t at = message.find("(known: "); at != message.npos;
       at = message.find("(known: ", at)) {
    at += 8;
    std::istringstream known(message.substr(at, message.find(')', at) - at));
    for (std::string key; std::getline(known >> std::ws, key, ','); ++keys) {
      INFO(key);
      CHECK(example.str().find(key) != std::string::npos);
    }
  }
  CHECK(keys > 70);
}

TEST_CASE("what the file leaves out has its default", "[config]") {
  const Config config = Parsed(Source(kFields));
  CHECK(config.server.empty());
  CHECK(config.ledger == "/var/lib/rollcall/ledger.db");
  CHECK(config.operator_db == "/var/lib/rollcall/operator/operator.db");
  CHECK(config.listen == "127.0.0.1:9717");
  CHECK_FALSE(config.keep_sys_admin);
  CHECK(config.compaction_logs[0].time_format == "rfc3339");
  CHECK(config.compaction_logs[0].unit == "events");
  CHECK(config.compaction_logs[0].conservation == Conservation::kStrict);
}

TEST_CASE("the operator's inbox follows the ledger", "[config]") {
  CHECK(Parsed("ledger: /srv/l.db\n" + Source(kFields)).operator_db == "/srv/operator/operator.db");
  CHECK(OperatorDbBeside("/x/ledger.db") == "/x/operator/operator.db");
}

TEST_CASE("relative paths start at the configuration's directory", "[config]") {
  const Config config =
      Parsed("ledger: l.db\ncompaction_logs:\n  - name: a\n    paths: [../log/*.log]\n" + kFields +
                 "canonical_files: [{format: row, path: \"data/{project}/{day}\"}]\n",
             "/etc/rollcall/rollcall.yml");
  CHECK(config.ledger == "/etc/rollcall/l.db");
  CHECK(config.compaction_logs[0].paths[0] == "/etc/log/*.log");
  CHECK(config.canonical_files[0].path == "/etc/rollcall/data/{project}/{day}");
}

TEST_CASE("a source's keys win over its preset's, and fields and constants merge", "[config]") {
  const Config config =
      Parsed(Source("    preset: rocksdb\n    time_format: unix_ms\n"
                    "    match: {event: [x, y]}\n"
                    "    fields: {project: cf, version: v}\n"
                    "    constants: {written: 5}\n"));
  const CompactionLogConfig& log = config.compaction_logs[0];
  CHECK(log.shape == Shape::kSegments);
  CHECK(log.time_format == "unix_ms");
  CHECK(log.match[0].values == std::vector<std::string>{"x", "y"});
  CHECK(log.fields == std::map<std::string, std::string>{
                          {"time", "time_micros"}, {"project", "cf"}, {"version", "v"}});
  CHECK(log.constants == std::map<std::string, std::string>{{"format", "sst"}, {"written", "5"}});
}

TEST_CASE("a preset may be a file of the user's", "[config]") {
  const auto directory =
      std::filesystem::temp_directory_path() / ("rollcall_config_" + std::to_string(getpid()));
  std::filesystem::create_directory(directory);
  std::ofstream(directory / "mine.yml")
      << "format: logfmt\nfields: {time: t, project: p, day: d, written: w}\n";
  std::ofstream(directory / "bad.yml") << "format: logfmt\nfeilds: {}\n";
  const std::string file = (directory / "rollcall.yml").string();
  const Config config = Parsed(Source("    preset: mine.yml\n"), file);
  CHECK(config.compaction_logs[0].format == LogFormat::kLogfmt);
  CHECK(config.compaction_logs[0].preset == (directory / "mine.yml").string());
  CHECK(config.compaction_logs[0].fields.at("written") == "w");

  const auto bad = ParseConfig(Source(kFields + "    preset: bad.yml\n"), file, kPresets);
  REQUIRE_FALSE(bad);
  CHECK(
      bad.error().message ==
      (directory / "bad.yml").string() +
          ":2: feilds: unknown key; did you mean \"fields\"? (known: format, shape, conservation, "
          "unit, time_format, time_zone, day_format, match, outcome, fields, constants, pattern, "
          "partition)");
  const auto none = ParseConfig(Source(kFields + "    preset: none.yml\n"), file, kPresets);
  REQUIRE_FALSE(none);
  CHECK(none.error().message ==
        file + ":5: compaction_logs[0].preset: " + (directory / "none.yml").string() +
            ": cannot be read: No such file or directory");
  std::filesystem::remove_all(directory);
}

TEST_CASE("a fact field may come from a field, a constant, a group or the partition's name",
          "[config]") {
  Parsed(
      Source("    fields: {time: t, project: p, written: w}\n    constants: {day: 2016-02-22}\n"));
  Parsed(Source("    fields: {time: t, project: p, written: w}\n    day_format: \"-\"\n"));
  Parsed(Source(
      "    fields: {time: t, project: p, written: w}\n    partition: \"{project}@{day}\"\n"));
  Parsed(
      Source("    format: regex\n    pattern: '(?<time>.)(?''day''.)(?P<p>.)(?P<written>.)'\n"
             "    fields: {project: p}\n"));
}

TEST_CASE("plain words keep their spelling, whatever YAML 1.1 would make of them", "[config]") {
  const Config config = Parsed(Source(kFields + "    match: {a: [no, 010, 1.10, 0x10, 12:30]}\n"));
  CHECK(config.compaction_logs[0].match[0].values ==
        std::vector<std::string>{"no", "010", "1.10", "0x10", "12:30"});
}

TEST_CASE("same_events may be several groups", "[config]") {
  CHECK(Parsed("same_events: [[a, b], [c, d]]\n" + Source(kFields)).same_events ==
        std::vector<std::vector<std::string>>{{"a", "b"}, {"c", "d"}});
}

TEST_CASE("a recount may be a program", "[config]") {
  const Config config = Parsed(
      "canonical_files:\n  - {format: r, path: \"/{project}/{day}\", "
      "recount: {exec: [/bin/wc, -l, \"{path}\"]}}\n");
  CHECK(config.canonical_files[0].recount ==
        std::vector<std::string>{"exec", "/bin/wc", "-l", "{path}"});
}

TEST_CASE("DOS line ends, a byte order mark and YAML directives do no harm", "[config]") {
  CHECK(Parsed("\xEF\xBB\xBF%YAML 1.2\r\n---\r\nserver: x\r\ncanonical_files:\r\n"
               "  - {format: r, path: \"/{project}/{day}\"}\r\n...\r\n")
            .server == "x");
}

TEST_CASE("a file that cannot be read is named with its reason", "[config]") {
  const auto none = ReadConfig("/nonexistent/rollcall.yml", kPresets);
  REQUIRE_FALSE(none);
  CHECK(none.error().kind == Error::Kind::kUsage);
  CHECK(none.error().message ==
        "/nonexistent/rollcall.yml: cannot be read: No such file or directory");
  CHECK(ReadConfig("/", kPresets).error().message == "/: cannot be read: Is a directory");
}
