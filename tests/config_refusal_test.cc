#include <chrono>

#include "monitor/config.h"
#include "monitor/config_values.h"
#include "tests/catch.h"

// What ParseConfig refuses, with the exact words. What a right file means is in config_test.cc.

namespace {

const std::vector<Preset> kPresets = {{"rocksdb", "shape: segments\n"},
                                      {"cassandra", "shape: segments\n"}};

std::string Refusal(const std::string& yaml) {
  const auto config = ParseConfig(yaml, "r.yml", kPresets);
  if (config) return "accepted";
  CHECK(config.error().kind == Error::Kind::kUsage);
  return config.error().message;
}

const std::string kFields = "    fields: {time: ts, project: p, day: d, written: w}\n";
// Lines 1 to 3 of a file; keys of the source go on line 4.
const std::string kSource = "compaction_logs:\n  - name: a\n    paths: [/a.log]\n";
const std::string kGood = kSource + kFields;

std::string SourceRefusal(const std::string& keys) { return Refusal(kGood + keys); }
// Keys of one canonical format, which stands on line 1.
std::string FilesRefusal(const std::string& keys) {
  return Refusal("canonical_files: [{format: row, path: \"/{project}/{day}\", " + keys + "}]\n");
}
std::string RulesRefusal(const std::string& rules) { return Refusal(kGood + "rules: " + rules); }

}  // namespace

TEST_CASE("an unknown key is refused with the nearest known one", "[config]") {
  CHECK(SourceRefusal("    fromat: json\n") ==
        "r.yml:5: compaction_logs[0].fromat: unknown key; did you mean \"format\"? (known: name, "
        "paths, preset, format, shape, conservation, unit, time_format, time_zone, day_format, "
        "match, outcome, fields, constants, pattern, partition, expires)");
  CHECK(Refusal("web: {}\n" + kGood) ==
        "r.yml:1: web: unknown key (known: server, ledger, listen, operator_db, keep_sys_admin, "
        "compaction_logs, canonical_files, same_events, preserve, rules)");
  CHECK(SourceRefusal("    outcome: {field: f, failed: [x], start: [y]}\n") ==
        "r.yml:5: compaction_logs[0].outcome.start: unknown key (known: field, failed, started)");
  CHECK(
      Refusal(kSource + "    fields: {time: t, project: p, day: d, written: w, exsiting: e}\n") ==
      "r.yml:4: compaction_logs[0].fields.exsiting: unknown fact field; did you mean \"existing\"? "
      "(known: time, run, batch, server, project, day, format, existing, fresh, recovered, "
      "duplicates, deleted, written, version, path)");
}

TEST_CASE("a duplicate key is refused at any depth", "[config]") {
  CHECK(Refusal(kGood + "server: a\nserver: b\n") ==
        "r.yml:6: server: duplicate key; first on line 5");
  CHECK(SourceRefusal("    match: {a: 1, \"a\": 2}\n") ==
        "r.yml:5: compaction_logs[0].match.a: duplicate key; first on line 5");
}

TEST_CASE("all complaints come at once, in file order", "[config]") {
  CHECK(Refusal("lisen: 1\ncanonical_files: 5\ncompaction_logs: []\nserver: [x]\n") ==
        "r.yml:1: lisen: unknown key; did you mean \"listen\"? (known: server, ledger, listen, "
        "operator_db, keep_sys_admin, compaction_logs, canonical_files, same_events, preserve, "
        "rules)\n"
        "r.yml:2: canonical_files: must be a list, is a string\n"
        "r.yml:3: compaction_logs: an empty list; leave the key out or name something\n"
        "r.yml:4: server: must be a string, is a list");
}

