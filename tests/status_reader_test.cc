#include "monitor/app/status_reader.h"

#include "tests/ledger_fixture.h"

// What /metrics says, read from a ledger.

TEST_CASE("a rule that nothing looks for yet is not among the metrics", "[status_reader]") {
  LedgerFixture ledger;
  ledger.config.rules["volume_anomaly"].min_events = 5;
  ledger.OpenWithRules();
  auto reader = StatusReader::Open(ledger.directory / "ledger.db", ledger.config).value();
  RollcallStatus status;
  REQUIRE(reader->Read(status));
  std::vector<std::string> rules;
  for (const RuleStatus& rule : status.rules) rules.push_back(rule.rule);
  CHECK(rules == std::vector<std::string>{
                     "blind", "compaction_overdue", "count_drop", "dead_file_read",
                     "deleted_came_back", "file_disagrees", "file_replaced_without_run",
                     "file_rewritten_in_place", "formats_differ", "lost_in_gap", "misplaced_file",
                     "missing_canonical_file", "output_moved", "overstated", "surplus"});
}

TEST_CASE("a rule has the severity that the configuration gives it", "[status_reader]") {
  LedgerFixture ledger;
  ledger.config.rules["surplus"].severity = "info";
  ledger.OpenWithRules();
  auto reader = StatusReader::Open(ledger.directory / "ledger.db", ledger.config).value();
  RollcallStatus status;
  REQUIRE(reader->Read(status));
  for (const RuleStatus& rule : status.rules) {
    if (rule.rule == "surplus") CHECK(rule.severity == "info");
    if (rule.rule == "overstated") CHECK(rule.severity == "warning");
  }
}

TEST_CASE("events missing leave out the days past their retention", "[status_reader]") {
  LedgerFixture ledger;
  CanonicalFilesConfig row;
  row.format = "row";
  row.retention = std::chrono::hours(24 * 3);
  ledger.config.canonical_files = {row};
  ledger.OpenWithRules();
  // Commits are of the begin of 2016-02-23.
  for (const char* day : {"2016-02-19", "2016-02-20", "2016-02-21"}) {
    ledger.Add({.at = std::string(day) + "T12:00:00Z", .day = day, .run = day, .fresh = 10});
  }
  ledger.Commit();
  CHECK(ledger.Query("SELECT missing FROM tally") == "30");
  auto reader = StatusReader::Open(ledger.directory / "ledger.db", ledger.config).value();
  RollcallStatus status;
  REQUIRE(reader->Read(status));
  CHECK(status.formats["row"].events_missing == 10);
}

TEST_CASE("what logs lost is counted from the first watch on, and once", "[status_reader]") {
  LedgerFixture ledger;
  const auto lost = [&] {
    auto reader = StatusReader::Open(ledger.directory / "ledger.db", ledger.config).value();
    RollcallStatus status;
    REQUIRE(reader->Read(status));
    return status.sources["compactd"];
  };
  ledger.Commit({.at = At("11:00:00"), .run = "1", .fresh = 1, .written = 1});
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.Commit({.at = At("13:00:00"), .run = "2", .existing = 1, .written = 1});
  CHECK(lost().lost_seconds == 0);  // nobody watched
  const Time noon = ParseTime(At("12:00:00")).value();
  SourceObservation watched{"compactd", "", noon};
  watched.coverage = {noon, {{"is a directory", std::chrono::seconds(5)}}};
  REQUIRE(ledger.ledger->ReportSource(watched, noon));
  CHECK(lost().lost_seconds == 3600);
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.Commit();
  CHECK(lost().losing_since == ParseTime(At("13:00:00")).value());
  ledger.Open();
  CHECK(ledger.ledger->Coverage(0).since == noon);
  CHECK(ledger.ledger->Coverage(0).unwatched == watched.coverage.unwatched);
  ledger.Commit({.at = At("14:00:00"), .run = "3", .existing = 1, .written = 1});
  CHECK(lost().lost_seconds == 7200);
  CHECK_FALSE(lost().losing_since);
}

TEST_CASE("incidents that are over are told up to the cap, those that are not always",
          "[status_reader]") {
  LedgerFixture ledger;
  ledger.OpenWithRules();
  const auto lose = [&](const std::string& hour, const std::string& version) {
    ledger.Commit({.at = At(hour + ":00:00"), .run = hour, .fresh = 10, .written = 10});
    ledger.Commit({.at = At(hour + ":10:00"), .run = hour + "b", .version = version});
  };
  const auto permit = [&](const std::string& hour) {
    ledger.CommitPermit(At(hour + ":20:00"), hour, R"({"kind":"decrease","events":10})");
  };
  lose("10", "2");
  permit("10");
  lose("11", "3");
  permit("11");
  lose("12", "4");
  auto reader = StatusReader::Open(ledger.directory / "ledger.db", ledger.config).value();
  RollcallStatus status;
  REQUIRE(reader->Read(status));
  CHECK(status.incidents.size() == 3);
  CHECK(status.incidents.front().version == "4");
  status.alerts_cap = 2;
  REQUIRE(reader->Read(status));
  CHECK(status.incidents.size() == 2);
  CHECK(status.incidents.front().active);
  status.alerts_cap = 0;
  REQUIRE(reader->Read(status));
  REQUIRE(status.incidents.size() == 1);
  CHECK(status.incidents.front().active);
}
