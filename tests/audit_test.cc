#include "rules/audit.h"

#include "monitor/ledger_view.h"
#include "tests/catch.h"
#include "tests/files_fixture.h"

TEST_CASE("an audit calls unread only what was watched without a gap through late data",
          "[files]") {
  FilesFixture t;
  const auto audit = [&](const std::string& format) {
    auto view = LedgerView::Open(t.directory / "ledger.db");
    REQUIRE(view);
    const auto row = view->Audit(format, "");
    REQUIRE(row);
    return JudgeAudit({*row});
  };
  const auto watch = [&](const std::string& at, const std::string& reason) {
    for (const std::string_view source : FileSources(t.config)) {
      SourceObservation seen{std::string(source), reason, ParseTime(at).value()};
      seen.coverage.since = ParseTime(At("11:00:00")).value();
      if (!reason.empty()) seen.coverage.unwatched[reason] = std::chrono::milliseconds(1);
      REQUIRE(t.ledger->ReportSource(seen, ParseTime(at).value()));
    }
  };
  CHECK(audit("columnar").verdict == Audit::Verdict::kUnknown);
  watch(At("11:00:00"), "");
  t.Tick(At("11:00:00"));
  t.See({.files = 1});
  t.See({});
  t.EndScan(At("11:00:01"), 1);
  t.EndScan(At("11:00:01"), 0);
  t.Add({.at = At("12:00:00"), .run = "r1", .fresh = 10, .written = 10});
  t.CommitAt(At("12:00:01"));
  CHECK(audit("columnar").reasons ==
        std::vector<std::string>{"on data-1 no run with late data has been seen since"});
  t.Add({.at = At("13:00:00"), .run = "r2", .existing = 10, .fresh = 1, .written = 11});
  t.CommitAt(At("13:00:01"));
  CHECK(audit("columnar").reasons == std::vector<std::string>());
  CHECK(audit("columnar").verdict == Audit::Verdict::kUnread);
  // Of a format that is not declared dead no read is seen.
  CHECK(audit("row").verdict == Audit::Verdict::kUnknown);
  watch(At("14:00:00"), "directories cannot be watched");
  CHECK(audit("columnar").verdict == Audit::Verdict::kUnknown);
  Actor cat;
  cat.executable = "/usr/bin/cat";
  t.Read({.files = 1}, cat);
  t.Commit();
  CHECK(audit("columnar").verdict == Audit::Verdict::kRead);
}
