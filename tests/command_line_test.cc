#include "monitor/app/command_line.h"

#include <fstream>
#include <initializer_list>
#include <vector>

#include "tests/catch.h"
#include "tests/temporary_directory.h"

// Exit codes (DESIGN section 12), through the same entry that main() uses.

namespace {

int Run(std::initializer_list<std::string> words) {
  std::vector<const char*> argv{"rollcall"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  return RunCommandLine(static_cast<int>(argv.size()), argv.data());
}

constexpr const char* kSource =
    "compaction_logs:\n  - name: compactd\n    paths: ['/var/log/none.log']\n    format: json\n"
    "    fields: {time: ts, run: run, project: project, day: day, format: format, existing: "
    "existing, fresh: new, written: written}\n";

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
