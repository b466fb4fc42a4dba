#include "monitor/ledger_check.h"
#include "tests/catch.h"
#include "tests/files_fixture.h"

TEST_CASE("each generation of a path becomes one fact, and seeing it again none", "[files]") {
  FilesFixture t;
  t.See({});
  t.Commit();
  t.See({});
  CHECK(t.Commit().duplicate_facts == 1);
  t.EndScan(At("12:01:00"));
  t.Commit();
  t.See({.handle = "1:bb", .at = At("13:00:00")});
  t.See({.handle = "1:bb", .at = At("14:00:00"), .size_bytes = 10});
  t.See({.at = At("15:00:00"), .present = false});
  t.See({.at = At("15:00:01"), .present = false});
  t.See({.handle = "1:cc", .at = At("16:00:00")});
  t.See({.at = At("17:00:00"), .renamed_to = "/data/old", .present = false});
  t.See({.handle = "1:dd", .project = "umbrella"});
  t.Commit();
  CHECK(t.Changes() ==
        "found|\nreplaced|\nrewritten|\ndeleted|\nreappeared|\nrenamed_away|\ncreated|\n");
  CHECK(t.Query("SELECT count FROM file_tally WHERE what = 'present'") == "1");
}

TEST_CASE("what a listed directory no longer holds is gone", "[files]") {
  FilesFixture t;
  t.See({});
  t.See({.handle = "1:bb", .day = "2016-02-23"});
  t.List({}, 0);
  t.Commit();
  t.See({.handle = "1:bb", .day = "2016-02-23"});
  t.List({.at = At("13:00:00")}, 0);
  t.Commit();
  CHECK(t.Changes() == "found|\nfound|\ndeleted|\n");
  CHECK(t.Query("SELECT name FROM file WHERE present = 0") == "2016-02-22.evt");
}

TEST_CASE("a file system without handles tells generations by inode and birth", "[files]") {
  FilesFixture t;
  t.See({.handle = ""});
  t.See({.handle = "", .at = At("13:00:00")});
  t.Commit();
  CHECK(t.Changes() == "found|\nreplaced|\n");
}

TEST_CASE("a generation says who made it and whether its place had been opened", "[files]") {
  FilesFixture t;
  t.See({});
  Actor actor;
  actor.pid = 42;
  actor.executable = "/usr/bin/compactd";
  actor.confidence = Confidence::kHeld;
  t.SeeBy({.handle = "1:bb", .at = At("13:00:00")}, actor, true);
  t.Commit();
  const auto detail = [&](const std::string& key) {
    return t.Query("SELECT json_extract(detail, '$." + key +
                   "') FROM fact WHERE kind = 'file' ORDER BY seq DESC");
  };
  CHECK(detail("by.executable") == "/usr/bin/compactd");
  CHECK(detail("by.confidence") == "held");
  CHECK(detail("opened_before") == "1");
  CHECK(detail("previous_size_bytes") == "1000");
}

TEST_CASE("a replaced file that no run accounts for is told after the grace", "[files]") {
  FilesFixture t;
  t.EndScan(At("11:00:00"));
  t.Add({.at = At("12:00:00"), .run = "r1", .fresh = 10, .written = 10});
  t.See({});
  t.CommitAt(At("12:00:01"));
  t.See({.handle = "1:bb", .at = At("13:00:00")});
  t.CommitAt(At("13:00:01"));
  t.Tick(At("13:09:00"));
  CHECK(t.Firing("file_replaced_without_run") == "0");
  t.Tick(At("13:10:01"));
  CHECK(t.Firing("file_replaced_without_run") == "1");
  // The next generation has its run: all is well again.
  t.See({.handle = "1:cc", .at = At("14:00:00")});
  t.Add({.at = At("14:00:02"), .run = "r2", .existing = 10, .written = 10});
  t.CommitAt(At("14:00:03"));
  CHECK(t.Firing("file_replaced_without_run") == "0");
}

TEST_CASE("a run explains its file whichever is seen first", "[files]") {
  FilesFixture t;
  t.EndScan(At("11:00:00"));
  for (const bool run_first : {true, false}) {
    const std::string project = run_first ? "acme" : "umbrella";
    const auto run = [&](const std::string& at, const std::string& id, int64_t existing) {
      t.Add({.at = at,
             .project = project,
             .run = id,
             .existing = existing,
             .fresh = 1,
             .written = existing + 1});
      t.CommitAt(at);
    };
    const auto file = [&](const std::string& at, const std::string& handle) {
      t.See({.handle = handle, .at = at, .project = project});
      t.CommitAt(at);
    };
    if (run_first) run(At("12:00:00"), "r1", 0);
    file(At("12:00:00"), "1:aa" + project);
    if (!run_first) run(At("12:00:00"), "r1", 0);
    if (run_first) run(At("13:00:00"), "r2", 1);
    file(At("13:00:00"), "1:bb" + project);
    if (!run_first) run(At("13:00:00"), "r2", 1);
  }
  CHECK(t.Query("SELECT count(*) FROM file WHERE run IS NOT NULL AND unexplained_since IS NULL") ==
        "2");
  t.Tick(At("14:00:00"));
  CHECK(t.Firing("file_replaced_without_run") == "0");
}

