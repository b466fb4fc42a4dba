#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "monitor/ledger_check.h"
#include "monitor/ledger_view.h"
#include "tests/ledger_fixture.h"

// Transactions of the ledger: what is there after a kill, an unknown outcome, by whom it may be
// opened, and that it can be made again from its facts.

namespace {

std::string WhyNot(LedgerFixture& fixture, const std::string& path) {
  const auto opened = Ledger::Open({path, "data-1"}, fixture.config, fixture.rules);
  return opened ? "opened" : opened.error().message;
}

bool Says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Something of every kind that there is, in a store of two shapes, with and without a base.
struct Everything : LedgerFixture {
  Everything() {
    CompactionLogConfig segments;
    segments.name = "rocksdb";
    segments.shape = Shape::kSegments;
    segments.conservation = Conservation::kBounded;
    segments.unit = "records";
    config.compaction_logs.push_back(segments);
    CanonicalFilesConfig columnar, row;
    columnar.format = "columnar";
    columnar.reads = "row";
    row.format = "row";
    row.retention = std::chrono::hours(36);
    config.canonical_files = {columnar, row};
  }
  // Commits are divided differently by `rounds`: each round is one.
  void Fill(int round) {
    const std::string at = At("1" + std::to_string(round % 10) + ":00:00");
    const std::string run = "r" + std::to_string(round);
    Add({.at = at, .project = "p" + std::to_string(round), .run = run, .fresh = 1, .written = 1});
    switch (round) {
      case 0:
        Add({.at = at,
             .run = "1",
             .batch = "b0",
             .path = "/a/{day}",
             .fresh = 100,
             .written = 100});
        Add({.at = at, .format = "columnar", .run = "1", .fresh = 100, .written = 90});
        Add({.at = at,
             .project = "db",
             .format = "segments",
             .run = "f1",
             .written = 50,
             .detail = R"({"kind":"flush","outputs":[{"segment":"1","records":50}]})",
             .log = 2,
             .source = 1});
        break;
      case 1:
        Add({.at = at,
             .run = "2",
             .version = "2",
             .path = "/b/{day}",
             .existing = 60,
             .fresh = 5,
             .deleted = 3,
             .written = 62});
        Add({.at = at,
             .format = "columnar",
             .run = "2",
             .version = "2",
             .existing = 60,
             .fresh = 5,
             .deleted = 3,
             .written = 62});
        AddGap(FactKind::kQuarantined, "not json");
        break;
      case 2:
        Add({.at = at, .run = "3", .batch = "b", .existing = 62, .fresh = 5, .written = 67});
        Add({.at = at, .run = "4", .written = kUnknownCount, .kind = FactKind::kStartedRun});
        Add({.at = at,
             .run = "5",
             .batch = "b",
             .existing = 62,
             .fresh = 5,
             .written = kUnknownCount,
             .kind = FactKind::kFailedRun});
        AddGap(FactKind::kBlind, "truncated");
        Add({.at = at,
             .project = "db",
             .format = "segments",
             .run = "c1",
             .existing = 50,
             .written = 45,
             .detail =
                 R"({"kind":"compaction","inputs":["1"],"outputs":[{"segment":"2","records":45}],)"
                 R"("input_records":50,"output_records":45})",
             .log = 2,
             .source = 1});
        break;
      case 3:
        Add({.at = at, .run = "6", .batch = "b", .existing = 62, .fresh = 5, .written = 67});
        Add({.at = At("11:30:00"),
             .run = "2b",
             .existing = 62,
             .fresh = 1,
             .written = 63,
             .log = 3});
        Add({.at = at,
             .project = "db",
             .format = "segments",
             .kind = FactKind::kSegmentsDeleted,
             .detail = R"({"segments":["2"],"reason":"unmerged"})",
             .log = 2,
             .source = 1});
        break;
      case 4:
        AddPermit(at, "p1",
                  R"({"kind":"decrease","events":7,"expires_at":"2016-02-22T15:30:00Z"})");
        AddPermit(at, "p2", R"({"kind":"decrease","events":4})");
        AddPermit(at, "p3", R"({"kind":"rehomed","events":9})", "data-2");
        AddPermit(at, "p4", R"({"kind":"move"})");
        Add({.at = at,
             .run = "a1",
             .version = "",
             .kind = FactKind::kAnnotation,
             .detail = R"({"text":"hm"})",
             .log = 0,
             .source = -1});
        Add({.at = at,
             .project = "",
             .format = "",
             .run = "d1",
             .version = "3",
             .kind = FactKind::kDeploy,
             .detail = "{}",
             .log = 0,
             .source = -1});
        Add({.at = at,
             .project = "started",
             .run = "s",
             .written = kUnknownCount,
             .kind = FactKind::kStartedRun});
        break;
      case 5:
        Add({.at = At("16:00:00"), .run = "7", .existing = 50, .written = 50});
        AddRecount(At("16:30:00"), 49);
        break;
      default:
        Add({.at = "2016-02-24T1" + std::to_string(round) + ":00:00Z",
             .run = run,
             .existing = 3,
             .written = 3});
        break;
    }
  }
  static constexpr int kRounds = 9;
};

// Read ranges are left out: a process begins new ones.
const std::vector<const char*> kTables = {"name",     "fact",    "balance", "segment",
                                          "gap",      "output",  "tally",   "lossy",
                                          "open_run", "waiting", "permit",  "alert"};

// In the order of their keys: those without a number of their own have no other.
std::string Tables(LedgerFixture& ledger) {
  std::string text;
  for (const char* table : kTables) {
    text += std::string(table) + "\n" + ledger.Rows(std::string("SELECT * FROM ") + table);
  }
  return text;
}

}  // namespace

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