TEST_CASE("a wrong type is refused", "[config]") {
  CHECK(Refusal("a") == "r.yml:1: must be a map, is a string");
  CHECK(Refusal("rules:\n" + kGood) ==
        "r.yml:1: rules: has no value; give one or leave the key out");
  CHECK(Refusal("server: ''\n" + kGood) == "r.yml:1: server: is empty");
  CHECK(Refusal("server: |\n  x\n" + kGood) ==
        "r.yml:1: server: has a line break or control character; for a long text write >-");
  CHECK(Refusal("compaction_logs: [5]\n") ==
        "r.yml:1: compaction_logs[0]: must be a map, is a string");
  CHECK(SourceRefusal("    expires: [a, [b]]\n") ==
        "r.yml:5: compaction_logs[0].expires[1]: must be a string, is a list");
  CHECK(SourceRefusal("    expires: [a, a]\n") ==
        "r.yml:5: compaction_logs[0].expires[1]: \"a\" appears twice");
  CHECK(SourceRefusal("    match: {a: {b: c}}\n") ==
        "r.yml:5: compaction_logs[0].match.a: must be a string or a list of strings, is a map");
  CHECK(SourceRefusal("    match: {}\n") ==
        "r.yml:5: compaction_logs[0].match: an empty map; leave the key out");
}

TEST_CASE("numbers and booleans of YAML 1.1 are refused", "[config]") {
  CHECK(RulesRefusal("{surplus: {min_events: 010}}") ==
        "r.yml:5: rules.surplus.min_events: must be a whole number of at least 1 without leading "
        "zeros, is \"010\"");
  CHECK(Refusal("keep_sys_admin: yes\n" + kGood) ==
        "r.yml:1: keep_sys_admin: must be true or false, is \"yes\"");
  CHECK(FilesRefusal("serving: True") ==
        "r.yml:1: canonical_files[0].serving: must be true or false, is \"True\"");
}

TEST_CASE("anchors, aliases, merge keys and tags are refused", "[config]") {
  CHECK(Refusal("server: &a x\nledger: *a\n" + kGood) ==
        "r.yml:1: anchor &a: anchors are not supported; repeat it\n"
        "r.yml:2: aliases (*name) are not supported; repeat what is meant");
  CHECK(SourceRefusal("    <<: {unit: x}\n") ==
        "r.yml:5: compaction_logs[0].<<: merge keys are not supported; repeat what is meant");
  CHECK(Refusal("server: !!str x\n" + kGood) ==
        "r.yml:1: tag \"tag:yaml.org,2002:str\": tags (!name) are not supported");
  CHECK(Refusal("server: !env {a: b}\n" + kGood) ==
        "r.yml:1: tag \"!env\": tags (!name) are not supported");
}

TEST_CASE("what is no YAML text is refused with its line", "[config]") {
  CHECK(Refusal("") == "r.yml: empty; deploy/rollcall.example.yml shows what belongs here");
  CHECK(Refusal("# only a remark\n\n") ==
        "r.yml: empty; deploy/rollcall.example.yml shows what belongs here");
  CHECK(Refusal("a: 1\nb:\n\tc: 1\n") == "r.yml:3: a tab in the indentation; YAML wants spaces");
  CHECK(Refusal("a: 1\nb: \xE4\n") == "r.yml:2: not UTF-8");
  CHECK(Refusal("a: \xED\xA0\x80\n") == "r.yml:1: not UTF-8");
  CHECK(Refusal(std::string("a: 1\nb: \0\n", 10)) == "r.yml:2: a control character");
  CHECK(Refusal(std::string(1u << 20, '#') + "\n") ==
        "r.yml: larger than 1 MiB; this is no configuration");
  CHECK(Refusal("server: a\n---\nserver: b\n") ==
        "r.yml:2: a second document starts here; check the indentation, or remove the ---");
  CHECK(Refusal("- a\nb: c\n") ==
        "r.yml:2: a second document starts here; check the indentation, or remove the ---");
  CHECK(Refusal("? [a]\n: b\n" + kGood).find("r.yml:1: a key must be a string, not a list\n") == 0);
}

