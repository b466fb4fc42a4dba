#include "monitor/app/command_line.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <fstream>
#include <initializer_list>
#include <vector>

#include "dashboards/socket.h"
#include "monitor/sqlite.h"
#include "tests/captured_run.h"
#include "tests/catch.h"

// Exit codes (DESIGN section 12) and what is said with them; what is printed when all goes well is
// in verbs_output_test.cc.

namespace {

int Run(std::initializer_list<std::string> words) { return RunRollcall(words).code; }

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

constexpr const char* kSource =
    "compaction_logs:\n  - name: compactd\n    paths: ['/var/log/none.log']\n    format: json\n"
    "    fields: {time: ts, run: run, project: project, day: day, format: format, existing: "
    "existing, fresh: new, written: written}\n";

std::vector<std::string> BlindIntervals(const std::string& ledger) {
  auto database = Database::Open(ledger, Database::Mode::kReadOnly);
  REQUIRE(database);
  Statement gaps = database->Prepare("SELECT ended IS NULL FROM gap WHERE blind");
  gaps.Bind({});
  std::vector<std::string> found;
  while (gaps.Step()) found.emplace_back(gaps.Integer(0) ? "open" : "ended");
  return found;
}

std::string Line(const std::string& time, int64_t existing, int64_t fresh, int64_t written) {
  return R"({"ts":"2016-02-22T)" + time +
         R"(:00Z","run":"1","project":"acme","day":"2016-02-22","format":"row","existing":)" +
         std::to_string(existing) + ",\"new\":" + std::to_string(fresh) +
         ",\"written\":" + std::to_string(written) + "}\n";
}

struct Files {
  Files() { std::ofstream(config) << kSource; }
  TemporaryDirectory directory;
  std::string config = directory / "rollcall.yml";
  std::string ledger = directory / "ledger.db";
  std::string log = directory / "compactd.log";
};

}  // namespace

TEST_CASE("reading a whole log is exit 0, and so is reading it again", "[command_line]") {
  Files files;
  std::ofstream(files.log) << Line("12:00", 0, 5, 5) << Line("13:00", 5, 1, 6);
  for (int round = 0; round < 2; ++round) {
    CHECK(Run({"ingest", "--quiet", "--config", files.config, "--ledger", files.ledger,
               files.log}) == 0);
  }
  CHECK(Run({"impact", "--ledger", files.ledger, "--config", files.config}) == 0);
  CHECK(Run({"check", "ledger", "--rebuild", "--ledger", files.ledger, "--config", files.config}) ==
        0);
}

TEST_CASE("a quarantined line is exit 1, the facts are kept all the same", "[command_line]") {
  Files files;
  std::ofstream(files.log) << "{rubbish\n" << Line("12:00", 0, 5, 5);
  CHECK(Run({"ingest", "--quiet", "--config", files.config, "--ledger", files.ledger, files.log}) ==
        1);
}

TEST_CASE("a last line without newline is exit 1 and unknown until it is read", "[command_line]") {
  Files files;
  const std::string lossy = Line("13:00", 0, 1, 1);
  std::ofstream(files.log) << Line("12:00", 0, 5, 5) << lossy.substr(0, lossy.size() - 1);
  for (int round = 0; round < 2; ++round) {
    CHECK(Run({"ingest", "--quiet", "--config", files.config, "--ledger", files.ledger,
               files.log}) == 1);
    CHECK(Contains(RunRollcall({"impact", "--ledger", files.ledger}).out,
                   "no events are missing, as far as the ledger can tell"));
    CHECK(BlindIntervals(files.ledger) == std::vector<std::string>{"open"});
  }
  std::ofstream(files.log, std::ios::app) << "\n";
  CHECK(Run({"ingest", "--quiet", "--config", files.config, "--ledger", files.ledger, files.log}) ==
        0);
  CHECK(BlindIntervals(files.ledger) == std::vector<std::string>{"ended"});
  CHECK(Contains(RunRollcall({"impact", "--ledger", files.ledger}).out, "5 events missing"));
}

TEST_CASE("firing alerts are exit 1 only when asked to fail", "[command_line]") {
  Files files;
  std::ofstream(files.log) << Line("12:00", 0, 5, 5) << Line("13:00", 0, 1, 1);
  CHECK(Run({"ingest", "--quiet", "--config", files.config, "--ledger", files.ledger, files.log}) ==
        0);
  CHECK(Run({"alerts", "--ledger", files.ledger, "--config", files.config}) == 0);
  CHECK(Run({"alerts", "--fail", "--ledger", files.ledger, "--config", files.config}) == 1);
}