TEST_CASE("a file rewritten in place without a run is told as such", "[files]") {
  FilesFixture t;
  t.EndScan(At("11:00:00"));
  t.Add({.at = At("12:00:00"), .run = "r1", .fresh = 10, .written = 10});
  t.See({});
  t.CommitAt(At("12:00:01"));
  TestFile shorter{.at = At("13:00:00"), .size_bytes = 10};
  t.See(shorter);
  // The same file: its birth has not changed.
  t.batch.files.sightings.back().generation.born_ns = Nanoseconds(At("12:00:00"));
  t.CommitAt(At("13:00:01"));
  t.Tick(At("13:10:01"));
  CHECK(t.Firing("file_rewritten_in_place") == "1");
  CHECK(t.Firing("file_replaced_without_run") == "0");
}

TEST_CASE("a required file that is missing is told after the grace, and until it is back",
          "[files]") {
  FilesFixture t;
  t.EndScan(At("11:00:00"));
  t.Add({.at = At("12:00:00"),
         .run = "r1",
         .version = "2",
         .path = "/data/row-v2/{project}/{day}.evt",
         .fresh = 10,
         .written = 10});
  t.CommitAt(At("12:00:01"));
  t.Tick(At("12:09:00"));
  CHECK(t.Firing("missing_canonical_file") == "0");
  t.Tick(At("12:10:02"));
  CHECK(t.Firing("missing_canonical_file") == "1");
  CHECK(t.Query("SELECT json_extract(evidence, '$.found_at') FROM alerts WHERE rule = "
                "'missing_canonical_file'") == "/data/row-v2/acme/2016-02-22.evt");
  CHECK(t.Query("SELECT version FROM alerts WHERE rule = 'missing_canonical_file'") == "2");
  t.See({.at = At("12:30:00")});
  t.CommitAt(At("12:30:00"));
  CHECK(t.Firing("missing_canonical_file") == "0");
}

TEST_CASE("a required file that is deleted is missing", "[files]") {
  FilesFixture t;
  t.EndScan(At("11:00:00"));
  t.Add({.at = At("12:00:00"), .run = "r1", .fresh = 10, .written = 10});
  t.See({});
  t.CommitAt(At("12:00:01"));
  t.See({.at = At("13:00:00"), .present = false});
  t.CommitAt(At("13:00:01"));
  t.Tick(At("13:10:01"));
  CHECK(t.Firing("missing_canonical_file") == "1");
}

TEST_CASE("an empty partition needs no file", "[files]") {
  FilesFixture t;
  t.EndScan(At("11:00:00"));
  t.Add({.at = At("12:00:00"), .run = "r1"});
  t.CommitAt(At("12:00:01"));
  t.Tick(At("13:00:00"));
  CHECK(t.Firing("missing_canonical_file") == "0");
}

TEST_CASE("partitions of before are held against the first whole scan, not earlier", "[files]") {
  FilesFixture t;
  t.watches_files = false;
  t.Open();
  t.Add({.at = At("12:00:00"), .run = "r1", .fresh = 10, .written = 10});
  t.Add({.at = At("12:00:00"), .project = "there", .run = "r2", .fresh = 10, .written = 10});
  t.Commit();
  t.watches_files = true;
  t.Open();
  t.Tick(At("15:00:00"));
  CHECK(t.Firing("missing_canonical_file") == "0");
  t.See({.project = "there"});
  t.EndScan(At("15:00:01"));
  t.CommitAt(At("15:00:01"));
  t.Tick(At("15:10:02"));
  CHECK(t.Query("SELECT project FROM alerts WHERE rule = 'missing_canonical_file'") == "acme");
  CHECK(t.Firing("missing_canonical_file") == "1");
}

TEST_CASE("a scan that could not see everything says nothing of what is missing", "[files]") {
  FilesFixture t;
  t.watches_files = false;
  t.Open();
  t.Commit({.at = At("12:00:00"), .run = "r1", .fresh = 10, .written = 10});
  t.watches_files = true;
  t.Open();
  const Time time = ParseTime(At("15:00:00")).value();
  t.batch.files.scans.push_back({0, "/data/row: Permission denied", time, time});
  t.CommitAt(At("15:00:01"));
  t.Tick(At("16:00:00"));
  CHECK(t.Firing("missing_canonical_file") == "0");
}