TEST_CASE("a backfill that is killed after any commit goes on as if it had not been", "[ledger]") {
  Everything whole;
  whole.OpenNewBulk();
  for (int round = 0; round < Everything::kRounds; ++round) {
    whole.Fill(round);
    whole.Commit();
  }
  REQUIRE(whole.ledger->FinishBulk());
  const std::string expected = Tables(whole);
  for (int killed_after = 0; killed_after < Everything::kRounds; ++killed_after) {
    CAPTURE(killed_after);
    Everything killed;
    killed.OpenNewBulk();
    for (int round = 0; round < Everything::kRounds; ++round) {
      killed.Fill(round);
      killed.Commit();
      // Balances that were still in memory are gone; they are booked again.
      if (round == killed_after) killed.Open(true);
    }
    REQUIRE(killed.ledger->FinishBulk());
    CHECK(Tables(killed) == expected);
  }
}

TEST_CASE("a backfill and commits one by one leave the same ledger", "[ledger]") {
  Everything bulk, live;
  bulk.OpenNewBulk();
  live.OpenNewBulk();
  live.Open(false);
  for (int round = 0; round < Everything::kRounds; ++round) {
    bulk.Fill(round);
    bulk.AddPositions();
    REQUIRE(bulk.ledger->CommitBeside(std::exchange(bulk.batch, {})));
    live.Fill(round);
    live.Commit();
    live.Open(false);  // and nothing hangs on what is kept in memory
  }
  REQUIRE(bulk.ledger->FinishBulk());
  CHECK(Tables(bulk) == Tables(live));
}

