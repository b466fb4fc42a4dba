#include "tests/ledger_fixture.h"

// DESIGN section 3, "Opening" and "Gaps", sentence by sentence, with numbers.

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

TEST_CASE("a partition opens from a recount at the first scan", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "c1",
                 .existing = kUnknownCount,
                 .fresh = kUnknownCount,
                 .written = 300,
                 .kind = FactKind::kRecount});
  CHECK(ledger.Balance("actual") == "300");
  CHECK(ledger.Balance("opening") == "known");
  CHECK(ledger.Balance("verdict") == "clear");
  ledger.Commit({.at = At("13:00:00"), .run = "2", .existing = 280, .written = 280});
  CHECK(ledger.Balance("missing") == "20");
}

TEST_CASE("a recount makes an unknown beginning known", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.project = "other", .run = "1", .fresh = 1, .written = 1});
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.Commit({.at = At("13:00:00"), .run = "2", .fresh = 5, .written = 5});
  CHECK(ledger.Balance("opening") == "unknown");
  CHECK(ledger.Balance("verdict") == "unknown");
  ledger.Commit({.at = At("14:00:00"), .run = "3", .existing = 5, .fresh = 1, .written = 6});
  CHECK(ledger.Balance("verdict") == "unknown");  // consistent, but with what?
  ledger.Commit({.at = At("15:00:00"),
                 .run = "c1",
                 .existing = kUnknownCount,
                 .fresh = kUnknownCount,
                 .written = 6,
                 .kind = FactKind::kRecount});
  CHECK(ledger.Balance("verdict") == "clear");
}

TEST_CASE("a generation that appears without a run sets what is there once recounted", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("13:00:00"),
                 .run = "c1",
                 .existing = kUnknownCount,
                 .fresh = kUnknownCount,
                 .written = 130,
                 .kind = FactKind::kRecount});
  CHECK(ledger.Balance("actual") == "130");
  CHECK(ledger.Balance("surplus") == "0");
  ledger.Commit({.at = At("14:00:00"), .run = "2", .existing = 130, .written = 130});
  CHECK(ledger.Balance("verdict") == "clear");
}

TEST_CASE("existing equal to what was there bridges a gap", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.Commit({.at = At("14:00:00"), .run = "2", .existing = 100, .fresh = 1, .written = 101});
  CHECK(ledger.rules.runs.empty());
  CHECK(ledger.Balance("verdict") == "clear");
}

TEST_CASE("a recount equal to what was there bridges a gap, too", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.Commit();
  ledger.AddRecount(At("14:00:00"), 100);
  ledger.Commit();
  CHECK(ledger.Balance("verdict") == "clear");
  CHECK(ledger.Balance("missing") == "0");
}

TEST_CASE("a recount after a blind interval that shows less was lost in the gap", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.Commit();
  ledger.AddRecount(At("14:00:00"), 93);
  ledger.Commit();
  CHECK(ledger.Balance("missing") == "7");
  CHECK(ledger.Query("SELECT cause FROM timeline WHERE kind = 'recount'") == "lost_in_gap");
}

TEST_CASE("more after a gap is no sign that what was missing is back", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("13:00:00"), .run = "2", .fresh = 7, .written = 7});
  ledger.AddGap(FactKind::kBlind, "truncated");
  // Perhaps late events that nobody saw arrive.
  ledger.Commit({.at = At("14:00:00"), .run = "3", .existing = 107, .written = 107});
  CHECK(ledger.Balance("missing") == "100");
  CHECK(ledger.Balance("surplus") == "0");
  CHECK(ledger.rules.runs.back().booking.unseen == 100);
}

TEST_CASE("what the run after a gap dropped itself was not lost in the gap", "[ledger]") {
  LedgerFixture ledger;
  ledger.OpenWithRules();
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.Commit({.at = At("14:00:00"), .run = "2", .existing = 90, .fresh = 10, .written = 50});
  CHECK(ledger.Balance("missing") == "60");
  CHECK(ledger.Run("cause", "2") == "dropped_in_merge");
  CHECK(ledger.Query("SELECT severity FROM alerts WHERE rule = 'count_drop'") == "critical");
}

TEST_CASE("a log that gives written alone loses in the gap, too", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .existing = kUnknownCount, .fresh = kUnknownCount, .written = 100});
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.Commit({.at = At("14:00:00"),
                 .run = "2",
                 .existing = kUnknownCount,
                 .fresh = kUnknownCount,
                 .written = 80});
  CHECK(ledger.Run("cause", "2") == "lost_in_gap");
}

TEST_CASE("a failed or started run does not observe its partition", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.Add(
      {.at = At("13:30:00"), .run = "2", .written = kUnknownCount, .kind = FactKind::kStartedRun});
  ledger.Commit({.at = At("14:00:00"),
                 .run = "2",
                 .existing = 100,
                 .written = kUnknownCount,
                 .kind = FactKind::kFailedRun});
  CHECK(ledger.Balance("verdict") == "unknown");
  ledger.Commit({.at = At("15:00:00"), .run = "3", .existing = 30, .written = 30});
  CHECK(ledger.Run("cause", "3") == "lost_in_gap");
}

TEST_CASE("firing outranks unknown, unknown outranks clear", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.project = "whole", .run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.project = "lossy", .run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("13:00:00"), .project = "lossy", .run = "2", .written = 0});
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.Commit();
  CHECK(ledger.Rows("SELECT project, verdict FROM balances ORDER BY project") ==
        "lossy|firing|\nwhole|unknown|\n");
}

