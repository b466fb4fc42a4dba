#include "tests/ledger_fixture.h"

// What the ledger shows to the rules besides losses: runs without an end, formats written
// elsewhere, many losses in one gap.

TEST_CASE("a started run without an end is overdue after six hours, until a later run ends",
          "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .written = kUnknownCount, .kind = FactKind::kStartedRun});
  REQUIRE(ledger.ledger->Tick(ParseTime("2016-02-22T17:59:00Z").value()));
  CHECK(ledger.rules.overdue.empty());
  REQUIRE(ledger.ledger->Tick(ParseTime("2016-02-22T18:01:00Z").value()));
  REQUIRE(ledger.rules.overdue.size() == 1);
  CHECK(ledger.rules.overdue[0].run == "1");
  ledger.Commit({.at = "2016-02-22T18:30:00Z", .run = "2", .fresh = 1, .written = 1});
  REQUIRE(ledger.ledger->Tick(ParseTime("2016-02-22T19:00:00Z").value()));
  CHECK(ledger.rules.overdue.size() == 1);
}

TEST_CASE("ten losses in one gap are critical", "[ledger]") {
  LedgerFixture ledger;
  for (int i = 0; i < 10; ++i) {
    ledger.Add({.project = "p" + std::to_string(i), .run = "1", .fresh = 100, .written = 100});
  }
  ledger.Commit();
  ledger.AddGap(FactKind::kBlind, "truncated");
  for (int i = 0; i < 10; ++i) {
    ledger.Add({.at = "2016-02-22T13:00:00Z",
                .project = "p" + std::to_string(i),
                .run = "2",
                .existing = 90,
                .written = 90});
  }
  const RuleEngine engine(ledger.config);
  ledger.ledger.reset();
  auto opened = Ledger::Open({ledger.directory / "ledger.db", "data-1"}, ledger.config, engine);
  REQUIRE(opened);
  ledger.ledger = std::move(*opened);
  ledger.Commit();
  CHECK(ledger.Query("SELECT count(*) FROM alerts WHERE rule = 'lost_in_gap' AND severity = "
                     "'warning'") == "10");
  REQUIRE(ledger.ledger->Tick(ParseTime("2016-02-22T13:01:00Z").value()));
  CHECK(ledger.Query("SELECT count(*) FROM alerts WHERE rule = 'lost_in_gap' AND severity = "
                     "'critical'") == "10");
  ledger.ledger.reset();
}

TEST_CASE("a format written to another directory is shown to the rules", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .path = "/old/{project}/{day}.evt", .fresh = 1, .written = 1});
  ledger.Commit({.at = "2016-02-22T13:00:00Z",
                 .run = "2",
                 .version = "2",
                 .path = "/new/{project}/{day}.evt",
                 .existing = 1,
                 .fresh = 1,
                 .written = 2});
  REQUIRE(ledger.rules.outputs.size() == 1);
  CHECK(ledger.rules.outputs[0].previous_directory == "/old/{project}");
  CHECK(ledger.rules.outputs[0].directory == "/new/{project}");
  CHECK(ledger.rules.outputs[0].previous_version == "1");
  CHECK_FALSE(ledger.rules.outputs[0].usual);
}

TEST_CASE("a move that is permitted before it fires leaves no history", "[ledger]") {
  LedgerFixture ledger;
  ledger.config.rules["output_moved"].pending_for = std::chrono::hours(2);
  ledger.OpenWithRules();
  const auto run = [&](const std::string& at, const std::string& directory) {
    ledger.Commit({.at = At(at),
                   .run = at,
                   .path = directory + "/{project}/{day}.evt",
                   .fresh = 1,
                   .written = 1});
  };
  const auto permit = [&](const std::string& at) {
    ledger.CommitPermit(At(at), "p" + at, R"({"kind":"move"})", "data-1");
  };
  run("12:00:00", "/old");
  run("13:00:00", "/new");
  REQUIRE(ledger.Query("SELECT state FROM alerts WHERE rule = 'output_moved'") == "pending");
  permit("14:00:00");
  CHECK(ledger.Query("SELECT count(*) FROM alerts WHERE rule = 'output_moved'") == "0");
  // One that was due before has fired, also when nobody looked in between.
  run("15:00:00", "/newer");
  permit("18:00:00");
  CHECK(ledger.Query("SELECT state FROM alerts WHERE rule = 'output_moved'") == "resolved");
  CHECK(ledger.Query("SELECT starts_at FROM alerts WHERE rule = 'output_moved'") ==
        At("17:00:00.000"));
}

TEST_CASE("nine losses in a gap are a warning, and a tenth elsewhere makes all critical",
          "[ledger]") {
  LedgerFixture ledger;
  ledger.OpenWithRules();
  const auto lose = [&](int project, const std::string& at) {
    const std::string name = "p" + std::to_string(project);
    ledger.Add({.at = at, .project = name, .run = at, .existing = 90, .written = 90});
  };
  for (int i = 0; i < 10; ++i) {
    ledger.Add({.project = "p" + std::to_string(i), .run = "1", .fresh = 100, .written = 100});
  }
  ledger.Commit();
  ledger.AddGap(FactKind::kBlind, "truncated");
  for (int i = 0; i < 9; ++i) lose(i, At("13:00:00"));
  ledger.Commit();
  REQUIRE(ledger.ledger->Tick(ParseTime(At("13:01:00")).value()));
  CHECK(ledger.Query("SELECT count(*) FROM alerts WHERE severity = 'warning'") == "9");
  lose(9, At("14:00:00"));
  ledger.Commit();
  REQUIRE(ledger.ledger->Tick(ParseTime(At("14:01:00")).value()));
  CHECK(ledger.Query("SELECT count(*) FROM alerts WHERE severity = 'critical'") == "10");
}