TEST_CASE("everything else is made again from the facts alone", "[ledger]") {
  Everything ledger;
  ledger.OpenNewBulk();
  ledger.OpenWithRules();
  for (int round = 0; round < Everything::kRounds; ++round) {
    ledger.Fill(round);
    ledger.Commit();
  }
  ledger.ledger.reset();
  const std::string path = ledger.directory / "ledger.db";
  CHECK(CheckLedger(path).value().empty());
  const std::string again = ledger.directory / "again.db";
  Config other;  // sources and formats are as the ledger names them
  const auto findings = CheckRebuild(path, again, other, *ledger.engine);
  REQUIRE(findings);
  for (const std::string& finding : *findings) FAIL_CHECK(finding);
  // Alerts, too, where the rules are the same; ids are those of their order.
  LedgerFixture rebuilt;
  rebuilt.ledger.reset();
  for (const char* name : {"ledger.db", "ledger.db-wal", "ledger.db-shm"}) {
    std::filesystem::remove(rebuilt.directory / name);
  }
  std::filesystem::copy_file(again, rebuilt.directory / "ledger.db");
  const std::string alerts =
      "SELECT rule, severity, state, cause, version, previous_version, incident, server, project, "
      "day, format, starts_at, ends_at, evidence FROM alerts ORDER BY id";
  CHECK(ledger.Rows(alerts) != "");
  CHECK(rebuilt.Rows(alerts) == ledger.Rows(alerts));
  CHECK(rebuilt.Rows("SELECT * FROM fact ORDER BY seq") ==
        ledger.Rows("SELECT * FROM fact ORDER BY seq"));
}

TEST_CASE("a ledger whose first batches held no facts is whole", "[ledger]") {
  LedgerFixture ledger;
  LogPosition position;
  position.log = 9;
  position.source = 0;
  position.to = 100;
  ledger.batch.positions = {position};
  ledger.batch.observed_at = ParseTime(At("12:00:00")).value();
  REQUIRE(ledger.ledger->Commit(std::exchange(ledger.batch, {})));
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.ledger.reset();
  CHECK(CheckLedger(ledger.directory / "ledger.db").value().empty());
}

TEST_CASE("a commit of unknown outcome is known by the positions that moved", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("13:00:00"), .run = "2", .existing = 100, .written = 100, .log = 2});
  ledger.Add({.at = At("14:00:00"), .run = "3", .existing = 100, .fresh = 5, .written = 105});
  ledger.AddGap(FactKind::kQuarantined, "not json");
  ledger.AddPositions();
  LogPosition finished;  // another log was only found to be read to its end
  finished.log = 2;
  finished.source = 0;
  finished.from = finished.to = 100;
  finished.finished = true;
  ledger.batch.positions.push_back(finished);
  REQUIRE(ledger.ledger->Commit(ledger.batch));
  const auto again = ledger.ledger->Commit(ledger.batch);
  REQUIRE(again);
  CHECK(again->facts == 0);
  CHECK(ledger.Query("SELECT count(*) FROM runs") == "3");
  CHECK(ledger.Query("SELECT count(*) FROM blind_intervals") == "1");
}

TEST_CASE("a blind interval of a batch that read nothing is recorded once", "[ledger]") {
  LedgerFixture ledger;
  Fact fact;
  fact.kind = FactKind::kBlind;
  fact.source = 0;
  fact.detail = ledger.batch.Add(R"({"reason":"unreadable","to":"2016-02-22T12:00:00.001Z"})");
  ledger.batch.facts = {fact};
  REQUIRE(ledger.ledger->Commit(ledger.batch));
  REQUIRE(ledger.ledger->Commit(ledger.batch));
  CHECK(ledger.Query("SELECT count(*) FROM blind_intervals") == "1");
  ledger.batch.facts[0].detail =
      ledger.batch.Add(R"({"reason":"unreadable","to":"2016-02-22T12:05:00.001Z"})");
  REQUIRE(ledger.ledger->Commit(ledger.batch));
  CHECK(ledger.Query("SELECT count(*) FROM blind_intervals") == "2");
}

TEST_CASE("a commit that fails leaves nothing behind, and the same batch can come again",
          "[ledger]") {
  Everything ledger, spared;
  ledger.Open();
  spared.Open();
  for (int round = 0; round < Everything::kRounds; ++round) {
    ledger.Fill(round);
    ledger.AddPositions();
    Batch refused = ledger.batch;
    LogPosition impossible;
    impossible.log = 99;
    impossible.source = 0;
    impossible.from = 50;
    impossible.to = 60;
    refused.positions.push_back(impossible);
    REQUIRE_FALSE(ledger.ledger->Commit(refused));
    REQUIRE(ledger.ledger->Commit(std::exchange(ledger.batch, {})));
    spared.Fill(round);
    spared.Commit();
  }
  CHECK(Tables(ledger) == Tables(spared));
}

