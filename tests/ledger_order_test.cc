#include <random>

#include "tests/ledger_fixture.h"

// DESIGN section 3, "Order" and "Fact keys": where a fact stands in its partition's chain, when it
// is known already, and what a retry is.

namespace {

// Runs that follow each other, `count` of them, each with one event more.
std::vector<TestRun> Series(int count) {
  std::vector<TestRun> runs;
  for (int i = 0; i < count; ++i) {
    runs.push_back({.at = FormatTime(ParseTime(At("10:00:00")).value() + std::chrono::minutes(i)),
                    .run = std::to_string(i),
                    .existing = i,
                    .fresh = 1,
                    .written = i + 1});
  }
  return runs;
}

std::string RunsInOrder(LedgerFixture& ledger) {
  // From the newest back along the chain, as readers go.
  return ledger.Query(
      "WITH RECURSIVE chain(seq, n) AS (SELECT last, 0 FROM balance UNION ALL SELECT previous, n + "
      "1 "
      "FROM chain JOIN fact USING (seq) WHERE previous IS NOT NULL) SELECT group_concat(run) FROM "
      "(SELECT run FROM chain JOIN fact USING (seq) ORDER BY n DESC)");
}

}  // namespace

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

TEST_CASE("within one log byte order is run order, whatever its clock says", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.at = At("12:00:00"), .run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("11:00:00"), .run = "2", .existing = 100, .fresh = 5, .written = 105});
  ledger.Commit({.at = At("11:30:00"), .run = "3", .existing = 105, .fresh = 5, .written = 110});
  CHECK(RunsInOrder(ledger) == "1,2,3");
  CHECK(ledger.Balance("actual") == "110");
  CHECK(ledger.Balance("missing") == "0");
  CHECK(ledger.Balance("surplus") == "0");
}

TEST_CASE("logged time orders between logs, in whatever order they are read", "[ledger]") {
  const std::vector<TestRun> series = Series(12);
  const uint32_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::string first;
  for (int round = 0; round < 6; ++round) {
    LedgerFixture ledger;
    std::vector<std::vector<TestRun>> logs(4);
    for (size_t i = 0; i < series.size(); ++i) {
      logs[i * 7 % 4].push_back(series[i]);
      logs[i * 7 % 4].back().log = static_cast<uint32_t>(i * 7 % 4 + 1);
    }
    // Each log's lines in their order, the logs in pieces and in any order.
    while (std::any_of(logs.begin(), logs.end(), [](const auto& log) { return !log.empty(); })) {
      auto& log = logs[random() % logs.size()];
      if (log.empty()) continue;
      ledger.Add(log.front());
      log.erase(log.begin());
      if (random() % 2) ledger.Commit();
    }
    ledger.Commit();
    CHECK(RunsInOrder(ledger) == "0,1,2,3,4,5,6,7,8,9,10,11");
    CHECK(ledger.Balance("missing") == "0");
    CHECK(ledger.Balance("surplus") == "0");
    const std::string derived = ledger.Derived();
    CHECK((first.empty() || derived == first));
    first = derived;
  }
}

TEST_CASE("a clock that was set back puts no other log's line between two lines", "[ledger]") {
  // Log 1 says 10:00, then 9:00 (set back); log 2 says 9:30.
  const std::vector<TestRun> lines = {
      {.at = At("10:00:00"), .run = "1", .fresh = 10, .written = 10},
      {.at = At("09:00:00"), .run = "2", .existing = 10, .fresh = 1, .written = 11},
      {.at = At("09:30:00"), .run = "3", .existing = 11, .fresh = 1, .written = 12, .log = 2}};
  for (const std::vector<size_t>& order : {std::vector<size_t>{0, 1, 2}, {2, 0, 1}, {0, 2, 1}}) {
    LedgerFixture ledger;
    for (const size_t line : order) ledger.Commit(lines[line]);
    CHECK(RunsInOrder(ledger) == "1,2,3");
    CHECK(ledger.Balance("missing") == "0");
    CHECK(ledger.Balance("surplus") == "0");
  }
}

