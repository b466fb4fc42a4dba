#include "monitor/ledger.h"

#include "tests/ledger_fixture.h"

// DESIGN section 3, "A finished rewrite run", its causes and "Written only", sentence by sentence,
// with numbers, through the ledger and its public views.

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

TEST_CASE("duplicates that cannot be are overstated and explain nothing", "[ledger]") {
  for (const int64_t duplicates : {105, 500}) {  // of 105
    LedgerFixture ledger;
    ledger.Commit({.run = "1", .fresh = 100, .written = 100});
    ledger.Commit({.at = At("14:00:00"),
                   .run = "2",
                   .existing = 100,
                   .fresh = 5,
                   .duplicates = duplicates,
                   .written = 0});
    CHECK(ledger.rules.runs.back().booking.overstated == duplicates);
    CHECK(ledger.Balance("missing") == "105");
    CHECK(ledger.Balance("surplus") == "0");
    CHECK(ledger.Balance("verdict") == "firing");
  }
}

TEST_CASE("late events may all be there already, in a part that the run did not read", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 5, .duplicates = 5, .written = 0});
  CHECK(ledger.Balance("missing") == "0");
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

TEST_CASE("net is what was not read and what was not written, in one", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  // before 100, unread 40, dropped 60 + 30 + 5 - 10 - 20 - 50 = 15
  ledger.Commit({.at = At("13:00:00"),
                 .run = "2",
                 .existing = 60,
                 .fresh = 30,
                 .recovered = 5,
                 .duplicates = 10,
                 .deleted = 20,
                 .written = 50});
  const Booking& booking = ledger.rules.runs.back().booking;
  CHECK(booking.before == 100);
  CHECK(booking.unread == 40);
  CHECK(booking.dropped == 15);
  CHECK(booking.lost == 55);
  CHECK(ledger.Balance("actual") == "50");
  CHECK(ledger.Balance("missing") == "55");
  CHECK(ledger.Balance("expected") == "105");
}

TEST_CASE("what was not read may be made up for by what was written too much", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("13:00:00"), .run = "2", .existing = 80, .fresh = 10, .written = 105});
  CHECK(ledger.Balance("missing") == "5");
  CHECK(ledger.Run("cause", "2") == "existing_not_read");
}

TEST_CASE("a run that read more than before and dropped more than that dropped it in the merge",
          "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("13:00:00"), .run = "2", .existing = 110, .written = 70});
  CHECK(ledger.Balance("missing") == "30");
  CHECK(ledger.Run("cause", "2") == "dropped_in_merge");
}

TEST_CASE("a failed run does not hide a loss from the next one", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .version = "2.6.9", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("12:30:00"),
                 .run = "2",
                 .version = "2.7.0",
                 .existing = 0,
                 .written = kUnknownCount,
                 .kind = FactKind::kFailedRun});
  ledger.Commit({.at = At("13:00:00"), .run = "3", .version = "2.7.0", .fresh = 7, .written = 7});
  CHECK(ledger.Balance("missing") == "100");
  // The failed run wrote nothing: what was not read is of the version before it.
  CHECK(ledger.rules.runs.back().previous_version == "2.6.9");
}

TEST_CASE("no more is put back than shows as more existing than before", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("13:00:00"), .run = "2", .fresh = 7, .written = 7});
  // 30 more than before are read, 50 more than expected are written: the other 20 are no events
  // that were missing.
  ledger.Commit({.at = At("14:00:00"), .run = "3", .existing = 37, .written = 57});
  CHECK(ledger.Balance("missing") == "70");
  CHECK(ledger.Balance("surplus") == "20");
}

TEST_CASE("no more is put back than the run wrote too much", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("13:00:00"), .run = "2", .fresh = 7, .written = 7});
  // 30 more are read, but 20 of what was read is not written.
  ledger.Commit({.at = At("14:00:00"), .run = "3", .existing = 37, .written = 17});
  CHECK(ledger.Balance("missing") == "90");
  CHECK(ledger.Balance("surplus") == "0");
}

