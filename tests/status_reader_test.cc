#include "monitor/app/status_reader.h"

#include "tests/ledger_fixture.h"

// What /metrics says, read from a ledger.

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
