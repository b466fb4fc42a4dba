#include "monitor/ledger.h"

#include "rules/engine.h"
#include "tests/ledger_fixture.h"

// DESIGN section 3, sentence by sentence, with numbers, through the ledger and its public views.

TEST_CASE("a run that does not read what the previous one wrote loses it", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = "2016-02-22T13:00:00Z",
                 .run = "2",
                 .version = "2",
                 .existing = 0,
                 .fresh = 7,
                 .written = 7});
  CHECK(ledger.Balance("actual") == "7");
  CHECK(ledger.Balance("missing") == "100");
  CHECK(ledger.Balance("expected") == "107");
  CHECK(ledger.Balance("verdict") == "firing");
  CHECK(ledger.Query("SELECT cause FROM losses") == "existing_not_read");
  CHECK(ledger.Query("SELECT lost FROM losses") == "100");
  CHECK(ledger.Query("SELECT before FROM losses") == "100");
  CHECK(ledger.Query("SELECT count(*) FROM alerts WHERE state = 'firing'") == "1");
}

TEST_CASE("a run that writes less than it read drops in the merge", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = "2016-02-22T13:00:00Z",
                 .run = "2",
                 .existing = 100,
                 .fresh = 10,
                 .duplicates = 4,
                 .deleted = 1,
                 .written = 95});
  CHECK(ledger.Query("SELECT cause FROM losses") == "dropped_in_merge");
  CHECK(ledger.Balance("missing") == "10");
}

TEST_CASE("a failed run changes nothing", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = "2016-02-22T13:00:00Z",
                 .run = "2",
                 .existing = 0,
                 .fresh = 5,
                 .written = kUnknownCount,
                 .kind = FactKind::kFailedRun});
  CHECK(ledger.Balance("actual") == "100");
  CHECK(ledger.Balance("missing") == "0");
  CHECK(ledger.Query("SELECT failed FROM tally") == "1");
}

TEST_CASE("reading anything twice changes nothing", "[ledger]") {
  LedgerFixture ledger;
  const TestRun run{.run = "1", .fresh = 100, .written = 100};
  CHECK(ledger.Commit(run).facts == 1);
  const CommitOutcome again = ledger.Commit(run);
  CHECK(again.facts == 0);
  CHECK(again.duplicate_facts == 1);
  CHECK(ledger.Balance("actual") == "100");
}

TEST_CASE("a reused run id with other content is a new fact", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.run = "1", .existing = 100, .fresh = 1, .written = 101});
  CHECK(ledger.Query("SELECT count(*) FROM runs") == "2");
  CHECK(ledger.Balance("actual") == "101");
}

TEST_CASE("without a run id the same counts at another place are another run", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.existing = 0, .fresh = 0, .written = 0});
  ledger.Commit({.existing = 0, .fresh = 0, .written = 0});
  CHECK(ledger.Query("SELECT count(*) FROM runs") == "2");
}

TEST_CASE("a retry with the same batch supersedes the run that crashed", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = "2016-02-22T13:00:00Z",
                 .run = "2",
                 .batch = "b",
                 .existing = 100,
                 .fresh = 10,
                 .written = 110});
  ledger.Commit({.at = "2016-02-22T13:01:00Z",
                 .run = "3",
                 .batch = "b",
                 .existing = 100,
                 .fresh = 10,
                 .written = 110});
  CHECK(ledger.Balance("actual") == "110");
  CHECK(ledger.Balance("missing") == "0");
  CHECK(ledger.Balance("surplus") == "0");
  CHECK(ledger.Query("SELECT run FROM runs WHERE superseded") == "2");
}

TEST_CASE("a deletion explains at most what the run had in hand", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = "2016-02-22T13:00:00Z",
                 .run = "2",
                 .existing = 0,
                 .fresh = 10,
                 .deleted = 100,
                 .written = 0});
  CHECK(ledger.Balance("missing") == "100");
  CHECK(ledger.rules.runs.back().booking.overstated == 90);
}

TEST_CASE("a deletion larger than the balance is overstated and loses nothing", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit(
      {.at = "2016-02-22T13:00:00Z", .run = "2", .existing = 100, .deleted = 150, .written = 0});
  CHECK(ledger.Balance("missing") == "0");
  CHECK(ledger.Balance("surplus") == "0");
  CHECK(ledger.rules.runs.back().booking.overstated == 50);
}

