#include "monitor/ledger_view.h"
#include "tests/ledger_fixture.h"

// DESIGN section 3: what a person's permit explains, "Lifetimes" (retention and re-homing).

namespace {

void KeepFor(LedgerFixture& ledger, int days) {
  CanonicalFilesConfig row;
  row.format = "row";
  row.retention = std::chrono::hours(24 * days);
  ledger.config.canonical_files = {row};
}

std::string OnServer(LedgerFixture& ledger, const std::string& server, const std::string& column) {
  return ledger.Query("SELECT " + column + " FROM balances WHERE server = '" + server + "'");
}

}  // namespace

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

TEST_CASE("counts that add up to more than there are numbers stop at the largest", "[ledger]") {
  LedgerFixture ledger;
  ledger.OpenWithRules();
  for (int i = 0; i < 2000; ++i) {
    const auto at = ParseTime(At("12:00:00")).value() + std::chrono::seconds(i);
    ledger.Add({.at = FormatTime(at), .run = std::to_string(i), .fresh = kMaxCount});
    if (i % 500 == 0) ledger.Commit();
  }
  ledger.Commit();
  CHECK(ledger.Balance("missing") == "9223372036854775807");
  CHECK(ledger.Balance("expected") == "9223372036854775807");
  CHECK(ledger.Balance("verdict") == "firing");
  CHECK(ledger.Query("SELECT missing FROM tally") == "9223372036854775807");
  for (int i = 0; i < 2000; ++i) {
    ledger.Add({.project = "other" + std::to_string(i),
                .run = std::to_string(i),
                .fresh = kMaxCount,
                .written = kMaxCount});
    ledger.AddPermit(At("14:00:00"), "p" + std::to_string(i),
                     R"({"kind":"decrease","events":9007199254740992})");
  }
  ledger.Commit();
  CHECK(ledger.Query("SELECT written FROM tally") == "9223372036854775807");
}

TEST_CASE("each permit has an end of its own", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.CommitPermit(At("12:30:00"), "short",
                      R"({"kind":"decrease","events":30,"expires_at":"2016-02-22T14:00:00Z"})");
  ledger.CommitPermit(At("12:31:00"), "endless", R"({"kind":"decrease","events":10})");
  ledger.Commit({.at = At("15:00:00"), .run = "2", .existing = 75, .written = 75});
  CHECK(ledger.Balance("missing") == "15");  // 25 less the 10 of the one that does not end
}

TEST_CASE("permits that end first are used first", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.CommitPermit(At("12:30:00"), "endless", R"({"kind":"decrease","events":10})");
  ledger.CommitPermit(At("12:31:00"), "short",
                      R"({"kind":"decrease","events":10,"expires_at":"2016-02-22T14:00:00Z"})");
  ledger.Commit({.at = At("13:00:00"), .run = "2", .existing = 92, .written = 92});
  CHECK(ledger.Balance("missing") == "0");
  ledger.Commit({.at = At("15:00:00"), .run = "3", .existing = 80, .written = 80});
  CHECK(ledger.Balance("missing") == "2");  // 12 less 10; the other's 2 have ended
}

TEST_CASE("a permit that had ended when the loss came explains nothing, also seen later",
          "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.CommitPermit(At("12:30:00"), "first",
                      R"({"kind":"decrease","events":30,"expires_at":"2016-02-22T14:00:00Z"})");
  ledger.Commit({.at = At("15:00:00"), .run = "2", .existing = 95, .written = 95});
  CHECK(ledger.Balance("missing") == "5");
  ledger.CommitPermit(At("16:00:00"), "second",
                      R"({"kind":"decrease","events":2,"expires_at":"2016-02-22T18:00:00Z"})");
  CHECK(ledger.Balance("missing") == "3");
  const std::string before = ledger.Derived();
  ledger.Commit({.at = At("11:00:00"), .run = "0", .fresh = 0, .written = 0, .log = 2});
  CHECK(ledger.Balance("missing") == "3");
  CHECK(ledger.Run("lost", "2") == "5");
}

TEST_CASE("a permit found late explains the loss that it was given for", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("15:00:00"), .run = "2", .existing = 80, .written = 80});
  CHECK(ledger.Balance("missing") == "20");
  ledger.CommitPermit(At("12:30:00"), "p",
                      R"({"kind":"decrease","events":15,"expires_at":"2016-02-22T16:00:00Z"})");
  CHECK(ledger.Balance("missing") == "5");
  CHECK(ledger.Run("lost", "2") == "5");
}

