#include "monitor/kept_book.h"
#include "monitor/ledger_check.h"
#include "monitor/ledger_view.h"
#include "tests/catch.h"
#include "tests/files_fixture.h"

namespace {

using std::chrono::hours;

class KeptFixture : public FilesFixture {
 public:
  KeptFixture() {
    config.preserve = PreserveConfig{};
    config.preserve->formats = {"row"};
    config.preserve->directory = "/kept";
    OpenWithRules();
  }
  // As if each batch came at the time of the newest thing in it.
  void Commit() {
    Time newest{};
    for (const FileSighting& seen : batch.files.sightings) newest = std::max(newest, seen.seen_at);
    for (const KeptCopy& kept : batch.files.kept) newest = std::max(newest, kept.kept_at);
    for (const Fact& fact : batch.facts) newest = std::max(newest, fact.logged_at);
    for (const FileCount& count : batch.files.counts) {
      newest = std::max(newest, count.counted_at);
    }
    CommitAt(FormatTime(newest));
  }
  // Sees a generation, and keeps it.
  std::string Keep(const TestFile& file, bool reflink = false) {
    See(file);
    return KeepOnly(file, reflink);
  }
  std::string KeepOnly(const TestFile& file, bool reflink = false) {
    const FileSighting seen = Sighting(file);
    KeptCopy kept;
    kept.files = seen.files;
    kept.reflink = reflink;
    kept.directory = seen.directory;
    kept.name = seen.name;
    kept.project = seen.project;
    kept.day = seen.day;
    kept.inode = seen.generation.inode;
    kept.born_ns = seen.generation.born_ns;
    kept.modified_ns = seen.generation.modified_ns;
    kept.size_bytes = seen.generation.size_bytes;
    std::string copy = "/kept/row/" + file.project + "/" + file.day + file.at;
    kept.copy = batch.Add(copy);
    kept.kept_at = ParseTime(file.at).value();
    batch.files.kept.push_back(kept);
    return copy;
  }
  void Release(const std::string& copy) {
    batch.files.released.push_back({batch.Add(copy), "test", ParseTime(At("20:00:00")).value()});
  }
  // The copies to be released then, each with its reason.
  std::string ToRelease(const std::string& at, KeepBounds bounds = {}) {
    bounds.now = ParseTime(at).value();
    if (bounds.window.count() == 0) bounds.window = hours(72);
    std::string all;
    for (const CopyToCheck& copy : ledger->CopiesToRelease(bounds, 1000)) {
      all += copy.copy.substr(copy.copy.size() - 9) + " " + copy.reason + "\n";
    }
    return all;
  }
  std::vector<KeptRow> Kept() {
    auto view = LedgerView::Open(directory / "ledger.db");
    std::vector<KeptRow> rows;
    REQUIRE(view->Kept("acme", "2016-02-22", [&](KeptRow row) { rows.push_back(std::move(row)); }));
    return rows;
  }
};

}  // namespace

TEST_CASE("a kept generation knows when it was replaced, and which is there now", "[kept]") {
  KeptFixture t;
  t.Keep({});
  t.Commit();
  REQUIRE(t.Kept().size() == 1);
  CHECK(!t.Kept()[0].replaced_at);
  t.Keep({.handle = "1:bb", .at = At("13:00:00")});
  t.Commit();
  const auto kept = t.Kept();
  REQUIRE(kept.size() == 2);
  CHECK(FormatTime(kept[0].replaced_at.value()) == At("13:00:00.000"));
  CHECK(FormatTime(kept[0].expires_at.value()) == "2016-02-25T13:00:00.000Z");
  CHECK(!kept[1].replaced_at);
  t.See({.at = At("14:00:00"), .present = false});
  t.Commit();
  CHECK(FormatTime(t.Kept()[1].replaced_at.value()) == At("14:00:00.000"));
}

TEST_CASE("the same copy told twice changes nothing", "[kept]") {
  KeptFixture t;
  t.Keep({});
  t.KeepOnly({});
  t.Commit();
  t.KeepOnly({});
  t.Commit();
  CHECK(t.Kept().size() == 1);
  CHECK(t.Query("SELECT count(*) FROM fact WHERE kind = 'kept'") == "1");
}

TEST_CASE("a copy found from before, of a generation that is no more, was replaced by then",
          "[kept]") {
  KeptFixture t;
  t.See({.handle = "1:bb", .at = At("13:00:00")});
  t.Commit();
  t.KeepOnly({.at = At("12:00:00")});
  t.Commit();
  REQUIRE(t.Kept().size() == 1);
  CHECK(t.Kept()[0].replaced_at);
  // One that is the current generation after all, seen later than its copy.
  t.KeepOnly({.handle = "1:cc", .at = At("15:00:00")});
  t.Commit();
  CHECK(t.Kept()[1].replaced_at);
  t.See({.handle = "1:cc", .at = At("15:00:00")});
  t.Commit();
  CHECK(!t.Kept()[1].replaced_at);
}