TEST_CASE("what is missing never falls below nothing", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("13:00:00"), .run = "2", .existing = 90, .written = 90});
  ledger.Commit(
      {.at = At("14:00:00"), .run = "3", .existing = 90, .recovered = 500, .written = 590});
  CHECK(ledger.Balance("missing") == "0");
  ledger.Commit({.at = At("15:00:00"), .run = "4", .existing = 640, .written = 640});
  CHECK(ledger.Balance("missing") == "0");
  CHECK(ledger.Balance("surplus") == "50");
}

TEST_CASE("restoring beside the canonical path changes nothing", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("13:00:00"), .run = "2", .fresh = 7, .written = 7});
  // Runs go on reading what is at the canonical path.
  ledger.Commit({.at = At("14:00:00"), .run = "3", .existing = 7, .fresh = 1, .written = 8});
  CHECK(ledger.Balance("missing") == "100");
}

TEST_CASE("a recount that shows the events back takes them off what is missing", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("13:00:00"), .run = "2", .fresh = 7, .written = 7});
  ledger.Commit({.at = At("14:00:00"),
                 .run = "c1",
                 .existing = kUnknownCount,
                 .fresh = kUnknownCount,
                 .written = 67,
                 .kind = FactKind::kRecount});
  CHECK(ledger.Balance("actual") == "67");
  CHECK(ledger.Balance("missing") == "40");
  ledger.Commit({.at = At("15:00:00"),
                 .run = "c2",
                 .existing = kUnknownCount,
                 .fresh = kUnknownCount,
                 .written = 120,
                 .kind = FactKind::kRecount});
  CHECK(ledger.Balance("missing") == "0");
  CHECK(ledger.Balance("surplus") == "0");
  CHECK(ledger.Balance("actual") == "120");
}

TEST_CASE("rows counted in the file that are fewer than written disagree with it", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("14:00:00"),
                 .run = "c1",
                 .existing = kUnknownCount,
                 .fresh = kUnknownCount,
                 .written = 97,
                 .kind = FactKind::kRecount});
  CHECK(ledger.Balance("missing") == "3");
  CHECK(ledger.Query("SELECT cause FROM timeline WHERE kind = 'recount'") == "file_disagrees");
}

TEST_CASE("a deletion explains what was read and is fresh, less duplicates", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  // In hand: 100 + 20 - 5 = 115, all deleted.
  ledger.Commit({.at = At("13:00:00"),
                 .run = "2",
                 .existing = 100,
                 .fresh = 20,
                 .duplicates = 5,
                 .deleted = 115,
                 .written = 0});
  CHECK(ledger.rules.runs.empty());  // nothing remarkable
  CHECK(ledger.Balance("missing") == "0");
  CHECK(ledger.Balance("actual") == "0");
  CHECK(ledger.Balance("verdict") == "clear");
}

TEST_CASE("explained shares warn above half of the input and a thousand events", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 2002, .written = 2002});
  ledger.Commit(
      {.at = At("13:00:00"), .run = "2", .existing = 2002, .deleted = 1001, .written = 1001});
  CHECK(ledger.rules.runs.empty());  // exactly half
  ledger.Commit(
      {.at = At("14:00:00"), .run = "3", .existing = 1001, .deleted = 1000, .written = 1});
  CHECK(ledger.rules.runs.empty());  // a thousand
  ledger.Commit({.at = At("15:00:00"),
                 .run = "4",
                 .existing = 1,
                 .fresh = 2000,
                 .duplicates = 1001,
                 .written = 1000});
  REQUIRE(ledger.rules.runs.size() == 1);
  CHECK(ledger.rules.runs.back().booking.large_share);
}

TEST_CASE("more than before after a deletion is an erasure undone", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("13:00:00"), .run = "2", .existing = 100, .deleted = 30, .written = 70});
  ledger.Commit({.at = At("14:00:00"), .run = "3", .existing = 100, .fresh = 1, .written = 101});
  CHECK(ledger.rules.runs.back().booking.came_back == 30);
  CHECK(ledger.rules.runs.back().booking.surplus == 30);
  CHECK(ledger.Balance("missing") == "0");
}