TEST_CASE("data put back shows as more existing than before and ends the loss", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit(
      {.at = "2016-02-22T13:00:00Z", .run = "2", .existing = 0, .fresh = 7, .written = 7});
  ledger.Commit(
      {.at = "2016-02-22T14:00:00Z", .run = "3", .existing = 107, .fresh = 1, .written = 108});
  CHECK(ledger.Balance("missing") == "0");
  CHECK(ledger.Balance("surplus") == "0");
  CHECK(ledger.Query("SELECT state FROM alerts") == "resolved");
}

TEST_CASE("more than was missing is surplus, and no credit against a later loss", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = "2016-02-22T13:00:00Z", .run = "2", .existing = 120, .written = 120});
  CHECK(ledger.Balance("surplus") == "20");
  ledger.Commit({.at = "2016-02-22T14:00:00Z", .run = "3", .existing = 110, .written = 110});
  CHECK(ledger.Balance("missing") == "10");
  CHECK(ledger.Balance("expected") == "100");
}

TEST_CASE("recovered events reduce what is missing", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit(
      {.at = "2016-02-22T13:00:00Z", .run = "2", .existing = 0, .fresh = 7, .written = 7});
  ledger.Commit(
      {.at = "2016-02-22T14:00:00Z", .run = "3", .existing = 7, .recovered = 60, .written = 67});
  CHECK(ledger.Balance("missing") == "40");
}

TEST_CASE("a partition opened in mid-life starts from what its first run read", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "9", .existing = 500, .fresh = 5, .written = 505});
  CHECK(ledger.Balance("opening") == "unverified");
  CHECK(ledger.Balance("verdict") == "clear");
  CHECK(ledger.Balance("missing") == "0");
}

TEST_CASE("a partition first seen empty is clear only when its source was always watched",
          "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.project = "acme", .run = "1", .fresh = 5, .written = 5});
  CHECK(ledger.Balance("verdict") == "clear");
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.Commit(
      {.at = "2016-02-22T14:00:00Z", .project = "other", .run = "2", .fresh = 5, .written = 5});
  CHECK(ledger.Query("SELECT verdict FROM balances WHERE project = 'other'") == "unknown");
  ledger.Commit({.at = "2016-02-24T14:00:00Z",
                 .project = "third",
                 .day = "2016-02-24",
                 .run = "3",
                 .fresh = 5,
                 .written = 5});
  CHECK(ledger.Query("SELECT verdict FROM balances WHERE project = 'third'") == "clear");
}

TEST_CASE("a gap makes partitions unknown until each is next observed", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.Commit();
  CHECK(ledger.Balance("verdict") == "unknown");
  ledger.Commit(
      {.at = "2016-02-22T14:00:00Z", .run = "2", .existing = 100, .fresh = 1, .written = 101});
  CHECK(ledger.Balance("verdict") == "clear");
}

TEST_CASE("after a gap more is booked as unseen, less is lost in the gap", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.Commit(
      {.at = "2016-02-22T14:00:00Z", .run = "2", .existing = 130, .fresh = 1, .written = 131});
  CHECK(ledger.Balance("surplus") == "0");
  CHECK(ledger.Balance("missing") == "0");
  CHECK(ledger.rules.runs.back().booking.unseen == 30);
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.Commit(
      {.at = "2016-02-22T15:00:00Z", .run = "3", .existing = 31, .fresh = 1, .written = 32});
  CHECK(ledger.Query("SELECT cause FROM losses") == "lost_in_gap");
  CHECK(ledger.Balance("missing") == "100");
}

TEST_CASE("a loss seen after a quarantined line is still a count drop", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.AddGap(FactKind::kQuarantined, "not json");
  ledger.Commit();
  CHECK(ledger.Balance("verdict") == "unknown");
  ledger.Commit(
      {.at = "2016-02-22T14:00:00Z", .run = "2", .existing = 0, .fresh = 1, .written = 1});
  CHECK(ledger.Query("SELECT cause FROM losses") == "existing_not_read");
}

TEST_CASE("a log that gives written alone never makes a partition clear", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .existing = kUnknownCount, .fresh = kUnknownCount, .written = 100});
  CHECK(ledger.Balance("verdict") == "unknown");
  ledger.Commit({.at = "2016-02-22T14:00:00Z",
                 .run = "2",
                 .existing = kUnknownCount,
                 .fresh = kUnknownCount,
                 .deleted = 5,
                 .written = 80});
  CHECK(ledger.Balance("missing") == "15");
}