TEST_CASE("a generation is released after its window, and not while it is there", "[kept]") {
  KeptFixture t;
  t.Keep({});
  t.Keep({.handle = "1:bb", .at = At("13:00:00")});
  t.Commit();
  CHECK(t.ToRelease("2016-02-25T12:59:59Z").empty());
  CHECK(t.ToRelease("2016-02-25T13:00:00Z") == "12:00:00Z kept for its window\n");
  CHECK(t.ToRelease("2017-02-25T13:00:00Z") == "12:00:00Z kept for its window\n");
}

TEST_CASE("an open alert of the project-day outlives the window", "[kept]") {
  KeptFixture t;
  t.Add({.at = At("11:00:00"), .fresh = 100, .written = 100});
  t.Keep({.at = At("11:00:00")});
  t.Commit();
  t.Add({.at = At("13:00:00"), .fresh = 5, .written = 5});
  t.Keep({.handle = "1:bb", .at = At("13:00:00")});
  t.Commit();
  REQUIRE(t.Firing("count_drop") == "1");
  CHECK(t.ToRelease("2016-03-25T13:00:00Z").empty());
  CHECK(t.Kept()[0].needed);
  CHECK(!t.Kept()[0].expires_at);
  // It ends when the events are back.
  t.Add({.at = At("14:00:00"), .existing = 105, .written = 105});
  t.Commit();
  REQUIRE(t.Firing("count_drop") == "0");
  CHECK(t.ToRelease("2016-03-25T13:00:00Z") == "11:00:00Z kept for its window\n");
}

TEST_CASE("what holds deleted events goes, and what was written without them stays", "[kept]") {
  KeptFixture t;
  t.Add({.at = At("11:00:00"), .fresh = 100, .written = 100});
  t.Keep({.at = At("11:00:00")});
  t.Commit();
  t.Keep({.handle = "1:bb", .at = At("13:00:00")});
  t.Add({.at = At("13:00:01"), .existing = 100, .deleted = 3, .written = 97});
  t.Commit();
  CHECK(t.ToRelease(At("13:10:00")) == "11:00:00Z events in it were deleted\n");
  CHECK(t.Kept()[0].erased);
  KeepBounds keeps;
  keeps.keep_deleted = true;
  CHECK(t.ToRelease(At("13:10:00"), keeps).empty());
  t.Keep({.handle = "1:cc", .at = At("18:00:00")});
  t.Commit();
  CHECK(t.ToRelease(At("18:10:00")) == "11:00:00Z events in it were deleted\n");
}

TEST_CASE("beyond the bounds the oldest goes, and what an alert needs last", "[kept]") {
  KeptFixture t;
  t.Add({.at = At("10:00:00"), .fresh = 100, .written = 100});
  t.Keep({.at = At("10:00:00")});
  t.Commit();
  t.Add({.at = At("11:00:00"), .fresh = 5, .written = 5});
  t.Keep({.handle = "1:bb", .at = At("11:00:00")});
  t.Keep({.handle = "2:aa", .at = At("11:30:00"), .project = "umbrella"});
  t.Keep({.handle = "2:bb", .at = At("12:00:00"), .project = "umbrella"});
  t.Keep({.handle = "2:cc", .at = At("13:00:00"), .project = "umbrella"});
  t.Commit();
  KeepBounds bounds;
  bounds.max_bytes = 3000;
  CHECK(t.ToRelease(At("14:00:00"), bounds).empty());
  bounds.max_bytes = 2999;
  CHECK(t.ToRelease(At("14:00:00"), bounds) == "11:30:00Z more bytes than max_bytes\n");
  bounds = {};
  bounds.max_files = 6;
  CHECK(t.ToRelease(At("14:00:00"), bounds).empty());
  bounds.max_files = 5;  // whoever makes copies stops at that many
  CHECK(t.ToRelease(At("14:00:00"), bounds) == "11:30:00Z more files than max_files\n");
  bounds = {};
  bounds.wanted_bytes = 1500;
  CHECK(t.ToRelease(At("14:00:00"), bounds) ==
        "11:30:00Z the disk is nearly full\n12:00:00Z the disk is nearly full\n");
  bounds = {};
  // What an alert needs waits until the others are gone.
  bounds.max_bytes = 999;
  CHECK(t.ToRelease(At("14:00:00"), bounds) ==
        "11:30:00Z more bytes than max_bytes\n12:00:00Z more bytes than max_bytes\n");
  t.Release("/kept/row/umbrella/2016-02-22" + At("11:30:00"));
  t.Release("/kept/row/umbrella/2016-02-22" + At("12:00:00"));
  t.Commit();
  CHECK(t.ToRelease(At("14:00:00"), bounds) == "10:00:00Z more bytes than max_bytes\n");
}