TEST_CASE("copying a person's word twice changes nothing", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  for (int i = 0; i < 2; ++i) {
    ledger.CommitPermit(At("12:30:00"), "p", R"({"kind":"decrease","events":10})");
  }
  ledger.Commit({.at = At("15:00:00"), .run = "2", .existing = 80, .written = 80});
  CHECK(ledger.Balance("missing") == "10");
}

TEST_CASE("a permit ends no gap and makes nothing unknown", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.AddGap(FactKind::kQuarantined, "not json");
  ledger.Commit();
  ledger.CommitPermit("2026-02-22T12:30:00Z", "p", R"({"kind":"decrease","events":10})");
  CHECK(ledger.Balance("verdict") == "unknown");
  ledger.Commit({.at = At("13:00:00"), .run = "2", .existing = 100, .written = 100});
  CHECK(ledger.Balance("verdict") == "clear");
  LedgerView view = LedgerView::Open(ledger.directory / "ledger.db").value();
  std::string verdict;
  REQUIRE(view.Timeline("acme", "", "", [&](const FactEntry& fact) {
    if (fact.kind == "permit") verdict = fact.verdict;
  }));
  CHECK(verdict == "clear");
}

TEST_CASE("a permit explains deletions of segments until it ends, too", "[ledger]") {
  LedgerFixture ledger;
  ledger.config.compaction_logs[0].shape = Shape::kSegments;
  ledger.Open();
  ledger.Commit({.run = "1",
                 .written = 50,
                 .detail = R"({"kind":"flush","outputs":[{"segment":"1","records":50}]})"});
  ledger.CommitPermit(At("12:30:00"), "p",
                      R"({"kind":"decrease","events":30,"expires_at":"2016-02-22T14:00:00Z"})");
  ledger.Commit({.at = At("15:00:00"),
                 .kind = FactKind::kSegmentsDeleted,
                 .detail = R"({"segments":["1"],"reason":"unmerged"})"});
  CHECK(ledger.Balance("missing") == "50");
}

TEST_CASE("a partition retires at the moment its retention ends", "[ledger]") {
  LedgerFixture ledger;
  KeepFor(ledger, 30);
  ledger.Open();
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = "2016-03-22T23:59:59Z", .run = "2", .fresh = 7, .written = 7});
  CHECK(ledger.Balance("missing") == "100");  // the day began less than 30 days ago
  ledger.Commit({.at = "2016-03-23T00:00:00Z", .run = "3", .fresh = 5, .written = 5});
  CHECK(ledger.Balance("missing") == "0");
  CHECK(ledger.Balance("expected") == "5");
}

TEST_CASE("alerts of a partition end when its retention does", "[ledger]") {
  LedgerFixture ledger;
  KeepFor(ledger, 30);
  ledger.OpenWithRules();
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("13:00:00"), .run = "2", .fresh = 7, .written = 7});
  REQUIRE(ledger.ledger->Tick(ParseTime("2016-03-22T23:59:59Z").value()));
  CHECK(ledger.Query("SELECT state FROM alerts") == "firing");
  REQUIRE(ledger.ledger->Tick(ParseTime("2016-03-23T00:00:00Z").value()));
  CHECK(ledger.Query("SELECT state FROM alerts") == "resolved");
}

TEST_CASE("a partition that came back after its retention loses from then on", "[ledger]") {
  LedgerFixture ledger;
  KeepFor(ledger, 30);
  ledger.Open();
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = "2016-04-22T14:00:00Z", .run = "2", .fresh = 7, .written = 7});
  ledger.Commit({.at = "2016-04-23T14:00:00Z", .run = "3", .existing = 5, .written = 5});
  CHECK(ledger.Balance("missing") == "2");
}

TEST_CASE("what a partition loses in its second life is another alert", "[ledger]") {
  LedgerFixture ledger;
  KeepFor(ledger, 30);
  ledger.OpenWithRules();
  ledger.Commit({.run = "1", .fresh = 5, .duplicates = 9, .written = 5});
  ledger.Commit(
      {.at = "2016-04-22T14:00:00Z", .run = "2", .fresh = 5, .duplicates = 9, .written = 5});
  REQUIRE(ledger.ledger->Tick(ParseTime("2016-04-23T14:00:01Z").value()));
  CHECK(ledger.Query("SELECT group_concat(state) FROM alerts WHERE rule = 'overstated'") ==
        "resolved,firing");
}