TEST_CASE("a late fact rebuilds its partition's chain and no other", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.at = "2016-02-22T12:00:00Z", .run = "1", .fresh = 100, .written = 100});
  ledger.Commit(
      {.at = "2016-02-22T14:00:00Z", .run = "3", .existing = 150, .fresh = 1, .written = 151});
  CHECK(ledger.Balance("surplus") == "50");
  ledger.Commit({.at = "2016-02-22T13:00:00Z",
                 .run = "2",
                 .existing = 100,
                 .fresh = 50,
                 .written = 150,
                 .log = 2});
  CHECK(ledger.Balance("surplus") == "0");
  CHECK(ledger.Balance("actual") == "151");
  CHECK(ledger.Query("SELECT group_concat(run) FROM (SELECT run FROM runs ORDER BY at)") ==
        "1,2,3");
  CHECK(ledger.Query("SELECT before FROM runs WHERE run = 3") == "150");
}

TEST_CASE("runs of one millisecond follow each other, and are known when read again", "[ledger]") {
  LedgerFixture ledger;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 20; ++i) {
      ledger.Add({.run = std::to_string(i), .existing = i, .fresh = 1, .written = i + 1});
    }
    const CommitOutcome done = ledger.Commit();
    CHECK(done.facts == (round == 0 ? 20 : 0));
    CHECK(done.duplicate_facts == (round == 0 ? 0 : 20));
  }
  CHECK(ledger.Balance("actual") == "20");
  CHECK(ledger.Balance("missing") == "0");
}

TEST_CASE("two formats derived from one read share the cause, each with its own net", "[ledger]") {
  LedgerFixture ledger;
  CanonicalFilesConfig columnar;
  columnar.format = "columnar";
  columnar.reads = "row";
  ledger.config.canonical_files = {columnar};
  ledger.Open();
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.format = "columnar", .run = "1", .fresh = 100, .written = 90});
  ledger.Add({.at = "2016-02-22T14:00:00Z", .run = "2", .existing = 0, .fresh = 7, .written = 7});
  ledger.Add({.at = "2016-02-22T14:00:00Z",
              .format = "columnar",
              .run = "2",
              .existing = 0,
              .fresh = 7,
              .written = 7});
  ledger.Commit();
  CHECK(ledger.Balance("missing", "row") == "100");
  CHECK(ledger.Balance("missing", "columnar") == "100");  // 10 dropped by its first run, then 90
  CHECK(ledger.Query("SELECT cause FROM losses WHERE format = 'columnar' AND run = 2") ==
        "existing_not_read");
}

TEST_CASE("a partition past its retention reopens as new", "[ledger]") {
  LedgerFixture ledger;
  CanonicalFilesConfig row;
  row.format = "row";
  row.retention = std::chrono::hours(24 * 30);
  ledger.config.canonical_files = {row};
  ledger.Open();
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit(
      {.at = "2016-04-22T14:00:00Z", .run = "2", .existing = 0, .fresh = 7, .written = 7});
  CHECK(ledger.Balance("missing") == "0");
  CHECK(ledger.Balance("actual") == "7");
}

TEST_CASE("a permit explains what is missing, at most that", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = "2016-02-22T13:00:00Z", .run = "2", .existing = 0, .written = 0});
  ledger.Commit({.at = "2016-02-22T15:00:00Z",
                 .run = "permit-1",
                 .version = "",
                 .kind = FactKind::kPermit,
                 .detail = R"({"kind":"decrease","events":60})"});
  CHECK(ledger.Balance("missing") == "40");
}

TEST_CASE("a permit given in advance explains a later loss until it expires", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit(
      {.at = "2016-02-22T12:30:00Z",
       .run = "permit-1",
       .kind = FactKind::kPermit,
       .detail = R"({"kind":"decrease","events":30,"expires_at":"2016-02-22T14:00:00Z"})"});
  ledger.Commit({.at = "2016-02-22T13:00:00Z", .run = "2", .existing = 80, .written = 80});
  CHECK(ledger.Balance("missing") == "0");
  ledger.Commit({.at = "2016-02-22T15:00:00Z", .run = "3", .existing = 75, .written = 75});
  CHECK(ledger.Balance("missing") == "5");  // ten were left of the permit, but it had expired
}

TEST_CASE("a re-homed partition must open on the other server with what it had here", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = "2016-02-22T12:30:00Z",
                 .run = "permit-1",
                 .kind = FactKind::kPermit,
                 .detail = R"({"kind":"rehomed_away"})"});
  ledger.Commit({.at = "2016-02-22T12:30:00Z",
                 .run = "permit-2",
                 .kind = FactKind::kPermit,
                 .detail = R"({"kind":"rehomed","events":100})",
                 .server = "data-2"});
  ledger.Commit({.at = "2016-02-22T13:00:00Z",
                 .run = "9",
                 .existing = 90,
                 .fresh = 1,
                 .written = 91,
                 .server = "data-2"});
  CHECK(ledger.Query("SELECT missing FROM balances WHERE server = 'data-2'") == "10");
  CHECK(ledger.Query("SELECT missing FROM balances WHERE server = 'data-1'") == "0");
  CHECK(ledger.Query("SELECT actual FROM balances WHERE server = 'data-1'") == "0");
}

