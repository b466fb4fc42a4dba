#include "tests/ledger_fixture.h"

// DESIGN section 3, "Formats derived from one read": a format with `reads` inherits the cause that
// its base shows for the same run, whatever comes first.

namespace {

struct TwoFormats : LedgerFixture {
  TwoFormats() {
    CanonicalFilesConfig columnar;
    columnar.format = "columnar";
    columnar.reads = "row";
    config.canonical_files = {columnar};
    Open();
  }
  // Run 1 writes 100 rows and 100 columns; run 2 reads `existing`.
  TestRun Row(int64_t existing, int64_t written) const {
    return {.at = At("14:00:00"), .run = "2", .existing = existing, .fresh = 7, .written = written};
  }
  TestRun Columnar(int64_t existing, int64_t written) const {
    TestRun run = Row(existing, written);
    run.format = "columnar";
    return run;
  }
  void Begin(int64_t rows, int64_t columns) {
    Add({.run = "1", .fresh = 100, .written = rows});
    Add({.format = "columnar", .run = "1", .fresh = 100, .written = columns});
    Commit();
  }
  std::string Cause(const std::string& format) { return Run("cause", "2", format); }
};

}  // namespace

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

TEST_CASE("a store whose log names no format has one all the same, called -", "[ledger]") {
  LedgerFixture ledger;
  ledger.OpenWithRules();
  ledger.Commit({.format = "", .run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("14:00:00"), .format = "", .run = "2", .fresh = 3, .written = 3});
  CHECK(ledger.Query("SELECT format || missing || verdict FROM balances") == "-100firing");
  CHECK(ledger.Query("SELECT format || lost FROM losses") == "-100");
  CHECK(ledger.Query("SELECT format FROM alerts WHERE rule = 'count_drop'") == "-");
}

TEST_CASE("reads decides the cause alone, not how much is lost", "[ledger]") {
  TwoFormats ledger;
  ledger.Begin(100, 120);  // the columns hold more than the rows they are read from
  ledger.Add(ledger.Row(100, 107));
  ledger.Add(ledger.Columnar(100, 107));
  ledger.Commit();
  // 20 columns are gone that the merge never could read: it read all there were to read.
  CHECK(ledger.Balance("missing", "row") == "0");
  CHECK(ledger.Balance("missing", "columnar") == "20");
  CHECK(ledger.Cause("columnar") == "dropped_in_merge");
}

TEST_CASE("a format has its configuration also after a commit that failed", "[ledger]") {
  TwoFormats ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  // The new name of this commit, asked for by its loss, is the next one's after it was undone.
  ledger.Add({.format = "other", .run = "1", .fresh = 100, .written = 100, .log = 9});
  ledger.Add({.at = At("13:00:00"), .format = "other", .run = "2", .written = 0, .log = 9});
  LogPosition impossible;
  impossible.log = 99;
  impossible.source = 0;
  impossible.from = 50;
  impossible.to = 60;
  ledger.batch.positions = {impossible};
  REQUIRE_FALSE(ledger.ledger->Commit(std::exchange(ledger.batch, {})));
  ledger.Add({.format = "columnar", .run = "1", .fresh = 100, .written = 90});
  ledger.Add(ledger.Row(90, 50));
  ledger.Add(ledger.Columnar(90, 50));
  ledger.Commit();
  CHECK(ledger.Cause("row") == "existing_not_read");
  CHECK(ledger.Cause("columnar") == "existing_not_read");
}

TEST_CASE("a cause is inherited also where the line of the base comes second", "[ledger]") {
  for (const bool one_batch : {true, false}) {
    TwoFormats ledger;
    ledger.Begin(100, 7);
    ledger.Add(ledger.Columnar(0, 0));
    if (!one_batch) {
      ledger.Commit();
      CHECK(ledger.Cause("columnar") == "existing_not_read");  // its own 7 were not read
      ledger.Open();  // what waits for its base is remembered
    }
    ledger.Add(ledger.Row(0, 7));
    ledger.Commit();
    CHECK(ledger.Balance("missing", "columnar") == "107");  // 93 dropped by run 1, then 14
    CHECK(ledger.Cause("columnar") == "existing_not_read");
  }
}