TEST_CASE("usage and configuration mistakes are exit 2 and start nothing", "[command_line]") {
  Files files;
  CHECK(Run({}) == 2);
  CHECK(Run({"ingst"}) == 2);
  CHECK(Run({"impact", "--since", "yesterday", "--ledger", files.ledger}) == 2);
  CHECK(Run({"watch", "--config", files.directory / "none.yml"}) == 2);
  std::ofstream(files.config) << "compaction_logs: nonsense\n";
  CHECK(Run({"check", "config", "--config", files.config}) == 2);
  CHECK(Run({"watch", "--config", files.config, "--ledger", files.ledger}) == 2);
  CHECK_FALSE(std::filesystem::exists(files.ledger));
}

TEST_CASE("a log that no source reads is exit 2", "[command_line]") {
  Files files;
  CHECK(Run({"ingest", "--source", "other", "--config", files.config, "--ledger", files.ledger,
             files.log}) == 2);
}

TEST_CASE("a preset without a log is exit 2 and leaves no ledger", "[command_line]") {
  Files files;
  const CapturedRun run =
      RunRollcall({"ingest", "--quiet", "--preset", "rocksdb", "--ledger", files.ledger});
  CHECK(run.code == 2);
  CHECK(Contains(run.err, "--preset needs a LOG to read, or - for standard input"));
  CHECK_FALSE(std::filesystem::exists(files.ledger));
}

TEST_CASE("a rotated log that is named is read by the source whose rotation it is",
          "[command_line]") {
  Files files;
  const auto source = [&](const std::string& name) {
    return "  - name: " + name + "\n    paths: ['" + (files.directory / name) +
           "*.log']\n    format: json\n    fields: {time: ts, run: run, project: project, day: "
           "day, "
           "format: format, existing: existing, fresh: new, written: written}\n";
  };
  std::ofstream(files.config) << "compaction_logs:\n" << source("other") << source("compactd");
  for (const char* rotated : {"compactd.log-20160222", "compactd.log.1"}) {
    std::ofstream(files.directory / rotated) << Line("12:00", 0, 5, 5);
    CHECK(Run({"ingest", "--quiet", "--config", files.config, "--ledger", files.ledger,
               files.directory / rotated}) == 0);
  }
  const std::string third = files.directory / "third.log";
  std::ofstream(third) << Line("12:00", 0, 5, 5);
  CHECK(Run({"ingest", "--config", files.config, "--ledger", files.ledger, third}) == 2);
}

TEST_CASE("ledgers that cannot be used are exit 3", "[command_line]") {
  Files files;
  CHECK(Run({"impact", "--config", files.config, "--ledger", files.ledger}) == 3);
  std::ofstream(files.ledger) << "this is no database, whatever it is called, by far not one";
  CHECK(Run({"alerts", "--config", files.config, "--ledger", files.ledger}) == 3);
  std::ofstream(files.log) << Line("12:00", 0, 5, 5);
  CHECK(Run({"ingest", "--config", files.config, "--ledger", files.ledger, files.log}) == 3);
}

TEST_CASE("a backup never overwrites", "[command_line]") {
  Files files;
  std::ofstream(files.log) << Line("12:00", 0, 5, 5);
  Run({"ingest", "--quiet", "--config", files.config, "--ledger", files.ledger, files.log});
  const std::string copy = files.directory / "copy.db";
  CHECK(Run({"backup", "--config", files.config, "--ledger", files.ledger, copy}) == 0);
  CHECK(Run({"check", "ledger", "--config", files.config, "--ledger", copy}) == 0);
  CHECK(Run({"backup", "--config", files.config, "--ledger", files.ledger, copy}) == 2);
}

TEST_CASE("every verb explains itself", "[command_line]") {
  for (const std::string verb : {"watch", "ingest", "demo", "impact", "alerts", "timeline",
                                 "permit", "annotate", "check", "backup"}) {
    const CapturedRun help = RunRollcall({verb, "--help"});
    CHECK(help.code == 0);
    CHECK(Contains(help.out, "Usage: rollcall " + verb));
    CHECK(Contains(help.out, "Exit codes: 0 done or clear"));
    CHECK(help.err.empty());
  }
  CHECK(RunRollcall({"--version"}).out.find("rollcall ") == 0);
}