TEST_CASE("an ingest calls no run overdue", "[ledger]") {
  LedgerFixture ledger;
  ledger.Open(true);
  ledger.Commit({.run = "1", .written = kUnknownCount, .kind = FactKind::kStartedRun});
  REQUIRE(ledger.ledger->Tick(ParseTime("2016-02-24T00:00:00Z").value()));
  CHECK(ledger.rules.overdue.empty());
}

TEST_CASE("a started run whose end was read before its begin is not overdue", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.at = At("12:30:00"), .run = "1", .fresh = 1, .written = 1});
  ledger.Commit({.at = At("12:00:00"),
                 .run = "1",
                 .written = kUnknownCount,
                 .kind = FactKind::kStartedRun,
                 .log = 2});
  REQUIRE(ledger.ledger->Tick(ParseTime("2016-02-24T00:00:00Z").value()));
  CHECK(ledger.rules.overdue.empty());
  CHECK(ledger.Query("SELECT count(*) FROM open_run") == "0");
}

TEST_CASE("a permit ends no run", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit(
      {.at = At("12:00:00"), .run = "1", .written = kUnknownCount, .kind = FactKind::kStartedRun});
  ledger.CommitPermit(At("12:30:00"), "p", R"({"kind":"decrease","events":30})");
  CHECK(ledger.Query("SELECT count(*) FROM open_run") == "1");
}

TEST_CASE("a run found late that was written elsewhere is no move", "[ledger]") {
  LedgerFixture ledger;
  const auto run = [](const std::string& at, const std::string& directory, uint32_t log) {
    return TestRun{.at = at,
                   .project = at,
                   .run = at,
                   .path = directory + "/{project}/{day}.evt",
                   .fresh = 1,
                   .written = 1,
                   .log = log};
  };
  ledger.Commit(run("2016-02-22T12:00:00Z", "/new", 1));
  // The logs of the weeks before, ingested after the watch had begun.
  for (const char* at : {"2016-02-01T12:00:00Z", "2016-02-02T12:00:00Z"}) {
    ledger.Commit(run(at, "/old", 2));
  }
  CHECK(ledger.rules.outputs.empty());
  ledger.Commit(run("2016-02-22T13:00:00Z", "/new", 1));
  ledger.Open();
  ledger.Commit(run("2016-02-03T12:00:00Z", "/old", 2));
  ledger.Commit(run("2016-02-22T14:00:00Z", "/new", 1));
  CHECK(ledger.rules.outputs.empty());
  CHECK(ledger.Rows("SELECT name.text, runs FROM output JOIN name ON id = directory ORDER BY 1") ==
        "/new/{project}|3|\n/old/{project}|3|\n");
  // A move in its own time is one, and is back where it had been long ago.
  ledger.Commit(run("2016-02-22T15:00:00Z", "/old", 1));
  REQUIRE(ledger.rules.outputs.size() == 1);
  CHECK(ledger.rules.outputs[0].previous_directory == "/new/{project}");
}

TEST_CASE("a project named like a part of the path is no move", "[ledger]") {
  const auto run = [](const std::string& project, const std::string& path) {
    return TestRun{.project = project, .run = project, .path = path, .fresh = 1, .written = 1};
  };
  const std::string usual = "/data/row/{project}/{day}.evt",
                    odd = "/{project}/row/{project}/{day}.evt";
  for (const bool odd_first : {false, true}) {
    LedgerFixture ledger;
    CanonicalFilesConfig row;
    row.format = "row";
    row.path = usual;
    ledger.config.canonical_files = {row};
    ledger.Open();
    if (odd_first) ledger.Commit(run("data", odd));
    ledger.Commit(run("acme", usual));
    ledger.Open();
    ledger.Commit(run("data", odd));
    ledger.Commit(run("other", usual));
    CHECK(ledger.rules.outputs.empty());
    // Where it is no such project, the same name is another place.
    ledger.Commit(run("third", odd));
    REQUIRE(ledger.rules.outputs.size() == 1);
    CHECK(ledger.rules.outputs[0].outside_template);
    CHECK(ledger.rules.outputs[0].previous_directory == "/data/row/{project}");
  }
}

TEST_CASE("one line with a clock of the future does not hide a move", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.at = At("12:00:00"), .run = "1", .path = "/old/{day}", .fresh = 1, .written = 1});
  ledger.Commit({.at = "2038-01-19T03:14:07Z",
                 .project = "other",
                 .run = "2",
                 .path = "/old/{day}",
                 .fresh = 1,
                 .written = 1});
  ledger.Commit({.at = At("13:00:00"),
                 .run = "3",
                 .path = "/new/{day}",
                 .existing = 1,
                 .written = 1,
                 .log = 2});
  CHECK(ledger.rules.outputs.size() == 1);
}