TEST_CASE("alerts of a partition's second life stay", "[ledger]") {
  LedgerFixture ledger;
  KeepFor(ledger, 30);
  ledger.OpenWithRules();
  ledger.Commit({.at = "2016-04-22T14:00:00Z", .run = "2", .fresh = 7, .written = 7});
  ledger.Commit({.at = "2016-04-23T14:00:00Z", .run = "3", .existing = 5, .written = 5});
  REQUIRE(ledger.ledger->Tick(ParseTime("2016-04-23T14:00:01Z").value()));
  CHECK(ledger.Query("SELECT state FROM alerts") == "firing");
}

TEST_CASE("a late fact leaves a partition's second life alone", "[ledger]") {
  LedgerFixture ledger;
  KeepFor(ledger, 30);
  ledger.Open();
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = "2016-04-22T14:00:00Z", .run = "2", .fresh = 7, .written = 7});
  ledger.Commit(
      {.at = At("13:00:00"), .run = "1b", .existing = 100, .fresh = 5, .written = 105, .log = 2});
  CHECK(ledger.Balance("missing") == "0");
  CHECK(ledger.Balance("actual") == "7");
  CHECK(ledger.Run("before", "2") == "0");
}

TEST_CASE("what a re-homed partition held is expected there, and unknown until it is seen",
          "[ledger]") {
  LedgerFixture ledger;
  ledger.CommitPermit(At("12:30:00"), "p", R"({"kind":"rehomed","events":100})", "data-2");
  CHECK(OnServer(ledger, "data-2", "expected") == "100");
  CHECK(OnServer(ledger, "data-2", "actual") == "NULL");
  CHECK(OnServer(ledger, "data-2", "opening") == "expected");
  CHECK(OnServer(ledger, "data-2", "verdict") == "unknown");
  LedgerView view = LedgerView::Open(ledger.directory / "ledger.db").value();
  int announced = 0;
  REQUIRE(view.Announced("", [&](const BalanceRow&) { ++announced; }));
  CHECK(announced == 1);
  ledger.Commit({.at = At("13:00:00"),
                 .run = "9",
                 .existing = 100,
                 .fresh = 1,
                 .written = 101,
                 .server = "data-2"});
  CHECK(OnServer(ledger, "data-2", "opening") == "known");
  CHECK(OnServer(ledger, "data-2", "verdict") == "clear");
}

TEST_CASE("the other server's first run may come before the word that it was re-homed",
          "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit(
      {.at = At("13:00:00"), .run = "9", .existing = 90, .written = 90, .server = "data-2"});
  ledger.CommitPermit(At("14:00:00"), "p", R"({"kind":"rehomed","events":100})", "data-2");
  CHECK(OnServer(ledger, "data-2", "missing") == "10");
}

TEST_CASE("where a partition was re-homed from nothing is missing or unknown any more",
          "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = At("12:10:00"), .run = "2", .fresh = 7, .written = 7});
  ledger.CommitPermit(At("12:30:00"), "p", R"({"kind":"rehomed_away"})");
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.Commit();
  CHECK(ledger.Balance("missing") == "0");
  CHECK(ledger.Balance("verdict") == "clear");
  LedgerView view = LedgerView::Open(ledger.directory / "ledger.db").value();
  REQUIRE(view.Balances("", [&](const BalanceRow& row) {
    CHECK(row.verdict == "clear");
    CHECK_FALSE(row.uncertain);
  }));
  CHECK(view.Unknown("").value().empty());
  // A run that fails there afterwards says nothing; one that finishes opens it anew.
  ledger.Commit(
      {.at = At("13:00:00"), .run = "3", .written = kUnknownCount, .kind = FactKind::kFailedRun});
  CHECK(ledger.Balance("verdict") == "clear");
  ledger.Commit({.at = At("14:00:00"), .run = "4", .existing = 30, .written = 30});
  CHECK(ledger.Balance("opening") == "unverified");
  CHECK(ledger.Balance("missing") == "0");
}

TEST_CASE("a partition that is re-homed back is expected with what it has now", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.CommitPermit(At("12:30:00"), "p1", R"({"kind":"rehomed_away"})");
  ledger.CommitPermit(At("18:30:00"), "p2", R"({"kind":"rehomed","events":150})");
  CHECK(ledger.Balance("expected") == "150");
  CHECK(ledger.Balance("missing") == "0");
  ledger.Commit({.at = At("19:00:00"), .run = "2", .existing = 140, .written = 140});
  CHECK(ledger.Balance("missing") == "10");
}