TEST_CASE("nothing is called missing before all files have been looked at", "[files]") {
  FilesFixture t;
  t.Add({.at = At("12:00:00"), .run = "r1", .fresh = 10, .written = 10});
  t.CommitAt(At("12:00:01"));
  t.Tick(At("13:00:00"));
  CHECK(t.Firing("missing_canonical_file") == "0");
  t.EndScan(At("13:00:01"));
  t.CommitAt(At("13:00:01"));
  t.Tick(At("13:00:02"));
  CHECK(t.Firing("missing_canonical_file") == "1");
}

TEST_CASE("a read of a dead file fires at once, one alert a program", "[files]") {
  FilesFixture t;
  Actor compactor;
  compactor.executable = "/usr/bin/compactd";
  Actor cat;
  cat.executable = "/usr/bin/cat";
  TestFile dead{.files = 1};
  t.See(dead);
  t.Read(dead, compactor);
  t.Read(dead, compactor);
  t.Read({.day = "2016-02-21", .files = 1}, compactor);
  t.Read(dead, cat);
  t.Read(dead, cat, true);
  t.Commit();
  CHECK(t.Firing("dead_file_read") == "2");
  CHECK(t.Query("SELECT reads || ',' || files FROM reader WHERE executable LIKE '%compactd'") ==
        "3,2");
  CHECK(t.Query("SELECT count FROM file_tally WHERE what = 'excepted_read'") == "1");
  CHECK(t.Query("SELECT json_extract(evidence, '$.files') FROM alerts WHERE evidence LIKE "
                "'%compactd%'") == "2");
  t.Tick("2016-02-23T11:00:00Z");
  CHECK(t.Firing("dead_file_read") == "2");
  t.Tick("2016-02-23T13:00:00Z");
  CHECK(t.Firing("dead_file_read") == "0");
}

TEST_CASE("directories are remembered with the time at which they were listed", "[files]") {
  FilesFixture t;
  t.See({});
  t.List({}, 0);
  t.Commit();
  const auto known = t.ledger->Directories();
  REQUIRE(known.size() == 1);
  CHECK(known[0].path == "/data/row/acme");
  CHECK(known[0].modified_ns == 5);
}

TEST_CASE("an incident of the files does not end when late facts rebuild its partition",
          "[files]") {
  FilesFixture t;
  t.EndScan(At("11:00:00"));
  t.Add({.at = At("12:00:00"), .run = "r2", .existing = 5, .fresh = 5, .written = 10});
  t.CommitAt(At("12:00:01"));
  t.Tick(At("12:10:02"));
  REQUIRE(t.Firing("missing_canonical_file") == "1");
  t.Add({.at = At("11:00:00"), .run = "r1", .fresh = 5, .written = 5, .log = 2});
  t.CommitAt(At("12:11:00"));
  CHECK(t.Firing("missing_canonical_file") == "1");
}

TEST_CASE("formats of one run that differ are told, until a run writes the same", "[files]") {
  FilesFixture t;
  t.config.same_events = {{"row", "columnar"}};
  t.OpenWithRules();
  t.Add({.at = At("12:00:00"), .run = "r1", .fresh = 10, .written = 10});
  t.Add({.at = At("12:00:00"), .format = "columnar", .run = "r1", .fresh = 10, .written = 9});
  t.Commit();
  CHECK(t.Query("SELECT format FROM alerts WHERE rule = 'formats_differ' AND state = 'firing'") ==
        "columnar");
  t.Add({.at = At("13:00:00"), .run = "r2", .existing = 10, .written = 10});
  t.Commit();
  CHECK(t.Firing("formats_differ") == "1");
  t.Add({.at = At("13:00:00"), .format = "columnar", .run = "r2", .existing = 9, .written = 11});
  t.Commit();
  CHECK(t.Query("SELECT format FROM alerts WHERE rule = 'formats_differ' AND state = 'firing'") ==
        "row");
  CHECK(t.Firing("formats_differ") == "1");
  t.Add({.at = At("14:00:00"), .run = "r3", .existing = 10, .written = 10});
  t.Add({.at = At("14:00:00"), .format = "columnar", .run = "r3", .existing = 11, .written = 10});
  t.Commit();
  CHECK(t.Firing("formats_differ") == "0");
}

TEST_CASE("the tables of files can be made again from the facts alone", "[files]") {
  FilesFixture t;
  Actor actor;
  actor.executable = "/usr/bin/compactd";
  t.See({});
  t.SeeBy({.handle = "1:bb", .at = At("13:00:00")}, actor);
  t.See({.day = "2016-02-23"});
  t.See({.at = At("15:00:00"), .day = "2016-02-23", .present = false});
  t.Read({.files = 1}, actor);
  t.Commit();
  t.Count({.handle = "1:bb", .at = At("13:00:00")}, 5);
  t.Commit();
  t.ledger.reset();
  const auto found =
      CheckRebuild(t.directory / "ledger.db", t.directory / "scratch.db", t.config, *t.engine);
  REQUIRE(found);
  CHECK(*found == std::vector<std::string>());
}