TEST_CASE("a ledger of a newer version, a foreign file and a directory are refused by name",
          "[ledger]") {
  LedgerFixture ledger;
  ledger.ledger.reset();
  const std::string newer = ledger.directory / "ledger.db";
  {
    auto database = Database::Open(newer, Database::Mode::kReadWrite);
    REQUIRE(database);
    database->Execute("PRAGMA user_version = 99");
  }
  CHECK(Says(WhyNot(ledger, newer), "ledger.db: the ledger is of a newer version (schema 99"));
  const std::string foreign = ledger.directory / "foreign.db";
  {
    auto database = Database::Open(foreign, Database::Mode::kCreate);
    REQUIRE(database);
    database->Execute("CREATE TABLE t(x); INSERT INTO t VALUES (7)");
  }
  CHECK(Says(WhyNot(ledger, foreign), "foreign.db: not a rollcall ledger; nothing was changed"));
  {
    auto database = Database::Open(foreign, Database::Mode::kReadOnly);
    CHECK(database->Prepare("PRAGMA journal_mode").Bind({}).Step());
  }
  std::ofstream(ledger.directory / "text.db") << "compaction logs are text, a ledger is not";
  CHECK(Says(WhyNot(ledger, ledger.directory / "text.db"), "text.db"));
  CHECK(WhyNot(ledger, ledger.directory / "text.db") != "opened");
  CHECK(WhyNot(ledger, ledger.directory / "nowhere/ledger.db") != "opened");
}

TEST_CASE("a ledger that somebody else holds locked is an error, not a wait", "[ledger]") {
  LedgerFixture ledger;
  ledger.ledger.reset();
  auto holder = Database::Open(ledger.directory / "ledger.db", Database::Mode::kReadWrite);
  REQUIRE(holder);
  holder->Execute("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; CREATE TABLE held(x)");
  REQUIRE(holder->Check());
  CHECK(Says(WhyNot(ledger, ledger.directory / "ledger.db"), "locked"));
}

TEST_CASE("a head file without its bytes is no reason to refuse a ledger", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  for (const std::string& content : {std::string(), std::string(119, '\0')}) {
    ledger.ledger.reset();
    std::ofstream(ledger.directory / "ledger.db.head", std::ios::trunc) << content;
    ledger.Open();
  }
  ledger.ledger.reset();
  std::ofstream(ledger.directory / "ledger.db.head", std::ios::trunc) << "garbage";
  CHECK(Says(WhyNot(ledger, ledger.directory / "ledger.db"), "ledger.db.head: not a ledger head"));
}

TEST_CASE("another user reads the ledger while it is being written", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  REQUIRE(chmod((ledger.directory / "").c_str(), 0755) == 0);
  int go[2], ready[2];
  REQUIRE(pipe(go) == 0);
  REQUIRE(pipe(ready) == 0);
  const pid_t child = fork();
  if (child == 0) {
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(2);
    auto view = LedgerView::Open(ledger.directory / "ledger.db");
    if (!view || view->HeadSeq().value_or(0) != 1) _exit(3);
    char byte = 'r';
    if (write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1) _exit(4);
    _exit(view->HeadSeq().value_or(0) == 2 ? 0 : 5);
  }
  char byte = 0;
  CHECK(read(ready[0], &byte, 1) == 1);
  ledger.Commit({.at = At("13:00:00"), .run = "2", .existing = 100, .written = 100});
  CHECK(write(go[1], &byte, 1) == 1);
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 0);
  for (const int fd : {go[0], go[1], ready[0], ready[1]}) close(fd);
}