TEST_CASE("a backfill that is killed has the same balances when it is opened again", "[ledger]") {
  LedgerFixture ledger;
  std::filesystem::remove(ledger.directory / "ledger.db");
  ledger.Open(true);
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit(
      {.at = "2016-02-22T13:00:00Z", .run = "2", .existing = 0, .fresh = 7, .written = 7});
  CHECK(ledger.Query("SELECT count(*) FROM balance") == "0");  // still in memory
  ledger.Open(false);
  CHECK(ledger.Balance("missing") == "100");
  CHECK(ledger.Balance("actual") == "7");
}

TEST_CASE("a backfill that is killed within a transaction resumes where the last one ended",
          "[ledger]") {
  LedgerFixture ledger;
  std::filesystem::remove(ledger.directory / "ledger.db");
  ledger.Open(true);
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Add(
      {.at = "2016-02-22T13:00:00Z", .run = "2", .existing = 100, .fresh = 7, .written = 107});
  REQUIRE(ledger.ledger->CommitBeside(std::move(ledger.batch)));
  CHECK(ledger.ledger->head_seq() == 2);
  ledger.batch = {};
  ledger.Open(true);
  CHECK(ledger.ledger->head_seq() == 1);
  REQUIRE(ledger.ledger->Positions(0).size() == 1);
  CHECK(ledger.ledger->Positions(0)[0].to == 100);
  REQUIRE(ledger.ledger->FinishBulk());
  CHECK(ledger.Balance("actual") == "100");
}

TEST_CASE("a batch whose commit had an unknown outcome can be committed again", "[ledger]") {
  LedgerFixture ledger;
  ledger.Add({.run = "1", .fresh = 100, .written = 100});
  LogPosition position;
  position.log = 1;
  position.source = 0;
  position.to = 100;
  ledger.batch.positions = {position};
  REQUIRE(ledger.ledger->Commit(ledger.batch));
  REQUIRE(ledger.ledger->Commit(ledger.batch));
  CHECK(ledger.Query("SELECT count(*) FROM runs") == "1");
}

TEST_CASE("so can one that also says where another log is now", "[ledger]") {
  LedgerFixture ledger;
  LogPosition rotated;
  rotated.log = 1;
  rotated.source = 0;
  rotated.to = 100;
  ledger.batch.positions = {rotated};
  REQUIRE(ledger.ledger->Commit(ledger.batch));
  rotated.from = 100;
  rotated.path = "/logs/x.log.1";
  LogPosition read;
  read.log = 2;
  read.source = 0;
  read.to = 50;
  ledger.Add({.run = "1", .fresh = 100, .written = 100});
  ledger.batch.positions = {rotated, read};
  REQUIRE(ledger.ledger->Commit(ledger.batch));
  REQUIRE(ledger.ledger->Commit(ledger.batch));
  CHECK(ledger.Query("SELECT count(*) FROM runs") == "1");
  // Of a log that nothing was read of, a second time changes nothing.
  ledger.batch = {};
  ledger.batch.positions = {rotated};
  REQUIRE(ledger.ledger->Commit(ledger.batch));
}

TEST_CASE("a position that does not continue the committed one is refused", "[ledger]") {
  LedgerFixture ledger;
  LogPosition position;
  position.log = 1;
  position.source = 0;
  position.from = 50;
  position.to = 100;
  ledger.batch.positions = {position};
  CHECK_FALSE(ledger.ledger->Commit(ledger.batch));
  CHECK(ledger.Query("SELECT count(*) FROM log") == "0");
}

TEST_CASE("only one process writes a ledger", "[ledger]") {
  LedgerFixture ledger;
  const auto second =
      Ledger::Open({ledger.directory / "ledger.db", "x"}, ledger.config, ledger.rules);
  REQUIRE_FALSE(second);
  CHECK(second.error().message.find("another rollcall") != std::string::npos);
}

TEST_CASE("facts cannot be changed or deleted", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  auto database = Database::Open(ledger.directory / "ledger.db", Database::Mode::kReadWrite);
  REQUIRE(database);
  database->Execute("UPDATE fact SET written = 1");
  CHECK_FALSE(database->Check());
  database->Rollback();
  database->Execute("DELETE FROM fact");
  CHECK_FALSE(database->Check());
}

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