TEST_CASE("a misspelt verb is answered with the nearest one", "[command_line]") {
  const CapturedRun run = RunRollcall({"alert"});
  CHECK(run.code == 2);
  CHECK(run.out.empty());
  CHECK(run.err.find(
            "rollcall: unknown verb \"alert\"; did you mean \"alerts\"? (known: watch, ") == 0);
}

TEST_CASE("a wrong word is said with its verb and where to look", "[command_line]") {
  const CapturedRun run = RunRollcall({"alerts", "--state", "broken"});
  CHECK(run.code == 2);
  CHECK(run.err.find("rollcall: alerts: --state: broken not in {") == 0);
  CHECK(Contains(run.err, "\nrollcall alerts --help says what it takes\n"));
}

TEST_CASE("verbs that write take one ledger", "[command_line]") {
  Files files;
  std::ofstream(files.log) << Line("12:00", 0, 5, 5);
  for (const std::string verb : {"ingest", "watch", "annotate", "backup"}) {
    CHECK(Run({verb, "--config", files.config, "--ledger", files.ledger, "--ledger",
               files.directory / "other.db", files.log}) == 2);
  }
  CHECK_FALSE(std::filesystem::exists(files.ledger));
}

TEST_CASE("a log that cannot be read is exit 3 and leaves no ledger", "[command_line]") {
  Files files;
  std::ofstream(files.log) << Line("12:00", 0, 5, 5);
  const CapturedRun run =
      RunRollcall({"ingest", "--config", files.config, "--ledger", files.ledger, files.log,
                   files.directory / "mis*pelt.log", files.directory / ""});
  CHECK(run.code == 3);
  CHECK(Contains(run.err, "mis*pelt.log: No such file or directory\n"));
  CHECK(Contains(run.err, "is a directory; name the files in it\n"));
  CHECK_FALSE(std::filesystem::exists(files.ledger));
}

TEST_CASE("a pattern that does not compile is exit 2 with its line, and nothing is written",
          "[command_line]") {
  Files files;
  std::ofstream(files.config) << "compaction_logs:\n  - name: a\n    paths: [/none.log]\n"
                                 "    format: regex\n    pattern: '(?P<time>.)(?P<project>.)"
                                 "(?P<day>.)(?P<written>.'\n";
  std::ofstream(files.log) << Line("12:00", 0, 5, 5);
  for (const std::string verb : {"ingest", "watch"}) {
    const CapturedRun run = RunRollcall({verb, "--config", files.config, "--ledger", files.ledger});
    CHECK(run.code == 2);
    CHECK(run.err.find("rollcall: " + files.config + ":5: compaction_logs[0].pattern: at byte ") ==
          0);
  }
  CHECK_FALSE(std::filesystem::exists(files.ledger));
}

TEST_CASE("an address that is taken or not loopback's stops the watch before it writes",
          "[command_line]") {
  Files files;
  const auto taken = Listen(ParseListenAddress("127.0.0.1:0").value());
  REQUIRE(taken);
  const std::string address = "127.0.0.1:" + std::to_string(LocalPort(*taken));
  const CapturedRun run = RunRollcall(
      {"watch", "--config", files.config, "--ledger", files.ledger, "--listen", address});
  CHECK(run.code == 2);
  CHECK(Contains(run.err, "cannot listen on " + address + ": Address already in use"));
  CHECK(Run({"watch", "--config", files.config, "--ledger", files.ledger, "--listen",
             "0.0.0.0:9717"}) == 2);
  CHECK_FALSE(std::filesystem::exists(files.ledger));
}

TEST_CASE("what nobody knows is no clear answer: exit 4", "[command_line]") {
  Files files;
  std::ofstream(files.log) << "\n";
  CHECK(Run({"ingest", "--quiet", "--config", files.config, "--ledger", files.ledger, files.log}) ==
        0);
  const CapturedRun empty = RunRollcall({"impact", "--ledger", files.ledger});
  CHECK(empty.code == 4);
  CHECK(empty.out.starts_with("nothing is known: no run is in the ledger\n"));
  std::ofstream(files.log, std::ios::app) << Line("12:00", 0, 5, 5);
  Run({"ingest", "--quiet", "--config", files.config, "--ledger", files.ledger, files.log});
  CHECK(Run({"impact", "--ledger", files.ledger}) == 0);
  const CapturedRun stranger =
      RunRollcall({"impact", "--ledger", files.ledger, "--project", "acmee", "--format", "json"});
  CHECK(stranger.code == 4);
  CHECK(Contains(stranger.out, "\"certain\": false"));
  const CapturedRun release =
      RunRollcall({"impact", "--ledger", files.ledger, "--version", "2.7.O"});
  CHECK(release.code == 4);
  CHECK(Contains(release.out, "nothing is known of version 2.7.O"));
}