TEST_CASE("late facts are counted, too, whatever their place", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.at = At("14:00:00"), .run = "3", .existing = 110, .fresh = 1, .written = 111});
  ledger.Add({.at = At("12:00:00"), .run = "1", .fresh = 100, .written = 100, .log = 2});
  ledger.Add({.at = At("12:30:00"),
              .run = "x",
              .existing = 100,
              .written = kUnknownCount,
              .kind = FactKind::kFailedRun,
              .log = 2});
  ledger.Add(
      {.at = At("13:00:00"), .run = "2", .existing = 100, .fresh = 10, .written = 110, .log = 2});
  ledger.Commit();
  CHECK(ledger.Rows("SELECT runs, failed, written, missing FROM tally") == "3|1|321|0|\n");
}

TEST_CASE("a late fact that explains a loss takes it back, with its alert and its count",
          "[ledger]") {
  LedgerFixture ledger;
  ledger.OpenWithRules();
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("14:00:00"), .run = "3", .version = "2", .existing = 60, .written = 60});
  CHECK(ledger.Query("SELECT state FROM alerts WHERE rule = 'count_drop'") == "firing");
  CHECK(ledger.Query("SELECT sum(runs) FROM lossy") == "1");
  ledger.Commit(
      {.at = At("13:00:00"), .run = "2", .existing = 100, .deleted = 40, .written = 60, .log = 2});
  CHECK(ledger.Balance("missing") == "0");
  CHECK(ledger.Run("lost", "3") == "0");
  CHECK(ledger.Run("cause", "3") == "NULL");
  CHECK(ledger.Query("SELECT state FROM alerts WHERE rule = 'count_drop'") == "resolved");
  CHECK(ledger.Query("SELECT sum(runs) FROM lossy") == "0");
  CHECK(ledger.Query("SELECT missing FROM tally") == "0");
}

TEST_CASE("a late fact that lost what a later one was blamed for gets its alert", "[ledger]") {
  LedgerFixture ledger;
  ledger.OpenWithRules();
  ledger.Commit({.run = "1", .version = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("14:00:00"), .run = "3", .version = "3", .existing = 60, .written = 60});
  CHECK(ledger.Query("SELECT version FROM alerts WHERE state = 'firing'") == "3");
  ledger.Commit(
      {.at = At("13:00:00"), .run = "2", .version = "2", .existing = 60, .written = 60, .log = 2});
  CHECK(ledger.Rows(
            "SELECT version, previous_version, starts_at FROM alerts WHERE state = 'firing'") ==
        "2|1|2016-02-22T13:00:00.000Z|\n");
  CHECK(ledger.Query("SELECT count(*) FROM alerts WHERE state = 'resolved'") == "1");  // history
  CHECK(ledger.Rows(
            "SELECT v.text, runs FROM lossy LEFT JOIN name v ON v.id = version WHERE runs <> 0") ==
        "2|1|\n");
}

TEST_CASE("a late fact opens no alert twice", "[ledger]") {
  LedgerFixture ledger;
  ledger.OpenWithRules();
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("14:00:00"), .run = "3", .existing = 60, .written = 60});
  ledger.Commit({.at = At("15:00:00"), .run = "4", .existing = 100, .written = 100});
  CHECK(ledger.Query("SELECT state FROM alerts") == "resolved");
  ledger.Commit({.at = At("11:00:00"), .run = "0", .fresh = 0, .written = 0, .log = 2});
  CHECK(ledger.Rows("SELECT state, starts_at, ends_at FROM alerts") ==
        "resolved|2016-02-22T14:00:00.000Z|2016-02-22T15:00:00.000Z|\n");
}

TEST_CASE("a loss that a late fact leaves standing fires since it began", "[ledger]") {
  LedgerFixture ledger;
  ledger.OpenWithRules();
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("13:00:00"), .run = "2", .existing = 55, .written = 55});
  ledger.Commit({.at = At("15:00:00"), .run = "4", .existing = 100, .written = 100});
  CHECK(ledger.Query("SELECT state FROM alerts WHERE rule = 'count_drop'") == "resolved");
  // Only 31 of the 45 were put back: the other 14 were fresh ones.
  ledger.Commit(
      {.at = At("14:00:00"), .run = "3", .existing = 55, .fresh = 14, .written = 69, .log = 2});
  CHECK(ledger.Balance("missing") == "14");
  // The history keeps that it had been called over.
  CHECK(ledger.Rows("SELECT state, starts_at, ends_at FROM alerts WHERE rule = 'count_drop'") ==
        "resolved|2016-02-22T13:00:00.000Z|2016-02-22T15:00:00.000Z|\n"
        "firing|2016-02-22T13:00:00.000Z|NULL|\n");
}