TEST_CASE("a day that began after a gap was watched from its beginning", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 1, .written = 1});
  ledger.AddGap(FactKind::kQuarantined, "not json");
  ledger.Commit({.at = At("23:59:00"), .run = "2", .existing = 1, .written = 1});
  for (const auto& [day, verdict] : {std::pair{"2016-02-22", "unknown"}, {"2016-02-23", "clear"}}) {
    ledger.Commit({.at = "2016-02-23T01:00:00Z",
                   .project = "new",
                   .day = day,
                   .run = day,
                   .fresh = 5,
                   .written = 5});
    CHECK(
        ledger.Query(std::string("SELECT verdict FROM balances WHERE project = 'new' AND day = '") +
                     day + "'") == verdict);
  }
}

TEST_CASE("a fact found late does not see past a gap that began after it", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.at = At("10:00:00"), .run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("12:00:00"), .project = "other", .run = "2", .fresh = 1, .written = 1});
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.Commit();
  // A rotated log that was found later, of before the gap: nothing is known of what came since.
  ledger.Commit(
      {.at = At("11:00:00"), .run = "3", .existing = 100, .fresh = 1, .written = 101, .log = 2});
  CHECK(ledger.Balance("actual") == "101");
  CHECK(ledger.Balance("verdict") == "unknown");
  // And what is missing after the gap was lost in it.
  ledger.Commit({.at = At("13:00:00"), .run = "4", .existing = 60, .written = 60});
  CHECK(ledger.Run("cause", "4") == "lost_in_gap");
  CHECK(ledger.Balance("missing") == "41");
}

TEST_CASE("what follows a gap in its own log is after it, whatever its clock says", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.at = At("12:00:00"), .run = "1", .fresh = 100, .written = 100});
  ledger.AddGap(FactKind::kQuarantined, "not json");
  ledger.Commit({.at = At("11:00:00"), .run = "2", .existing = 100, .written = 100});
  CHECK(ledger.Balance("verdict") == "clear");
}

TEST_CASE("a gap ends at the next new fact, not at one that is read twice", "[ledger]") {
  LedgerFixture ledger;
  const TestRun run{.at = At("12:00:00"), .run = "1", .fresh = 100, .written = 100};
  ledger.Commit(run);
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.Commit(run);
  CHECK(ledger.Query("SELECT ended FROM blind_intervals") == "NULL");
  ledger.Commit({.at = At("14:00:00"), .run = "2", .existing = 100, .written = 100});
  CHECK(ledger.Query("SELECT ended FROM blind_intervals") == "2016-02-22T14:00:00.000Z");
}

TEST_CASE("a partition that another source takes over is not in that one's earlier gaps",
          "[ledger]") {
  LedgerFixture ledger;
  CompactionLogConfig second;
  second.name = "legacy";
  ledger.config.compaction_logs.push_back(second);
  ledger.Open();
  ledger.Commit({.project = "other", .run = "1", .fresh = 1, .written = 1, .log = 2, .source = 1});
  ledger.AddGap(FactKind::kBlind, "truncated", 2);
  ledger.Commit({.at = At("12:00:00"), .run = "1", .fresh = 100, .written = 100});
  ledger.Commit(
      {.at = At("13:00:00"), .run = "2", .existing = 60, .written = 60, .log = 2, .source = 1});
  CHECK(ledger.Run("cause", "2") == "existing_not_read");
  CHECK(ledger.Balance("verdict") == "firing");
}

TEST_CASE("a source that is configured no longer keeps its shape and its gaps", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.Commit({.at = At("14:00:00"), .run = "3", .existing = 60, .written = 60});
  CHECK(ledger.Run("cause", "3") == "lost_in_gap");
  CompactionLogConfig renamed;
  renamed.name = "renamed";
  ledger.config.compaction_logs = {renamed};
  ledger.Open();
  // Late: the chain is booked anew.
  ledger.Commit({.at = At("11:00:00"), .run = "0", .fresh = 0, .written = 0, .log = 2});
  CHECK(ledger.Run("cause", "3") == "lost_in_gap");
  CHECK(ledger.Balance("missing") == "40");
}

TEST_CASE("what another log says of the time of a quarantined line does not see past it",
          "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.AddGap(FactKind::kQuarantined, "not json");
  ledger.Commit({.at = At("15:00:00"), .run = "2", .existing = 100, .written = 100});
  const auto verdict = [&] {
    return ledger.Query("SELECT verdict FROM balances WHERE project = 'other'");
  };
  // The line may have been about this partition, and later than this.
  ledger.Commit(
      {.at = At("13:00:00"), .project = "other", .run = "3", .fresh = 5, .written = 5, .log = 2});
  CHECK(verdict() == "unknown");
  CHECK(ledger.Balance("verdict") == "clear");
  ledger.Open();
  ledger.Commit({.at = At("14:00:00"),
                 .project = "other",
                 .run = "4",
                 .existing = 5,
                 .written = 5,
                 .log = 2});
  CHECK(verdict() == "unknown");
  ledger.Commit({.at = At("16:00:00"),
                 .project = "other",
                 .run = "5",
                 .existing = 5,
                 .written = 5,
                 .log = 2});
  CHECK(verdict() == "clear");
}
