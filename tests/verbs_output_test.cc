#include <zlib.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/captured_run.h"
#include "tests/catch.h"

// What the verbs print: documents for programs (DESIGN section 11), tables for people.

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kConfig =
    "server: data-9\ncompaction_logs:\n  - name: compactd\n    paths: ['/var/log/none.log']\n"
    "    fields: {time: ts, server: host, run: run, project: project, day: day, format: format,\n"
    "             existing: existing, fresh: new, written: written, version: version, path: "
    "path}\n";

struct Run {
  std::string project = "acme";
  std::string host = "data-1", at = "12:00", run = "1", version = "1", place = "/row";
  int64_t existing = 0, fresh = 0, written = 0;
};

std::string LineOf(const Run& run) {
  return Json{{"ts", "2016-02-22T" + run.at + ":00Z"},
              {"host", run.host},
              {"run", run.run},
              {"project", run.project},
              {"day", "2016-02-22"},
              {"format", "row"},
              {"existing", run.existing},
              {"new", run.fresh},
              {"written", run.written},
              {"version", run.version},
              {"path", run.place + "/acme/2016-02-22.evt"}}
             .dump() +
         "\n";
}

// A ledger with a loss on data-1 and a copy of the project on data-2.
struct Site {
  Site() {
    std::ofstream(config) << kConfig;
    std::ofstream(log) << LineOf({.fresh = 100, .written = 100})
                       << LineOf({.host = "data-2", .fresh = 100, .written = 100})
                       << LineOf({.at = "13:00",
                                  .run = "2",
                                  .version = "2",
                                  .place = "/moved",
                                  .fresh = 7,
                                  .written = 7});
    Ingest(ledger);
  }
  void Ingest(const std::string& into) {
    REQUIRE(RunRollcall({"ingest", "--quiet", "--config", config, "--ledger", into, log}).code ==
            0);
  }
  CapturedRun Ask(std::vector<std::string> words) {
    words.insert(words.end(), {"--ledger", ledger});
    return RunRollcall(words);
  }
  Json Document(std::vector<std::string> words) {
    words.insert(words.end(), {"--format", "json"});
    return Json::parse(Ask(std::move(words)).out);
  }

  TemporaryDirectory directory;
  std::string config = directory / "rollcall.yml";
  std::string ledger = directory / "ledger.db";
  std::string log = directory / "compactd.log";
};

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

TEST_CASE("ingest says what it read in each format", "[verbs]") {
  Site site;
  const auto ingest = [&](const std::string& format) {
    return RunRollcall({"ingest", "--config", site.config, "--ledger",
                        site.directory / (format + ".db"), "--format", format, site.log})
        .out;
  };
  std::vector<std::string> keys;
  const Json document = Json::parse(ingest("json"));
  for (const auto& [key, value] : document.items()) keys.push_back(key);
  CHECK(keys == std::vector<std::string>{"files", "bytes", "lines", "facts", "duplicate_facts",
                                         "ignored_lines", "quarantined_lines", "blind_intervals"});
  CHECK(document["files"] == 1);
  CHECK(document["facts"] == 3);
  CHECK(ingest("csv").find("files,bytes,lines,facts,duplicate_facts,ignored_lines,"
                           "quarantined_lines,blind_intervals\r\n1,") == 0);
  CHECK(ingest("table").find("files                            1\n") == 0);
}