TEST_CASE("impact says until when the ledger can tell", "[command_line]") {
  Files files;
  std::ofstream(files.log) << Line("12:00", 0, 5, 5);
  Run({"ingest", "--quiet", "--config", files.config, "--ledger", files.ledger, files.log});
  CHECK(Contains(RunRollcall({"impact", "--ledger", files.ledger}).out, "\nas of 20"));
}

TEST_CASE("a span that holds no time is exit 2", "[command_line]") {
  Files files;
  CHECK(Run({"impact", "--ledger", files.ledger, "--since", "2016-02-23", "--until",
             "2016-02-22"}) == 2);
}

TEST_CASE("output that does not arrive is exit 3", "[command_line]") {
  Files files;
  std::ofstream(files.log) << Line("12:00", 0, 5, 5);
  Run({"ingest", "--quiet", "--config", files.config, "--ledger", files.ledger, files.log});
  for (const std::string format : {"table", "json", "csv"}) {
    const CapturedRun run =
        RunRollcall({"impact", "--ledger", files.ledger, "--format", format}, "/dev/full");
    CHECK(run.code == 3);
    CHECK(run.err == "rollcall: standard output could not be written\n");
  }
}

TEST_CASE("the operator's verbs need a ledger and make none", "[command_line]") {
  Files files;
  CHECK(Run({"annotate", "hello", "--ledger", files.ledger}) == 3);
  CHECK(Run({"permit", "acme", "--events", "5", "--reason", "x", "--ledger", files.ledger}) == 3);
  CHECK_FALSE(std::filesystem::exists(files.ledger));
  CHECK_FALSE(std::filesystem::exists(files.directory / "operator"));
}

TEST_CASE("words of a permit that contradict each other are exit 2", "[command_line]") {
  Files files;
  const auto permit = [&](std::initializer_list<std::string> words) {
    std::vector<std::string> all{"permit", "--ledger", files.ledger, "--reason", "x"};
    all.insert(all.end(), words);
    return RunRollcall(all).err;
  };
  CHECK(Contains(permit({}), "say which PROJECT"));
  CHECK(Contains(permit({"acme"}), "--events says how many events may disappear"));
  CHECK(Contains(permit({"acme", "--events", "-5"}), "--events says how many"));
  CHECK(Contains(permit({"--kind", "move"}), "--kind move needs --data-format"));
  CHECK(Contains(permit({"acme", "--kind", "rehomed"}), "needs --server FROM and --to SERVER"));
  CHECK(Contains(permit({"acme", "--kind", "rehomed", "--server", "a", "--to", "a"}),
                 "--to must be another server"));
  CHECK(Contains(permit({"acme", "--events", "9007199254740993"}), "from 1 to 2^53"));
  CHECK(Contains(permit({"acme", "--events", "99999999999999999999"}), "from 1 to 2^53"));
  CHECK(Contains(permit({"acme", "--events", "5", "--expires", "2016-02-22T17:00:00Z"}),
                 "is over: nothing would be permitted"));
  CHECK(Contains(RunRollcall({"permit", "acme", "--events", "5", "--reason", " "}).err,
                 "--reason says why"));
  CHECK(Contains(permit({"acme", "--events", "5", "--to", "b"}), "--to is for --kind rehomed"));
  CHECK(Contains(permit({"acme", "2016-02-30", "--events", "5"}), "2016-02-30 is not a date"));
  CHECK(Contains(permit({"acme", "--events", "5", "--expires", "never"}),
                 "never is not a timestamp"));
}

