#include "tests/ledger_fixture.h"

// compaction_overdue for data that waits: no run of its partition has finished since one failed or
// was merely started.

namespace {

TestRun Failed(const std::string& at, const std::string& run) {
  return {.at = at,
          .run = run,
          .existing = kUnknownCount,
          .fresh = kUnknownCount,
          .written = kUnknownCount,
          .kind = FactKind::kFailedRun};
}
TestRun Started(const std::string& at, const std::string& run) {
  TestRun started = Failed(at, run);
  started.kind = FactKind::kStartedRun;
  return started;
}
TestRun Finished(const std::string& at, const std::string& run) {
  return {.at = at, .run = run, .existing = 100, .written = 100};
}

struct WaitingLedger : LedgerFixture {
  explicit WaitingLedger(std::optional<std::chrono::milliseconds> waiting_after = std::nullopt) {
    config.rules["compaction_overdue"].waiting_after = waiting_after;
    OpenWithRules();
    Commit({.at = At("11:00:00"), .run = "0", .fresh = 100, .written = 100});
  }
  // Alerts there are at that time, oldest first: cause and state.
  std::string Alerts(const std::string& now) {
    REQUIRE(ledger->Tick(ParseTime(now).value()));
    return Rows("SELECT cause, state FROM alerts WHERE rule = 'compaction_overdue' ORDER BY id");
  }
};

constexpr const char* kFiring = "fresh_data_waits|firing|\n";
constexpr const char* kResolved = "fresh_data_waits|resolved|\n";

}  // namespace

TEST_CASE("data of a run that failed is overdue after 36 hours", "[ledger]") {
  WaitingLedger ledger;
  ledger.Commit(Failed(At("12:00:00"), "1"));
  CHECK(ledger.Alerts("2016-02-23T23:59:59.999Z").empty());
  CHECK(ledger.Alerts("2016-02-24T00:00:00Z") == kFiring);
  CHECK(ledger.Alerts("2016-02-24T00:00:01Z") == kFiring);
  CHECK(ledger.Query("SELECT severity FROM alerts") == "warning");
  CHECK(ledger.Query("SELECT evidence FROM alerts") ==
        R"({"first_run":"1","first_version":"1","waiting_since":"2016-02-22T12:00:00.000Z",)"
        R"("waiting_after_seconds":129600})");
}

TEST_CASE("a run that finishes ends the wait, before it is overdue and after", "[ledger]") {
  WaitingLedger ledger;
  ledger.Commit(Failed(At("12:00:00"), "1"));
  ledger.Commit(Finished(At("13:00:00"), "2"));
  CHECK(ledger.Alerts("2016-03-01T00:00:00Z").empty());
  ledger.Commit(Failed("2016-03-01T00:00:00Z", "3"));
  CHECK(ledger.Alerts("2016-03-02T12:00:00Z") == kFiring);
  ledger.Commit(Finished("2016-03-02T13:00:00Z", "4"));
  CHECK(ledger.Alerts("2016-03-02T13:00:00Z") == kResolved);
  CHECK(ledger.Alerts("2016-04-01T00:00:00Z") == kResolved);
}

TEST_CASE("runs that fail again neither begin the wait anew nor end its alert", "[ledger]") {
  WaitingLedger ledger;
  for (const char* hour : {"12", "16", "20"}) {
    ledger.Commit(Failed(At(hour + std::string(":00:00")), hour));
  }
  CHECK(ledger.Alerts("2016-02-24T00:00:00Z") == kFiring);
  ledger.Commit(Failed("2016-02-24T01:00:00Z", "24"));
  CHECK(ledger.Alerts("2016-02-24T01:00:01Z") == kFiring);
  ledger.Commit(Started("2016-02-24T02:00:00Z", "25"));
  ledger.Commit(Failed("2016-02-24T02:30:00Z", "25"));
  CHECK(ledger.Alerts("2016-02-24T02:30:00Z") == kFiring);
}

TEST_CASE("a started run of which nothing more is said is one alert", "[ledger]") {
  WaitingLedger ledger;
  ledger.Commit(Started(At("12:00:00"), "1"));
  CHECK(ledger.Alerts(At("18:00:00")) == "started_without_end|firing|\n");
  const std::string evidence = ledger.Query("SELECT evidence FROM alerts");
  CHECK(ledger.Alerts("2016-02-25T00:00:00Z") == "started_without_end|firing|\n");
  CHECK(ledger.Query("SELECT evidence FROM alerts") == evidence);
}

TEST_CASE("a run that fails late ends as a run, while its data goes on waiting", "[ledger]") {
  WaitingLedger ledger;
  ledger.Commit(Started(At("12:00:00"), "1"));
  CHECK(ledger.Alerts("2016-02-24T03:00:00Z") == "started_without_end|firing|\n");
  ledger.Commit(Failed("2016-02-24T04:00:00Z", "1"));
  CHECK(ledger.Alerts("2016-02-24T04:00:00Z") ==
        "started_without_end|resolved|\nfresh_data_waits|firing|\n");
}

TEST_CASE("runs without an id that are started over and over make their data overdue", "[ledger]") {
  WaitingLedger ledger;
  for (int hour = 0; hour < 40; hour += 4) {
    const Time at = ParseTime(At("12:00:00")).value() + std::chrono::hours(hour);
    ledger.Commit(Started(FormatTime(at), ""));
  }
  CHECK(ledger.Alerts("2016-02-24T01:00:00Z") == kFiring);
}

TEST_CASE("how long data may wait is configured", "[ledger]") {
  WaitingLedger ledger(std::chrono::hours(2));
  ledger.Commit(Failed(At("12:00:00"), "1"));
  CHECK(ledger.Alerts(At("13:59:59")).empty());
  CHECK(ledger.Alerts(At("14:00:00")) == kFiring);
}