TEST_CASE("the key of a fact is its server, run, partition, counts and time", "[ledger]") {
  LedgerFixture ledger;
  const TestRun run{.run = "1", .fresh = 100, .written = 100};
  ledger.Commit(run);
  TestRun copy = run;
  copy.log = 2;  // another log says the same
  copy.version = "other";
  CHECK(ledger.Commit(copy).duplicate_facts == 1);
  for (const auto change :
       {+[](TestRun& other) { other.server = "data-2"; }, +[](TestRun& other) { other.run = "2"; },
        +[](TestRun& other) { other.project = "other"; },
        +[](TestRun& other) { other.day = "2016-02-21"; },
        +[](TestRun& other) { other.format = "columnar"; },
        +[](TestRun& other) { other.existing = 1; }, +[](TestRun& other) { other.fresh = 101; },
        +[](TestRun& other) { other.recovered = 1; }, +[](TestRun& other) { other.duplicates = 1; },
        +[](TestRun& other) { other.deleted = 1; }, +[](TestRun& other) { other.written = 99; },
        +[](TestRun& other) { other.at = At("12:00:00.001"); }}) {
    TestRun other = run;
    change(other);
    CHECK(ledger.Commit(other).facts == 1);
  }
}

TEST_CASE("a known fact is known also where its partition's clock went back", "[ledger]") {
  LedgerFixture ledger;
  const TestRun first{.at = At("12:00:00"), .run = "1", .fresh = 100, .written = 100};
  const TestRun second{.at = At("11:00:00"), .run = "2", .existing = 100, .written = 100};
  ledger.Commit(first);
  ledger.Commit(second);
  CHECK(ledger.Commit(first).duplicate_facts == 1);
  CHECK(ledger.Commit(second).duplicate_facts == 1);
  CHECK(ledger.Query("SELECT count(*) FROM runs") == "2");
}

TEST_CASE("a retry is one also where it found what the crashed run left", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  // Dropped all that was fresh; the retry does not.
  ledger.Commit({.at = At("13:00:00"),
                 .run = "2",
                 .batch = "b",
                 .existing = 100,
                 .fresh = 10,
                 .written = 100});
  CHECK(ledger.Balance("missing") == "10");
  ledger.Commit({.at = At("13:01:00"),
                 .run = "3",
                 .batch = "b",
                 .existing = 100,
                 .fresh = 10,
                 .written = 110});
  CHECK(ledger.Balance("missing") == "0");
  CHECK(ledger.Run("superseded", "2") == "1");
  CHECK(ledger.Run("lost", "2") == "0");
  CHECK(ledger.Run("missing", "2") == "0");
  CHECK(ledger.Query("SELECT sum(runs) FROM lossy") == "0");
}

TEST_CASE("a failed or started run between a crash and its retry changes nothing", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("13:00:00"),
                 .run = "2",
                 .batch = "b",
                 .existing = 100,
                 .fresh = 10,
                 .written = 110});
  ledger.Commit({.at = At("13:01:00"),
                 .run = "3",
                 .batch = "b",
                 .existing = 100,
                 .fresh = 10,
                 .written = kUnknownCount,
                 .kind = FactKind::kFailedRun});
  ledger.Commit(
      {.at = At("13:02:00"), .run = "4", .written = kUnknownCount, .kind = FactKind::kStartedRun});
  ledger.Commit({.at = At("13:03:00"),
                 .run = "4",
                 .batch = "b",
                 .existing = 100,
                 .fresh = 10,
                 .written = 110});
  CHECK(ledger.Balance("missing") == "0");
  CHECK(ledger.Balance("actual") == "110");
  CHECK(ledger.Run("superseded", "2") == "1");
}

TEST_CASE("a permit between a crash and its retry stays", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("13:00:00"),
                 .run = "2",
                 .batch = "b",
                 .existing = 100,
                 .fresh = 10,
                 .written = 110});
  ledger.CommitPermit(At("13:30:00"), "p", R"({"kind":"decrease","events":30})");
  ledger.Commit({.at = At("14:00:00"),
                 .run = "3",
                 .batch = "b",
                 .existing = 100,
                 .fresh = 10,
                 .written = 110});
  ledger.Commit({.at = At("15:00:00"), .run = "4", .existing = 75, .written = 75});
  CHECK(ledger.Balance("missing") == "5");
}

