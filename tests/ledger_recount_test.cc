#include "tests/catch.h"
#include "tests/files_fixture.h"

TEST_CASE("rows counted in the file itself tell a loss that no log tells", "[files]") {
  FilesFixture t;
  t.See({});
  t.CommitAt(At("12:00:01"));
  t.Count({}, 1000);
  t.CommitAt(At("12:00:06"));
  CHECK(t.Balance("actual") == "1000");
  t.See({.handle = "1:bb", .at = At("13:00:00"), .size_bytes = 60});
  t.CommitAt(At("13:00:01"));
  const auto wanted = t.ledger->FilesToCount(ParseTime(At("13:00:03")).value(), 9);
  REQUIRE(wanted.size() == 1);
  CHECK(wanted[0].directory + "/" + wanted[0].name == "/data/row/acme/2016-02-22.evt");
  t.Count({.handle = "1:bb", .at = At("13:00:00"), .size_bytes = 60}, 60);
  t.CommitAt(At("13:00:06"));
  CHECK(t.Balance("missing") == "940");
  CHECK(t.Firing("file_disagrees") == "1");
  CHECK(t.ledger->FilesToCount(ParseTime(At("14:00:00")).value(), 9).empty());
}

TEST_CASE("a count of a generation that is no more is no count", "[files]") {
  FilesFixture t;
  t.See({});
  t.CommitAt(At("12:00:01"));
  t.Count({}, 1000);
  t.See({.handle = "1:bb", .at = At("13:00:00"), .size_bytes = 60});
  t.CommitAt(At("13:00:01"));
  CHECK(t.Query("SELECT count(*) FROM fact WHERE kind = 'recount'") == "0");
}

TEST_CASE("a file is not counted while its run may still be to come", "[files]") {
  FilesFixture t;
  t.Add({.at = At("12:00:00"), .run = "r1", .fresh = 10, .written = 10});
  t.See({});
  t.CommitAt(At("12:00:01"));
  t.Count({}, 10);
  t.See({.handle = "1:bb", .at = At("13:00:00")});
  t.CommitAt(At("13:00:01"));
  CHECK(t.ledger->FilesToCount(ParseTime(At("13:05:00")).value(), 9).empty());
  t.Tick(At("13:10:01"));
  CHECK(t.ledger->FilesToCount(ParseTime(At("13:10:01")).value(), 9).size() == 1);
}

TEST_CASE("what cannot be counted is said once and not asked for again", "[files]") {
  FilesFixture t;
  t.See({});
  t.CommitAt(At("12:00:01"));
  t.Count({}, kUnknownCount, "the footer is encrypted");
  t.CommitAt(At("12:00:06"));
  CHECK(t.Changes() == "found|\nuncountable|\n");
  CHECK(t.ledger->FilesToCount(ParseTime(At("14:00:00")).value(), 9).empty());
}