TEST_CASE("a wait outlives a restart", "[ledger]") {
  WaitingLedger ledger;
  ledger.Commit(Failed(At("12:00:00"), "1"));
  ledger.Open();
  CHECK(ledger.Alerts("2016-02-24T00:00:00Z") == kFiring);
  ledger.Open();
  ledger.Commit(Finished("2016-02-24T01:00:00Z", "2"));
  CHECK(ledger.Alerts("2016-02-24T01:00:00Z") == kResolved);
}

TEST_CASE("a run found late that finished before the failure ends no wait", "[ledger]") {
  WaitingLedger ledger;
  ledger.Commit(Failed(At("12:00:00"), "2"));
  REQUIRE(ledger.Alerts("2016-02-24T00:00:00Z") == kFiring);
  TestRun before = Finished(At("11:30:00"), "1");
  before.log = 2;
  ledger.Commit(before);
  CHECK(ledger.Alerts("2016-02-24T00:00:01Z") == kFiring);
  TestRun after = Finished(At("12:30:00"), "3");
  after.log = 2;
  ledger.Commit(after);
  CHECK(ledger.Alerts("2016-02-24T00:00:02Z") == kResolved);
  CHECK(ledger.Query("SELECT count(*) FROM waiting") == "0");
}

TEST_CASE("a failure found late waits only if nothing finished after it", "[ledger]") {
  WaitingLedger ledger;
  ledger.Commit(Finished(At("13:00:00"), "2"));
  ledger.Commit(Failed(At("15:00:00"), "4"));
  for (const char* at : {"12:00:00", "14:00:00"}) {
    TestRun late = Failed(At(at), at);
    late.log = 2;
    ledger.Commit(late);
  }
  CHECK(ledger.Query("SELECT since FROM waiting") ==
        std::to_string(ParseTime(At("14:00:00")).value().time_since_epoch().count()));
}

TEST_CASE("a clock of the future does not hide a wait", "[ledger]") {
  WaitingLedger ledger;
  ledger.Commit(Failed("2038-01-19T03:14:07Z", "1"));
  CHECK(ledger.Alerts("2016-02-24T12:00:00Z") == kFiring);  // read on the 23rd
}

TEST_CASE("a failure that names no format waits for a run of any", "[ledger]") {
  WaitingLedger ledger;
  TestRun failed = Failed(At("12:00:00"), "1"), started = Started(At("11:59:00"), "1");
  failed.format = started.format = "";
  ledger.Commit(started);
  ledger.Commit(failed);
  REQUIRE(ledger.Alerts("2016-02-24T00:00:00Z") == kFiring);
  ledger.Commit(Finished("2016-02-24T01:00:00Z", "2"));
  CHECK(ledger.Alerts("2016-02-24T01:00:00Z") == kResolved);
  // Found late: of before that run.
  failed = Failed(At("20:00:00"), "late");
  started = Started(At("20:00:00"), "late");
  failed.format = started.format = "";
  failed.log = started.log = 2;
  ledger.Commit(started);
  ledger.Commit(failed);
  CHECK(ledger.Alerts("2016-03-24T01:00:00Z") == kResolved);
}

TEST_CASE("a start that names no format ends with the run in any", "[ledger]") {
  WaitingLedger ledger;
  TestRun started = Started(At("12:00:00"), "1");
  started.format = "";
  ledger.Commit(started);
  ledger.Commit(Finished(At("12:30:00"), "1"));
  CHECK(ledger.Alerts("2016-03-24T01:00:00Z").empty());
}

TEST_CASE("nothing waits past its retention, nor where it no longer lives", "[ledger]") {
  WaitingLedger ledger;
  CanonicalFilesConfig row;
  row.format = "row";
  row.retention = std::chrono::hours(24 * 10);
  SECTION("retention") {
    ledger.config.canonical_files = {row};
    ledger.Open();
    ledger.Commit(Failed(At("12:00:00"), "1"));
    ledger.Commit(Started(At("12:00:00"), "2"));
    REQUIRE(ledger.Alerts("2016-03-01T00:00:00Z") == "started_without_end|firing|\n");
    REQUIRE(ledger.Alerts("2016-03-04T00:00:00Z") == "started_without_end|resolved|\n");
    CHECK(ledger.Alerts("2016-03-04T00:00:01Z") == "started_without_end|resolved|\n");
  }
  SECTION("re-homed") {
    ledger.Commit(Failed(At("12:00:00"), "1"));
    REQUIRE(ledger.Alerts("2016-02-24T00:00:00Z") == kFiring);
    ledger.CommitPermit("2016-02-24T01:00:00Z", "p", R"({"kind":"rehomed_away"})");
    CHECK(ledger.Alerts("2016-02-24T01:00:01Z") == kResolved);
  }
}

TEST_CASE("a segment that was not merged does not wait", "[ledger]") {
  WaitingLedger ledger;
  ledger.config.compaction_logs[0].shape = Shape::kSegments;
  ledger.Open();
  ledger.Commit(Failed(At("12:00:00"), "1"));
  CHECK(ledger.Alerts("2016-03-24T00:00:00Z").empty());
}

TEST_CASE("a commit that fails takes its waits with it", "[ledger]") {
  WaitingLedger ledger;
  ledger.Add(Failed(At("12:00:00"), "1"));
  ledger.AddPositions();
  ledger.batch.positions[0].from += 50;
  CHECK_FALSE(ledger.ledger->Commit(ledger.batch));
  CHECK(ledger.Alerts("2016-03-24T00:00:00Z").empty());
  ledger.batch.positions[0].from -= 50;
  REQUIRE(ledger.ledger->Commit(ledger.batch));
  CHECK(ledger.Alerts("2016-03-24T00:00:00Z") == kFiring);
}