TEST_CASE("an archive that takes several batches is one file", "[verbs]") {
  Site site;
  const std::string archive = site.directory / "old.log.gz";
  gzFile out = gzopen(archive.c_str(), "wb1");
  for (int i = 0; i < 15'000; ++i) {
    const std::string line = LineOf({.project = "p" + std::to_string(i)});
    gzwrite(out, line.data(), static_cast<unsigned>(line.size()));
  }
  gzclose(out);
  const CapturedRun run = RunRollcall({"ingest", "--quiet", "--config", site.config, "--ledger",
                                       site.directory / "gz.db", "--format", "json", archive});
  const Json document = Json::parse(run.out);
  CHECK(document["lines"] == 15'000);
  CHECK(document["files"] == 1);
}

TEST_CASE("a timeline can be narrowed to one server", "[verbs]") {
  Site site;
  for (const Json& entry : site.Document({"timeline", "acme", "--server", "data-2"})) {
    CHECK(entry["server"] == "data-2");
  }
  CHECK(site.Document({"timeline", "acme", "--server", "data-2"}).size() == 1);
  CHECK(site.Document({"timeline", "acme"}).size() > 3);
}

TEST_CASE("a timeline of a project that nobody knows says so", "[verbs]") {
  Site site;
  CHECK(site.Ask({"timeline", "nobody"}).out == "nothing is known of nobody\n");
  CHECK(site.Ask({"timeline", "nobody"}).code == 4);
  CHECK(site.Document({"timeline", "nobody"}) == Json::array());
}

TEST_CASE("what people say stands on the timeline in their words", "[verbs]") {
  Site site;
  CHECK(site.Ask({"annotate", "disk swapped", "--project", "acme"}).code == 0);
  CHECK(site.Ask({"annotate", "rolled out", "--deploy", "2.7"}).code == 0);
  CHECK(site.Ask({"permit", "acme", "--events", "1200", "--reason", "GDPR 42"}).code == 0);
  const std::string table = site.Ask({"timeline", "acme"}).out;
  CHECK(table.find("disk swapped") != std::string::npos);
  CHECK(table.find("rolled out") != std::string::npos);
  CHECK(table.find("decrease of 1,200: GDPR 42") != std::string::npos);
  CHECK(table.find("existing_not_read  read 0 of 100") != std::string::npos);
  CHECK(table.find("events missing: project acme") != std::string::npos);
  CHECK(FirstLine(site.Ask({"timeline", "acme", "--format", "csv"}).out) ==
        "at,kind,server,day,format,lost,missing,cause,note,before,existing,fresh,written,version,"
        "duplicates,deleted,recovered,run,verdict,unit\r");
}

TEST_CASE("a permit is for the copies that were named, and says where it went", "[verbs]") {
  Site site;
  const CapturedRun run = site.Ask({"permit", "acme", "--events", "5", "--reason", "a\xff",
                                    "--server", "data-1", "--format", "json"});
  const Json written = Json::parse(run.out);
  REQUIRE(written.size() == 1);
  CHECK(written[0]["server"] == "data-1");
  CHECK(written[0]["day"] == "2016-02-22");
  CHECK(run.err == "in the ledger\n");
  CHECK(site.Document({"permit", "acme", "--events", "5", "--reason", "x"}).size() == 2);
}

TEST_CASE("a remark is by default about the server that wrote the ledger", "[verbs]") {
  Site site;
  const Json written = site.Document({"annotate", "hello"});
  CHECK(written[0]["server"] == "data-9");
  CHECK(written[0]["project"].is_null());
}

TEST_CASE("a permitted move is one for each output that moved", "[verbs]") {
  Site site;
  REQUIRE(site.Ask({"alerts"}).out.find("output_moved") != std::string::npos);
  const Json written =
      site.Document({"permit", "--kind", "move", "--data-format", "row", "--reason", "new disk"});
  REQUIRE(written.size() == 1);
  CHECK(written[0]["server"] == "data-1");
  CHECK(site.Ask({"alerts"}).out.find("output_moved") == std::string::npos);
  CHECK(site.Ask({"permit", "--kind", "move", "--data-format", "row", "--reason", "again"}).code ==
        2);
}

TEST_CASE("alerts are a table whose columns say something, and CSV with all", "[verbs]") {
  Site site;
  CHECK(FirstLine(site.Ask({"alerts"}).out).find("starts_at                 severity  rule") == 0);
  CHECK(FirstLine(site.Ask({"alerts", "--format", "csv"}).out) ==
        "starts_at,severity,rule,version,summary,state,ends_at,cause,server,project,day,format,"
        "source,incident\r");
  CHECK(site.Ask({"alerts", "--state", "pending"}).out == "no pending alerts\n");
  CHECK(site.Ask({"alerts", "--state", "pending", "--fail"}).code == 1);
}

TEST_CASE("the impact begins with the sentence that is wanted first", "[verbs]") {
  Site site;
  const std::string table = site.Ask({"impact"}).out;
  CHECK(FirstLine(table) == "7 events missing of 107, in 1 project-day of 1 project");
  CHECK(table.find("  existing_not_read by version 2, after 1, since 2016-02-22T13:00:00.000Z\n"
                   "    7 events, on 1 server, of 1 project; incident ") != std::string::npos);
  CHECK(site.Ask({"impact", "--until", "2001-01-01"}).out.find("no loss was found there") == 0);
  CHECK(FirstLine(site.Ask({"impact", "--format", "csv"}).out) ==
        "server,project,day,format,unit,expected,actual,missing,surplus,cause,version,"
        "previous_version,first_loss_at,last_loss_at,runs,verdict\r");
}

TEST_CASE("a ledger and its copy are one, and a directory stands for its ledgers", "[verbs]") {
  Site site;
  const Json alone = site.Document({"impact"});
  REQUIRE(RunRollcall({"backup", "--ledger", site.ledger, site.directory / "copy.db"}).code == 0);
  CHECK(site.Document({"impact", "--ledger", site.directory / "copy.db"}) == alone);
  CHECK(Json::parse(
            RunRollcall({"impact", "--ledger", site.directory / "", "--format", "json"}).out) ==
        alone);
  const CapturedRun none = RunRollcall({"impact", "--ledger", "/proc/self/task"});
  CHECK(none.code == 3);
  CHECK(none.err == "rollcall: /proc/self/task: this directory holds no ledger (*.db)\n");
}

TEST_CASE("a check says of each ledger what it found", "[verbs]") {
  Site site;
  CHECK(site.Ask({"check", "ledger"}).out.find("whole and unchanged") != std::string::npos);
  CHECK(site.Document({"check", "ledger"}) ==
        Json::array({{{"ledger", site.ledger}, {"findings", Json::array()}}}));
  CHECK(site.Ask({"check", "ledger", "--format", "csv"}).out == "ledger,finding\r\n");
}

TEST_CASE("a backup says what it made", "[verbs]") {
  Site site;
  const std::string copy = site.directory / "copy.db";
  const Json document = site.Document({"backup", copy});
  CHECK(document["file"] == copy);
  CHECK(document["bytes"] == std::filesystem::file_size(copy));
}

TEST_CASE("a hostile name in a message cannot speak to the terminal", "[verbs]") {
  const CapturedRun run = RunRollcall({"impact", "--ledger", "/none/\x1b[31m\xff.db"});
  CHECK(run.code == 3);
  CHECK(run.err == "rollcall: /none/\\x1b[31m\xef\xbf\xbd.db: there is no such ledger\n");
}