TEST_CASE("a retry that loses as the crashed run did loses the same events", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  const TestRun lossy{.at = At("13:00:00"), .run = "2", .batch = "b", .fresh = 5, .written = 5};
  ledger.Commit(lossy);
  TestRun retry = lossy;
  retry.at = At("13:01:00");
  retry.run = "3";
  ledger.Commit(retry);
  CHECK(ledger.Balance("missing") == "100");
  CHECK(ledger.Balance("actual") == "5");
  CHECK(ledger.Run("superseded", "2") == "1");
}

TEST_CASE("a second retry takes the place of the first", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  for (const char* run : {"2", "3", "4"}) {
    ledger.Commit({.at = At(std::string("13:0") + run + ":00"),
                   .run = run,
                   .batch = "b",
                   .existing = 100,
                   .fresh = 10,
                   .written = 110});
  }
  CHECK(ledger.Rows("SELECT run, superseded, before FROM runs ORDER BY at") ==
        "1|0|0|\n2|1|100|\n3|1|100|\n4|0|100|\n");
  CHECK(ledger.Balance("actual") == "110");
}

TEST_CASE("the same batch with other counts, or from another place, is no retry", "[ledger]") {
  const TestRun crashed{.at = At("13:00:00"),
                        .run = "2",
                        .batch = "b",
                        .existing = 100,
                        .fresh = 10,
                        .duplicates = 2,
                        .deleted = 1,
                        .written = 107};
  for (const auto change :
       {+[](TestRun& other) { other.fresh = 11; }, +[](TestRun& other) { other.duplicates = 3; },
        +[](TestRun& other) { other.deleted = 2; }, +[](TestRun& other) { other.existing = 50; },
        +[](TestRun& other) { other.batch = "c"; }, +[](TestRun& other) { other.batch = ""; }}) {
    LedgerFixture ledger;
    ledger.Commit({.run = "1", .fresh = 100, .written = 100});
    ledger.Commit(crashed);
    TestRun other = crashed;
    other.at = At("14:00:00");
    other.run = "3";
    change(other);
    ledger.Commit(other);
    CHECK(ledger.Run("superseded", "2") == "0");
    CHECK(ledger.Run("cause", "3") == "existing_not_read");
  }
}

TEST_CASE("what was retried in another life of the partition is nothing to this one", "[ledger]") {
  LedgerFixture ledger;
  CanonicalFilesConfig row;
  row.format = "row";
  row.retention = std::chrono::hours(24 * 30);
  ledger.config.canonical_files = {row};
  ledger.Open();
  for (const auto& [at, run] : {std::pair{"2016-03-01T12:00:00Z", "1"},
                                {"2016-04-01T12:00:00Z", "2"},
                                {"2016-04-02T12:00:00Z", "3"}}) {
    ledger.Commit({.at = at, .run = run, .batch = "b", .existing = 0, .fresh = 59, .written = 59});
  }
  CHECK(ledger.Rows("SELECT run, superseded, before FROM runs ORDER BY at") ==
        "1|0|0|\n2|1|0|\n3|0|0|\n");
  CHECK(ledger.Balance("actual") == "59");
}

TEST_CASE("runs of one moment in two logs stand in the order in which they read each other",
          "[ledger]") {
  for (const bool in_order : {true, false}) {
    LedgerFixture ledger;
    ledger.Commit({.at = At("09:00:00"), .project = "other", .run = "x", .written = 0});
    const TestRun first{.run = "1", .fresh = 100, .written = 100, .log = 2};
    const TestRun second{.run = "2", .existing = 100, .fresh = 5, .written = 105, .log = 3};
    ledger.Commit(in_order ? first : second);
    ledger.Commit(in_order ? second : first);
    CHECK(ledger.Balance("missing") == "0");
    CHECK(ledger.Balance("actual") == "105");
    CHECK(ledger.Query("SELECT count(*) FROM alerts WHERE state = 'firing'") == "0");
  }
}

TEST_CASE("a loss is a loss in whichever order runs of one moment are found", "[ledger]") {
  for (const bool in_order : {true, false}) {
    LedgerFixture ledger;
    ledger.Commit({.at = At("09:00:00"), .run = "0", .fresh = 50, .written = 50});
    const TestRun first{.run = "1", .existing = 50, .fresh = 50, .written = 100, .log = 2};
    const TestRun second{.run = "2", .existing = 0, .fresh = 5, .written = 5, .log = 3};
    ledger.Commit(in_order ? first : second);
    ledger.Commit(in_order ? second : first);
    CHECK(ledger.Balance("missing") == "100");
  }
}