TEST_CASE("the hard link of a file that was rewritten in place is void, a reflink is not",
          "[kept]") {
  KeptFixture t;
  t.Keep({.handle = "1:aa"});
  t.Keep({.handle = "2:aa", .project = "umbrella"}, true);
  t.Commit();
  t.See({.handle = "1:aa", .size_bytes = 10});
  t.See({.handle = "2:aa", .size_bytes = 10, .project = "umbrella"});
  t.Commit();
  CHECK(t.Changes() == "found|\nfound|\nrewritten|\nrewritten|\n");
  CHECK(t.Kept().empty());
  CHECK(t.ToRelease(At("12:00:01")) == "12:00:00Z its file was rewritten in place\n");
  CHECK(t.Query("SELECT count(*) FROM kept WHERE void = 0") == "1");
}

TEST_CASE("a kept generation has the rows that were counted in it", "[kept]") {
  KeptFixture t;
  t.Keep({});
  t.Commit();
  t.Count({}, 100);
  t.Commit();
  t.Keep({.handle = "1:bb", .at = At("13:00:00")});
  t.Commit();
  t.Count({.handle = "1:bb", .at = At("13:00:00")}, 7);
  t.Commit();
  REQUIRE(t.Kept().size() == 2);
  CHECK(t.Kept()[0].rows == 100);
  CHECK(t.Kept()[1].rows == 7);
}

TEST_CASE("a released copy is gone, its bytes with it, and facts alone make it all again",
          "[kept]") {
  KeptFixture t;
  const std::string first = t.Keep({});
  t.Keep({.handle = "1:bb", .at = At("13:00:00")});
  t.Commit();
  CHECK(t.Query("SELECT count FROM file_tally WHERE what = 'kept_bytes'") == "1000");
  t.Release(first);
  t.Release("/kept/none");
  t.Commit();
  CHECK(t.Kept().size() == 1);
  CHECK(t.Query("SELECT count FROM file_tally WHERE what = 'kept_bytes'") == "0");
  CHECK(t.Query("SELECT count FROM file_tally WHERE what = 'kept'") == "1");
  CHECK(t.ledger->kept_files() == 1);
  t.ledger.reset();
  const auto findings =
      CheckRebuild(t.directory / "ledger.db", t.directory / "scratch.db", t.config, *t.engine);
  REQUIRE(findings);
  CHECK(findings->empty());
}

TEST_CASE("the window begins when the replacement is seen, not by the new file's own times",
          "[kept]") {
  KeptFixture t;
  t.Keep({.at = At("12:00:00")});
  t.Commit();
  t.See({.handle = "1:bb", .at = "2016-02-12T12:00:00Z"});
  t.CommitAt("2016-02-28T12:00:00Z");
  REQUIRE(t.Kept().size() == 1);
  CHECK(t.ToRelease("2016-03-02T11:59:59Z").empty());
  CHECK(FormatTime(t.Kept()[0].expires_at.value()) == "2016-03-02T12:00:00.000Z");
  KeepBounds later;
  later.bounds_only = true;
  CHECK(t.ToRelease("2016-03-02T12:00:00Z", later).empty());
  CHECK(!t.ToRelease("2016-03-02T12:00:00Z").empty());
}

TEST_CASE("a link that was rewritten in place before the ledger heard of it is void", "[kept]") {
  KeptFixture t;
  t.Keep({.handle = "1:aa"});
  FileSighting rewritten = t.Sighting({.handle = "1:aa", .size_bytes = 10});
  t.batch.files.sightings.push_back(rewritten);
  t.Commit();
  CHECK(t.Kept().empty());
}

TEST_CASE("a log whose clock is ahead erases nothing that comes later", "[kept]") {
  KeptFixture t;
  t.Add({.at = "2099-02-22T11:00:00Z", .fresh = 100, .deleted = 1, .written = 99});
  t.Keep({.at = At("13:00:00")});
  t.CommitAt(At("13:00:00"));
  t.Keep({.handle = "1:bb", .at = At("15:00:00")});
  t.CommitAt(At("15:00:00"));
  CHECK(t.ToRelease(At("16:00:00")).empty());
}