TEST_CASE("a syntax error has a hint, and a line where the parser knows it", "[config]") {
  CHECK(Refusal("x:\n  - name: a\n  paths: [b]\n") ==
        "r.yml:3: not valid YAML: end of map not found (check the indentation)");
  CHECK(Refusal("a: [1, 2\nb: 3\n") ==
        "r.yml:2: not valid YAML: end of sequence flow not found (a [ is never closed)");
  CHECK(Refusal("a: b: c\n") ==
        "r.yml:1: not valid YAML: illegal map value (check the indentation, or quote a text that "
        "contains \": \")");
  CHECK(Refusal("a: 1\nserver: 'x\n" + kGood) ==
        "r.yml:2: not valid YAML: a quote is never closed");
  CHECK(Refusal("a: 1\né: \"x\\\"\n") == "r.yml:2: not valid YAML: a quote is never closed");
}

TEST_CASE("a syntax error marked line 1, column 1 says that its place is uncertain", "[config]") {
  CHECK(
      Refusal(std::string(3000, '[')) ==
      "r.yml: not valid YAML: bad file (nested too deeply); the parser does not say where, it got "
      "as far as line 1");
}

TEST_CASE("hostile files are refused within a second and in few words", "[config]") {
  const auto start = std::chrono::steady_clock::now();
  for (const char* unit : {"[", "{", "- ", "? ", "a: 1\n", "a: [\n", "&a ", "k: !t v\n"}) {
    std::string yaml;
    while (yaml.size() < 60'000) yaml += unit;
    CHECK(Refusal(yaml).size() < 20'000);
  }
  std::string keys;
  for (int i = 0; i < 900; ++i) keys += "key" + std::to_string(i) + ": 1\n";
  CHECK(Refusal(keys).find("r.yml: and 851 more") != std::string::npos);
  // Generous: sanitizers slow this down tenfold.
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
}

TEST_CASE("nesting and width are bounded", "[config]") {
  std::string wide = "same_events: [";
  for (int i = 0; i < 1001; ++i) wide += "f" + std::to_string(i) + ",";
  CHECK(Refusal(wide + "]") == "r.yml: more than 1000 entries in one list or map");
  CHECK(Refusal("a: " + std::string(20, '[') + std::string(20, ']')) ==
        "r.yml: nested more than 16 deep");
}

TEST_CASE("a place that cannot be is refused", "[config]") {
  CHECK(Refusal("listen: 9717\n" + kGood) ==
        "r.yml:1: listen: must be host:port such as 127.0.0.1:9717 or [::1]:9717, is \"9717\"");
  CHECK(Refusal("server: a b\n" + kGood) ==
        "r.yml:1: server: must be a name without spaces and \"/\", is \"a b\"");
  CHECK(Refusal("ledger: /l\noperator_db: /l\n" + kGood) ==
        "r.yml:2: operator_db: is the ledger's own file");
  CHECK(Refusal("server: x\n") ==
        "r.yml: nothing to watch: neither compaction_logs nor canonical_files");
}

TEST_CASE("a source needs a name, paths and the four fact fields", "[config]") {
  CHECK(Refusal("compaction_logs:\n  - {unit: x}\n") ==
        "r.yml:2: compaction_logs[0]: missing \"name\"\n"
        "r.yml:2: compaction_logs[0]: missing \"paths\"\n"
        "r.yml:2: compaction_logs[0]: no field gives \"time\"; name it under fields\n"
        "r.yml:2: compaction_logs[0]: no field gives \"project\"; name it under fields\n"
        "r.yml:2: compaction_logs[0]: no field gives \"day\"; name it under fields, or set "
        "day_format: \"-\"\n"
        "r.yml:2: compaction_logs[0]: no field gives \"written\"; name it under fields");
  CHECK(
      Refusal("compaction_logs: [{name: a b, paths: [/a], preset: rocksdb}]\n") ==
      "r.yml:1: compaction_logs[0].name: must be letters, digits, \".\", \"_\" and \"-\", at most "
      "64, is \"a b\"");
}

TEST_CASE("two sources share neither name nor path", "[config]") {
  CHECK(Refusal(kGood + "  - name: a\n    paths: [/a.log]\n" + kFields) ==
        "r.yml:5: compaction_logs[1].name: \"a\" is the name of compaction_logs[0] already\n"
        "r.yml:6: compaction_logs[1].paths: \"/a.log\" is read by compaction_logs[0] already");
}

TEST_CASE("a value outside its list is refused with the list", "[config]") {
  CHECK(SourceRefusal("    format: jsn\n") ==
        "r.yml:5: compaction_logs[0].format: unknown value \"jsn\"; did you mean \"json\"? (known: "
        "json, logfmt, regex)");
  CHECK(SourceRefusal("    preset: cassandar\n") ==
        "r.yml:5: compaction_logs[0].preset: unknown preset \"cassandar\"; did you mean "
        "\"cassandra\"? (known: rocksdb, cassandra); a preset file's name ends in .yml");
  CHECK(RulesRefusal("{blind: {severity: page}}") ==
        "r.yml:5: rules.blind.severity: unknown value \"page\" (known: critical, warning, info)");
}

TEST_CASE("impossible times, days, fields and constants are refused", "[config]") {
  CHECK(SourceRefusal("    time_format: iso\n") ==
        "r.yml:5: compaction_logs[0].time_format: must be rfc3339, unix_s, unix_ms, unix_us or a "
        "strptime format with %, is \"iso\"");
  CHECK(SourceRefusal("    day_format: YYYY\n") ==
        "r.yml:5: compaction_logs[0].day_format: must be \"-\" or a strptime format with %, is "
        "\"YYYY\"");
  CHECK(SourceRefusal("    time_zone: \"a b\"\n") ==
        "r.yml:5: compaction_logs[0].time_zone: must be an IANA zone such as Europe/Berlin, is "
        "\"a b\"");
  CHECK(SourceRefusal("    match: {a..b: 1}\n") ==
        "r.yml:5: compaction_logs[0].match.a..b: is not a field path such as a.b");
  CHECK(SourceRefusal("    constants: {day: x, fresh: many}\n") ==
        "r.yml:5: compaction_logs[0].constants.day: is also under fields\n"
        "r.yml:5: compaction_logs[0].constants.fresh: must be a count without leading zeros, is "
        "\"many\"");
  CHECK(SourceRefusal("    partition: \"{day}/{proj}\"\n") ==
        "r.yml:5: compaction_logs[0].partition: unknown placeholder \"{proj}\" (known: {project}, "
        "{day})\n"
        "r.yml:5: compaction_logs[0].partition: must contain {project}");
}

TEST_CASE("an outcome needs a field and values that do not contradict", "[config]") {
  CHECK(SourceRefusal("    outcome: {}\n") ==
        "r.yml:5: compaction_logs[0].outcome: missing \"field\"\n"
        "r.yml:5: compaction_logs[0].outcome: needs \"failed\" or \"started\"");
  CHECK(SourceRefusal("    outcome: {field: f, failed: [x], started: x}\n") ==
        "r.yml:5: compaction_logs[0].outcome.started: \"x\" is also under failed");
}

TEST_CASE("a pattern and format: regex go together and name useful groups", "[config]") {
  CHECK(SourceRefusal("    format: regex\n") ==
        "r.yml:2: compaction_logs[0]: format: regex needs a \"pattern\"");
  CHECK(SourceRefusal("    pattern: x\n") ==
        "r.yml:5: compaction_logs[0].pattern: has no effect without format: regex");
  CHECK(SourceRefusal("    format: regex\n    pattern: 'a(?<=b)(?:c)\\(?P<d>'\n") ==
        "r.yml:6: compaction_logs[0].pattern: names no group such as (?P<written>\\d+)");
  CHECK(
      Refusal(kSource + "    format: regex\n    fields: {server: host}\n"
                        "    pattern: '(?P<time>.)(?P<project>.)(?P<day>.)(?P<writen>.)'\n") ==
      "r.yml:2: compaction_logs[0]: no field gives \"written\"; name it under fields or as a group "
      "of the pattern\n"
      "r.yml:6: compaction_logs[0].pattern: has no group \"host\"\n"
      "r.yml:6: compaction_logs[0].pattern: group \"writen\" is no fact field; did you mean "
      "\"written\"? (known: time, run, batch, server, project, day, format, existing, fresh, "
      "recovered, duplicates, deleted, written, version, path)");
}

TEST_CASE("canonical files need a format and a path with project and day", "[config]") {
  CHECK(Refusal("canonical_files: [{}]\n") ==
        "r.yml:1: canonical_files[0]: missing \"format\"\nr.yml:1: canonical_files[0]: missing "
        "\"path\"");
  CHECK(Refusal("canonical_files: [{format: r, path: \"/{projct}/x\"}]\n") ==
        "r.yml:1: canonical_files[0].path: unknown placeholder \"{projct}\" (known: {project}, "
        "{day})\n"
        "r.yml:1: canonical_files[0].path: must contain {project}\n"
        "r.yml:1: canonical_files[0].path: must contain {day}");
}

TEST_CASE("canonical formats and paths are unique, and one at most serves", "[config]") {
  CHECK(Refusal("canonical_files:\n"
                "  - {format: r, path: \"/{project}/{day}\", serving: true}\n"
                "  - {format: r, path: \"/{project}/{day}\", serving: true}\n") ==
        "r.yml:3: canonical_files[1].format: the same as that of canonical_files[0]\n"
        "r.yml:3: canonical_files[1].path: the same as that of canonical_files[0]\n"
        "r.yml:3: canonical_files[1].serving: only one format can be serving; canonical_files[0] "
        "already is");
}

TEST_CASE("impossible keys of canonical files are refused", "[config]") {
  CHECK(FilesRefusal("grace: 10") ==
        "r.yml:1: canonical_files[0].grace: must be a duration such as 500ms, 90s, 10m, 1h30m or "
        "400d, is \"10\"");
  CHECK(FilesRefusal("retention: 0s") ==
        "r.yml:1: canonical_files[0].retention: must be longer than 0s; leave it out to keep "
        "files forever");
  CHECK(FilesRefusal("reads: row") ==
        "r.yml:1: canonical_files[0].reads: names its own format, which is the default; leave it "
        "out");
  CHECK(FilesRefusal("reads: rwo") ==
        "r.yml:1: canonical_files[0].reads: unknown format \"rwo\"; did you mean \"row\"? (known: "
        "row)");
  CHECK(FilesRefusal("recount: orc") ==
        "r.yml:1: canonical_files[0].recount: unknown value \"orc\" (known: parquet, lines, none)");
  CHECK(
      FilesRefusal("recount: [wc]") ==
      "r.yml:1: canonical_files[0].recount: must be parquet, lines, none or exec: [program, …], is "
      "a list");
  CHECK(
      FilesRefusal("recount: {exec: [wc, -l]}") ==
      "r.yml:1: canonical_files[0].recount.exec: the program must be an absolute path, is \"wc\"\n"
      "r.yml:1: canonical_files[0].recount.exec: no argument contains {path}, the file to count");
  CHECK(FilesRefusal("dead: {except: [restic]}") ==
        "r.yml:1: canonical_files[0].dead: missing \"since\"\n"
        "r.yml:1: canonical_files[0].dead.except: must be absolute paths of executables or units "
        "such as restic.service, is \"restic\"");
  CHECK(FilesRefusal("serving: true, dead: {since: 2016-02-30}") ==
        "r.yml:1: canonical_files[0].dead.since: must be a date such as 2016-02-01, is "
        "\"2016-02-30\"\n"
        "r.yml:1: canonical_files[0].dead: a format that is serving cannot be dead");
}

TEST_CASE("formats that are compared must be known, two, and in one group", "[config]") {
  const std::string files = "canonical_files: [{format: row, path: \"/{project}/{day}\"}]\n";
  CHECK(Refusal(files + "same_events: [row, rows]\n") ==
        "r.yml:2: same_events: unknown format \"rows\"; did you mean \"row\"? (known: row)");
  CHECK(Refusal(files + "same_events: [row]\n") ==
        "r.yml:2: same_events: needs two formats to compare");
  CHECK(Refusal(kGood + "same_events: [[a, b], [b, c]]\n") ==
        "r.yml:5: same_events[1]: \"b\" is in two groups");
  CHECK(Refusal(files + "same_events: []\n") ==
        "r.yml:2: same_events: an empty list; leave the key out or name something");
}

TEST_CASE("preserve needs known formats, a directory and possible bounds", "[config]") {
  const std::string files = "canonical_files: [{format: row, path: \"/{project}/{day}\"}]\n";
  CHECK(Refusal(files + "preserve: {}\n") ==
        "r.yml:2: preserve: missing \"formats\"\nr.yml:2: preserve: missing \"directory\"");
  CHECK(
      Refusal(files + "preserve: {formats: [rows], directory: /d, window: 0s, max_bytes: 50}\n") ==
      "r.yml:2: preserve.formats: \"rows\" is not under canonical_files; did you mean \"row\"? "
      "(known: row)\n"
      "r.yml:2: preserve.window: must be longer than 0s\n"
      "r.yml:2: preserve.max_bytes: must be a size such as 100MB, 64MiB or 50GiB, is \"50\"");
  CHECK(Refusal("canonical_files: [{format: a/b, path: \"/{project}/{day}\"}]\n"
                "preserve: {formats: [a/b], directory: /d, max_files: 0}\n") ==
        "r.yml:2: preserve.formats: \"a/b\" cannot be the name of a directory\n"
        "r.yml:2: preserve.max_files: must be a whole number of at least 1 without leading zeros, "
        "is \"0\"");
}

TEST_CASE("rules are known and tuned within bounds", "[config]") {
  CHECK(RulesRefusal("{count_drops: {}}")
            .find("r.yml:5: rules.count_drops: unknown rule; did you mean \"count_drop\"? (known: "
                  "count_drop, output_moved, ") == 0);
  CHECK(
      RulesRefusal("{count_drop: {min_events: 0, min_ratio: 1.5, for: 1m1h, after: 6h, "
                   "waiting_after: 36h}}") ==
      "r.yml:5: rules.count_drop.min_events: must be a whole number of at least 1 without leading "
      "zeros, is \"0\"\n"
      "r.yml:5: rules.count_drop.min_ratio: must be a number from 0 to 1, is \"1.5\"\n"
      "r.yml:5: rules.count_drop.for: must be a duration such as 500ms, 90s, 10m, 1h30m or 400d, "
      "is \"1m1h\"\n"
      "r.yml:5: rules.count_drop.after: only compaction_overdue and blind wait for a time\n"
      "r.yml:5: rules.count_drop.waiting_after: only compaction_overdue knows of data that waits");
  CHECK(RulesRefusal("{blind: {max_lag_bytes: 64, explained_ratio: 0.5}}") ==
        "r.yml:5: rules.blind.max_lag_bytes: must be a size such as 100MB, 64MiB or 50GiB, is "
        "\"64\"\n"
        "r.yml:5: rules.blind.explained_ratio: only overstated looks at what is explained away");
  CHECK(RulesRefusal(
            "{overstated: {max_lag_bytes: 1MiB, explained_ratio: 2, explained_events: -1}}") ==
        "r.yml:5: rules.overstated.max_lag_bytes: only blind knows of unread bytes\n"
        "r.yml:5: rules.overstated.explained_ratio: must be a number from 0 to 1, is \"2\"\n"
        "r.yml:5: rules.overstated.explained_events: must be a whole number of at least 0 without "
        "leading zeros, is \"-1\"");
  for (const std::string_view name : RuleNames()) {
    CHECK(RulesRefusal("{" + std::string(name) + ": {min_events: 5}}") == "accepted");
  }
}

TEST_CASE("durations and sizes are read exactly or not at all", "[config]") {
  using namespace std::chrono_literals;
  CHECK(ParseDuration("1h30m") == 90min);
  CHECK(ParseDuration("400d") == 400 * 24h);
  CHECK(ParseDuration("1s500ms") == 1500ms);
  for (const char* text : {"", "1", "s", "1m1m", "1s1m", "-1s", "1.5h", "1 s", "01s", "40000d",
                           "99999999999999999999s"}) {
    CHECK_FALSE(ParseDuration(text));
  }
  CHECK(FormatDuration(*ParseDuration("1d2h3m4s5ms")) == "1d2h3m4s5ms");
  CHECK(FormatDuration(0ms) == "0s");
  CHECK(ParseSize("100MB") == 100'000'000);
  CHECK(ParseSize("64MiB") == int64_t{64} << 20);
  for (const char* text : {"", "1", "GiB", "1.5GiB", "1 GiB", "1gib", "1MB1KB", "9999999TiB"}) {
    CHECK_FALSE(ParseSize(text));
  }
  CHECK(FormatSize(int64_t{50} << 30) == "50GiB");
}

TEST_CASE("addresses are loopback's, numeric, with a port", "[config]") {
  for (const char* text : {"127.0.0.1:9717", "[::1]:9717", "localhost:0", "127.9.9.9:1"}) {
    CHECK(ListenComplaint(text) == "");
  }
  for (const char* text : {"", ":1", "a", "a:", "127.0.0.1:65536", "127.0.0.1:01", "a:1:2",
                           "::1:80", "[127.0.0.1]:80", "127.0.0.256:80", "example.org:80"}) {
    CHECK(ListenComplaint(text) == "must be host:port such as 127.0.0.1:9717 or [::1]:9717");
  }
  for (const char* text :
       {"0.0.0.0:9717", "[::]:9717", "192.168.1.1:9717", "[::ffff:127.0.0.1]:1"}) {
    CHECK(ListenComplaint(text).find("must be a loopback address") == 0);
  }
}

TEST_CASE("what a shell would have expanded is refused", "[config]") {
  CHECK(
      Refusal("ledger: ~/l.db\n" + kGood) ==
      "r.yml:1: ledger: ~ and ${VARIABLES} are not expanded; write the whole path, is \"~/l.db\"");
  CHECK(Refusal("operator_db: ${HOME}/o.db\n" + kGood).find("r.yml:1: operator_db: ~ and") == 0);
  CHECK(Refusal("compaction_logs:\n  - name: a\n    paths: [\"~/*.log\"]\n" + kFields)
            .find("r.yml:3: compaction_logs[0].paths: ~ and") == 0);
  CHECK(Refusal("ledger: /a~/$x/l.db\n" + kGood) == "accepted");
}

TEST_CASE("keys about the cut of lines are refused where a preset's code reads them", "[config]") {
  const std::vector<Preset> presets = {{"joined", "shape: segments\n", true}};
  const auto refusal = [&](const std::string& keys) {
    const auto config = ParseConfig(kSource + "    preset: joined\n" + keys, "r.yml", presets);
    return config ? "accepted" : config.error().message;
  };
  CHECK(refusal("    partition: \"{project}/{day}\"\n    constants: {format: x}\n") == "accepted");
  for (const std::string key : {"format: json", "pattern: x", "match: {a: b}", "fields: {run: r}",
                                "outcome: {field: f, failed: x}", "time_format: unix_s"}) {
    CHECK(refusal("    " + key + "\n") == "r.yml:5: compaction_logs[0]." +
                                              key.substr(0, key.find(':')) +
                                              ": has no effect with preset: joined");
  }
}

TEST_CASE("what only the reader of the lines can tell stands at its key", "[config]") {
  const auto refusal = [](const std::string& keys, const std::string& complaint) {
    const auto config =
        ParseConfig(kGood + keys, "r.yml", kPresets, [&](const CompactionLogConfig&) {
          return Result<void>(Fail(Error::Kind::kUsage, complaint));
        });
    return config ? "accepted" : config.error().message;
  };
  CHECK(refusal("    time_zone: Mars/Olympus\n", "time_zone: is no known IANA zone") ==
        "r.yml:5: compaction_logs[0].time_zone: is no known IANA zone");
  CHECK(refusal("", "fields and match: too many") ==
        "r.yml:2: compaction_logs[0]: fields and match: too many");
  // Not asked where something is wrong already.
  CHECK(refusal("    unit: ''\n", "never said") == "r.yml:5: compaction_logs[0].unit: is empty");
}

TEST_CASE("a preset file that cannot be read is the only complaint of its source", "[config]") {
  CHECK(Refusal(kSource + "    preset: ./none.yml\n") ==
        "r.yml:4: compaction_logs[0].preset: none.yml: cannot be read: No such file or directory");
}