TEST_CASE("a cause that the base corrects is corrected when the base's line is read", "[ledger]") {
  TwoFormats ledger;
  ledger.Begin(50, 100);
  ledger.Commit(ledger.Columnar(50, 57));
  CHECK(ledger.Cause("columnar") == "existing_not_read");  // 50 of its 100, as far as is known
  CHECK(ledger.Query("SELECT runs FROM lossy JOIN name ON id = cause WHERE text = "
                     "'existing_not_read'") == "1");
  ledger.Commit(ledger.Row(50, 57));
  CHECK(ledger.Cause("columnar") == "dropped_in_merge");  // all 50 rows were read
  CHECK(
      ledger.Query("SELECT coalesce(sum(runs), 0) FROM lossy JOIN name ON id = cause WHERE text = "
                   "'existing_not_read'") == "0");
  CHECK(ledger.Query("SELECT runs FROM lossy JOIN name ON id = cause WHERE text = "
                     "'dropped_in_merge' AND format = (SELECT id FROM name WHERE text = "
                     "'columnar')") == "1");
}

TEST_CASE("a late fact of the base corrects the cause of what reads from it", "[ledger]") {
  TwoFormats ledger;
  ledger.Begin(100, 100);
  ledger.Add(ledger.Row(60, 67));
  ledger.Add(ledger.Columnar(60, 67));
  ledger.Commit();
  CHECK(ledger.Cause("row") == "existing_not_read");
  CHECK(ledger.Cause("columnar") == "existing_not_read");
  // Between them 40 rows were deleted on request, as a log that is found later tells.
  ledger.Commit(
      {.at = At("13:00:00"), .run = "1b", .existing = 100, .deleted = 40, .written = 60, .log = 2});
  CHECK(ledger.Balance("missing", "row") == "0");
  CHECK(ledger.Balance("missing", "columnar") == "40");  // the columns were not, says the log
  CHECK(ledger.Cause("columnar") == "dropped_in_merge");
}

TEST_CASE("formats are compared within the same run only", "[ledger]") {
  TwoFormats ledger;
  ledger.Begin(100, 100);
  // Another run of the row format left fewer rows than the columnar run found.
  ledger.Commit({.at = At("13:00:00"), .run = "1b", .existing = 100, .deleted = 90, .written = 10});
  ledger.Commit({.at = At("14:00:00"),
                 .format = "columnar",
                 .run = "2",
                 .existing = 50,
                 .fresh = 0,
                 .written = 50});
  CHECK(ledger.Run("cause", "2", "columnar") == "existing_not_read");
}

TEST_CASE("without run ids lines of one moment are one run", "[ledger]") {
  TwoFormats ledger;
  ledger.Begin(50, 100);
  TestRun row = ledger.Row(50, 57), columnar = ledger.Columnar(50, 57);
  row.run = columnar.run = "";
  ledger.Add(row);
  ledger.Add(columnar);
  ledger.Commit();
  CHECK(ledger.Query("SELECT cause FROM losses WHERE format = 'columnar'") == "dropped_in_merge");
}

TEST_CASE("a run id that is used again means the run that is nearer in time", "[ledger]") {
  TwoFormats ledger;
  ledger.Begin(100, 100);
  ledger.Add(ledger.Row(100, 107));
  ledger.Add(ledger.Columnar(100, 100));  // drops its 7
  TestRun row = ledger.Row(0, 7), columnar = ledger.Columnar(0, 7);
  row.at = columnar.at = At("18:00:00");
  ledger.Add(row);
  ledger.Add(columnar);
  ledger.Commit();
  CHECK(ledger.Rows("SELECT at, cause FROM losses WHERE format = 'columnar' ORDER BY at") ==
        "2016-02-22T14:00:00.000Z|dropped_in_merge|\n"
        "2016-02-22T18:00:00.000Z|existing_not_read|\n");
}