TEST_CASE("more than before without a deletion is a surplus and no erasure undone", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("14:00:00"), .run = "3", .existing = 130, .fresh = 1, .written = 131});
  CHECK(ledger.rules.runs.back().booking.came_back == 0);
  CHECK(ledger.rules.runs.back().booking.surplus == 30);
}

TEST_CASE("before, after, missing, lost and cause stand on the run", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("13:00:00"), .run = "2", .existing = 60, .fresh = 7, .written = 67});
  ledger.Commit({.at = At("14:00:00"), .run = "3", .existing = 67, .recovered = 15, .written = 82});
  CHECK(ledger.Rows("SELECT run, before, \"after\", lost, cause, missing FROM runs ORDER BY at") ==
        "1|0|100|0|NULL|0|\n"
        "2|100|67|40|existing_not_read|40|\n"
        "3|67|82|0|NULL|25|\n");
}

TEST_CASE("a loss that the next good version merely reveals names both versions", "[ledger]") {
  LedgerFixture ledger;
  ledger.OpenWithRules();
  ledger.Commit({.run = "1", .version = "2016.02.18-3", .fresh = 100, .written = 100});
  // The bad version reads the old place once more and writes elsewhere: nothing is lost yet.
  ledger.Commit({.at = At("13:00:00"),
                 .run = "2",
                 .version = "2016.02.22-1",
                 .existing = 100,
                 .fresh = 20,
                 .written = 120});
  // The good one is back and reads the old place, which lacks what the bad one wrote.
  ledger.Commit({.at = At("14:00:00"),
                 .run = "3",
                 .version = "2016.02.18-3",
                 .existing = 100,
                 .fresh = 5,
                 .written = 105});
  CHECK(ledger.Rows(
            "SELECT version, previous_version, cause FROM alerts WHERE rule = 'count_drop'") ==
        "2016.02.18-3|2016.02.22-1|existing_not_read|\n");
  CHECK(ledger.Balance("missing") == "20");
}

TEST_CASE("what was lost by a run that a retry took the place of is not its successor's",
          "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .version = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("13:00:00"),
                 .run = "2",
                 .batch = "b",
                 .version = "2",
                 .existing = 100,
                 .fresh = 10,
                 .written = 110});
  ledger.Commit({.at = At("13:01:00"),
                 .run = "3",
                 .batch = "b",
                 .version = "3",
                 .existing = 100,
                 .fresh = 10,
                 .written = 105});
  CHECK(ledger.Run("cause", "3") == "dropped_in_merge");
  CHECK(ledger.rules.runs.back().previous_version == "1");
}

TEST_CASE("the first run of a log without existing events found an unknown number", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .existing = kUnknownCount, .fresh = kUnknownCount, .written = 100});
  CHECK(ledger.Run("before", "1") == "NULL");
  CHECK(ledger.Run("existing", "1") == "NULL");
  CHECK(ledger.Balance("actual") == "100");
  CHECK(ledger.Balance("opening") == "unknown");
}

TEST_CASE("an increase of a log that gives written alone is no surplus and no credit", "[ledger]") {
  LedgerFixture ledger;
  for (const auto& [at, written] :
       {std::pair{At("12:00:00"), 100}, {At("13:00:00"), 150}, {At("14:00:00"), 140}}) {
    ledger.Commit({.at = at,
                   .run = at,
                   .existing = kUnknownCount,
                   .fresh = kUnknownCount,
                   .written = written});
  }
  CHECK(ledger.Balance("surplus") == "0");
  CHECK(ledger.Balance("missing") == "10");
  CHECK(ledger.Query("SELECT cause FROM losses") == "unexplained");
}

TEST_CASE("a log without fresh events cannot make up for what was not read", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .existing = 0, .fresh = kUnknownCount, .written = 100});
  ledger.Commit(
      {.at = At("13:00:00"), .run = "2", .existing = 0, .fresh = kUnknownCount, .written = 500});
  CHECK(ledger.Balance("missing") == "100");
  CHECK(ledger.Run("cause", "2") == "existing_not_read");
}