TEST_CASE("a ledger that lost its newest commits is never said to be clear", "[command_line]") {
  Files files;
  std::ofstream(files.log) << Line("12:00", 0, 100, 100);
  Run({"ingest", "--quiet", "--config", files.config, "--ledger", files.ledger, files.log});
  RunRollcall({"backup", "--ledger", files.ledger, files.directory / "old.db"});
  std::ofstream(files.log, std::ios::app) << Line("13:00", 0, 5, 5);
  Run({"ingest", "--quiet", "--config", files.config, "--ledger", files.ledger, files.log});
  for (const char* beside : {"-wal", "-shm"}) std::filesystem::remove(files.ledger + beside);
  std::filesystem::rename(files.directory / "old.db", files.ledger);
  const CapturedRun impact = RunRollcall({"impact", "--ledger", files.ledger});
  CHECK(Contains(impact.out, "no events are missing, as far as the ledger can tell"));
  CHECK(Contains(impact.out, "the ledger ends at fact 1, but 2 had been committed"));
  const CapturedRun alerts = RunRollcall({"alerts", "--ledger", files.ledger});
  CHECK(Contains(alerts.err, "the ledger ends at fact 1, but 2 had been committed"));
  CHECK(Contains(alerts.out, "no firing alerts, as far as the ledger can tell"));
  CHECK(Run({"alerts", "--fail", "--ledger", files.ledger}) == 4);
}

TEST_CASE("what is missing on a server is expected on the one that it is re-homed to",
          "[command_line]") {
  Files files;
  std::ofstream(files.log) << Line("12:00", 0, 100, 100) << Line("13:00", 0, 5, 5);
  Run({"ingest", "--quiet", "--config", files.config, "--ledger", files.ledger, "--server",
       "data-1", files.log});
  const CapturedRun run =
      RunRollcall({"permit", "acme", "--kind", "rehomed", "--server", "data-1", "--to", "data-2",
                   "--reason", "moved", "--config", files.config, "--ledger", files.ledger});
  CHECK(run.code == 0);
  auto ledger = Database::Open(files.ledger, Database::Mode::kReadOnly);
  REQUIRE(ledger);
  Statement expected = ledger->Prepare("SELECT expected FROM balances WHERE server = 'data-2'");
  REQUIRE(expected.Bind({}).Step());
  CHECK(expected.Integer(0) == 105);
}

TEST_CASE("a backup into a directory that is not there is exit 3 and leaves nothing",
          "[command_line]") {
  Files files;
  std::ofstream(files.log) << Line("12:00", 0, 5, 5);
  Run({"ingest", "--quiet", "--config", files.config, "--ledger", files.ledger, files.log});
  const CapturedRun run =
      RunRollcall({"backup", "--ledger", files.ledger, files.directory / "none/copy.db"});
  CHECK(run.code == 3);
  CHECK(Contains(run.err, "there is no such directory"));
}

TEST_CASE("the shipped example is a right configuration, asked of the program", "[command_line]") {
  const std::string example = std::string(ROLLCALL_SOURCE_DIR) + "/deploy/rollcall.example.yml";
  const CapturedRun table = RunRollcall({"check", "config", example});
  CHECK(table.code == 0);
  CHECK(Contains(table.out, "compaction logs: 4\n"));
  const CapturedRun json = RunRollcall({"check", "config", example, "--format", "json"});
  CHECK(json.code == 0);
  CHECK(Contains(json.out, "\"errors\": []"));
}

TEST_CASE("mistakes of a configuration are a document, too", "[command_line]") {
  Files files;
  std::ofstream(files.config) << "lisen: 1\nserver: [x]\n";
  const CapturedRun run = RunRollcall({"check", "config", files.config, "--format", "json"});
  CHECK(run.code == 2);
  CHECK(Contains(run.out, files.config + ":1: lisen: unknown key"));
  CHECK(Contains(run.err, files.config + ":2: server: must be a string, is a list"));
}

TEST_CASE("a path that spells the day in parts is where canonical_files says", "[command_line]") {
  Files files;
  const std::string config = files.directory / "parts.yml";
  std::ofstream(config) << std::string(kSource).replace(std::string(kSource).rfind("}"), 1,
                                                        ", path: path}")
                        << "canonical_files:\n  - {format: row, path: "
                           "'/data/row/{project}/{day}.evt'}\n";
  std::string line = Line("12:00", 0, 5, 5);
  line.insert(line.size() - 2, R"(,"path":"/data/row/acme/2016/02/22.evt")");
  std::ofstream(files.log) << line;
  CHECK(Run({"ingest", "--quiet", "--config", config, "--ledger", files.ledger, files.log}) == 0);
  CHECK(RunRollcall({"alerts", "--ledger", files.ledger}).out == "no firing alerts\n");
}
