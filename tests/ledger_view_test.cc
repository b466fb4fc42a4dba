#include "monitor/ledger_view.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "monitor/ledger_check.h"
#include "rules/engine.h"
#include "rules/impact_input.h"
#include "tests/ledger_fixture.h"

// What readers see of a ledger that the writer made, is making, or left behind.

namespace {

LedgerView ViewOf(const std::string& path) {
  auto view = LedgerView::Open(path);
  if (!view) FAIL(view.error().message);
  return std::move(*view);
}

std::string WhyNot(const std::string& path) {
  const auto view = LedgerView::Open(path);
  return view ? "opened" : view.error().message;
}

bool Says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// 100 events, all lost by the second run.
void Lose(LedgerFixture& ledger, const std::string& project = "acme") {
  ledger.Commit({.at = "2016-02-22T12:00:00Z",
                 .project = project,
                 .run = "1",
                 .version = "2.6.9",
                 .fresh = 100,
                 .written = 100});
  ledger.Commit({.at = "2016-02-22T13:00:00Z",
                 .project = project,
                 .run = "2",
                 .version = "2.7.0",
                 .existing = 0,
                 .fresh = 7,
                 .written = 7});
}

std::vector<BalanceRow> BalancesOf(LedgerView& view, const std::string& project = "") {
  std::vector<BalanceRow> rows;
  REQUIRE(view.Balances(project, [&](BalanceRow row) { rows.push_back(std::move(row)); }));
  return rows;
}

std::vector<FactEntry> TimelineOf(LedgerView& view, const std::string& project,
                                  const std::string& day = "", const std::string& server = "") {
  std::vector<FactEntry> facts;
  REQUIRE(view.Timeline(project, day, server,
                        [&](FactEntry fact) { facts.push_back(std::move(fact)); }));
  std::sort(facts.begin(), facts.end(), [](const auto& a, const auto& b) { return a.seq < b.seq; });
  return facts;
}

std::vector<LossRow> LossesOf(LedgerView& view, const std::string& project = "") {
  std::vector<LossRow> losses;
  REQUIRE(view.Losses(project, [&](LossRow row) { losses.push_back(std::move(row)); }));
  return losses;
}

}  // namespace

TEST_CASE("a view reads while the writer is active", "[ledger_view]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  LedgerView view = ViewOf(ledger.directory / "ledger.db");
  CHECK(view.server() == "data-1");
  CHECK(view.ledger_id().size() == 32);
  CHECK(view.HeadSeq().value() == 1);
  ledger.Commit({.at = "2016-02-22T13:00:00Z", .run = "2", .existing = 100, .written = 100});
  CHECK(view.HeadSeq().value() == 2);
}

TEST_CASE("a view reads after the writer has stopped", "[ledger_view]") {
  LedgerFixture ledger;
  Lose(ledger);
  ledger.ledger.reset();
  LedgerView view = ViewOf(ledger.directory / "ledger.db");
  CHECK(view.HeadSeq().value() == 2);
}

TEST_CASE("a view reads a copy of the main file alone once the writer has stopped",
          "[ledger_view]") {
  LedgerFixture ledger;
  Lose(ledger);
  ledger.ledger.reset();
  std::filesystem::copy_file(ledger.directory / "ledger.db", ledger.directory / "copy.db");
  LedgerView view = ViewOf(ledger.directory / "copy.db");
  CHECK(view.HeadSeq().value() == 2);
  CHECK(BalancesOf(view).at(0).missing == 100);
}

TEST_CASE("another user reads a ledger at rest and a copy where nothing may be written",
          "[ledger_view]") {
  LedgerFixture ledger;
  Lose(ledger);
  ledger.ledger.reset();
  const std::string directory = ledger.directory / "at rest";
  std::filesystem::create_directory(directory);
  const std::string copy = directory + "/copy?.db";
  std::filesystem::copy_file(ledger.directory / "ledger.db", copy);
  REQUIRE(chmod(directory.c_str(), 0555) == 0);
  REQUIRE(chmod((ledger.directory / "").c_str(), 0755) == 0);
  const pid_t child = fork();
  if (child == 0) {
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(2);
    for (const std::string& path : {ledger.directory / "ledger.db", copy}) {
      auto view = LedgerView::Open(path);
      if (!view) std::fprintf(stderr, "%s\n", view.error().message.c_str());
      if (!view || view->HeadSeq().value_or(0) != 2) _exit(1);
    }
    _exit(0);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 0);
  chmod(directory.c_str(), 0755);
}

TEST_CASE("a ledger that an ingest is filling is refused as locked", "[ledger_view]") {
  LedgerFixture ledger;
  std::filesystem::remove(ledger.directory / "ledger.db");
  ledger.Open(true);  // a backfill keeps a rollback journal
  auto writer = Database::Open(ledger.directory / "ledger.db", Database::Mode::kReadWrite);
  REQUIRE(writer);
  writer->Execute("BEGIN EXCLUSIVE");
  CHECK(Says(WhyNot(ledger.directory / "ledger.db"), "ledger.db: locked"));
}

TEST_CASE("what is no ledger is refused with its name and the reason", "[ledger_view]") {
  TemporaryDirectory directory;
  CHECK(Says(WhyNot(directory / "none.db"), "none.db: there is no such ledger"));
  CHECK_FALSE(std::filesystem::exists(directory / "none.db"));
  CHECK(Says(WhyNot(directory / ""), "no such ledger"));  // a directory
  std::ofstream(directory / "text.db") << "this is a text of more than sixteen bytes, no database";
  CHECK(Says(WhyNot(directory / "text.db"), "text.db: not a rollcall ledger"));
  auto foreign = Database::Open(directory / "foreign.db", Database::Mode::kCreate);
  REQUIRE(foreign);
  foreign->Execute("CREATE TABLE t(x)");
  CHECK(Says(WhyNot(directory / "foreign.db"), "foreign.db: not a rollcall ledger"));
}

TEST_CASE("a ledger of a newer version is refused as such", "[ledger_view]") {
  LedgerFixture ledger;
  ledger.ledger.reset();
  auto database = Database::Open(ledger.directory / "ledger.db", Database::Mode::kReadWrite);
  REQUIRE(database);
  database->Execute("PRAGMA user_version = 99");
  CHECK(Says(WhyNot(ledger.directory / "ledger.db"), "newer version"));
}

TEST_CASE("balances carry names, counts and verdicts", "[ledger_view]") {
  LedgerFixture ledger;
  Lose(ledger);
  ledger.Commit({.project = "other", .run = "1", .fresh = 5, .written = 5});
  LedgerView view = ViewOf(ledger.directory / "ledger.db");
  const auto rows = BalancesOf(view);
  REQUIRE(rows.size() == 2);
  const auto own = BalancesOf(view, "acme");
  REQUIRE(own.size() == 1);
  CHECK(own[0].server == "data-1");
  CHECK(own[0].day == "2016-02-22");
  CHECK(own[0].format == "row");
  CHECK(own[0].unit == "events");
  CHECK(own[0].expected == 107);
  CHECK(own[0].actual == 7);
  CHECK(own[0].missing == 100);
  CHECK(own[0].verdict == "firing");
  CHECK_FALSE(own[0].uncertain);
  CHECK(own[0].observed_until == ParseTime("2016-02-22T13:00:00Z"));
  CHECK(BalancesOf(view, "nobody").empty());
}

TEST_CASE("only partitions with something missing are lossy", "[ledger_view]") {
  LedgerFixture ledger;
  Lose(ledger);
  ledger.Commit({.project = "other", .run = "1", .fresh = 5, .written = 5});
  LedgerView view = ViewOf(ledger.directory / "ledger.db");
  std::vector<std::string> lossy;
  REQUIRE(view.Lossy("", [&](const BalanceRow& row) { lossy.push_back(row.project); }));
  CHECK(lossy == std::vector<std::string>{"acme"});
  REQUIRE(view.Lossy("other", [&](const BalanceRow& row) { lossy.push_back(row.project); }));
  CHECK(lossy.size() == 1);
}

TEST_CASE("verdicts agree with the view for people", "[ledger_view]") {
  LedgerFixture ledger;
  Lose(ledger);
  ledger.Commit({.project = "other", .run = "1", .fresh = 5, .written = 5});
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.Commit(
      {.at = "2016-02-22T14:00:00Z", .project = "third", .run = "1", .existing = 5, .written = 5});
  LedgerView view = ViewOf(ledger.directory / "ledger.db");
  int64_t unknown = 0;
  for (const BalanceRow& row : BalancesOf(view)) {
    INFO(row.project);
    CHECK(row.verdict ==
          ledger.Query("SELECT verdict FROM balances WHERE project = '" + row.project + "'"));
    if (row.verdict == "unknown") ++unknown;
    CHECK(row.uncertain == (row.project != "third"));
  }
  CHECK(unknown == 1);
  CHECK(view.Unknown("").value() == LedgerView::UnknownCopies{{"other", 1}});
  CHECK(view.Unknown("other").value() == LedgerView::UnknownCopies{{"other", 1}});
  CHECK(view.Unknown("third").value().empty());
}

TEST_CASE("a loss names the version that wrote what was not read", "[ledger_view]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .version = "2.6.9", .fresh = 100, .written = 100});
  ledger.Commit({.at = "2016-02-22T12:30:00Z",
                 .run = "f",
                 .version = "",
                 .written = kUnknownCount,
                 .kind = FactKind::kFailedRun});
  ledger.Commit({.at = "2016-02-22T13:00:00Z",
                 .run = "2",
                 .version = "2.7.0",
                 .existing = 0,
                 .fresh = 7,
                 .written = 7});
  LedgerView view = ViewOf(ledger.directory / "ledger.db");
  const auto losses = LossesOf(view);
  REQUIRE(losses.size() == 1);
  CHECK(losses[0].version == "2.7.0");
  CHECK(losses[0].previous_version == "2.6.9");
  CHECK(losses[0].cause == "existing_not_read");
  CHECK(losses[0].lost == 100);
  CHECK(losses[0].missing == 100);
  CHECK(losses[0].at == ParseTime("2016-02-22T13:00:00Z").value());
}

TEST_CASE("a timeline walks the chains of its project, late facts included", "[ledger_view]") {
  LedgerFixture ledger;
  Lose(ledger);
  Lose(ledger, "other");
  ledger.Commit({.at = "2016-02-22T12:30:00Z",
                 .run = "1b",
                 .existing = 100,
                 .fresh = 1,
                 .written = 101,
                 .log = 2});
  LedgerView view = ViewOf(ledger.directory / "ledger.db");
  const auto facts = TimelineOf(view, "acme");
  REQUIRE(facts.size() == 3);
  CHECK(facts[0].run == "1");
  CHECK(facts[0].before == 0);
  CHECK(facts[1].lost == 101);
  CHECK(facts[1].verdict == "firing");
  CHECK(facts[2].run == "1b");
  CHECK(facts[2].source == "compactd");
  CHECK(facts[2].log == "log2");
  CHECK(facts[2].observed_at.has_value());
}

TEST_CASE("a timeline can be of one day or one server", "[ledger_view]") {
  LedgerFixture ledger;
  Lose(ledger);
  ledger.Commit({.day = "2016-02-23", .run = "3", .fresh = 1, .written = 1, .server = "data-9"});
  LedgerView view = ViewOf(ledger.directory / "ledger.db");
  CHECK(TimelineOf(view, "acme").size() == 3);
  CHECK(TimelineOf(view, "acme", "2016-02-23").size() == 1);
  CHECK(TimelineOf(view, "acme", "", "data-9").size() == 1);
  CHECK(TimelineOf(view, "acme", "", "data-1").size() == 2);
  CHECK(TimelineOf(view, "nobody").empty());
}

TEST_CASE("a timeline has deploys, permits and remarks once each", "[ledger_view]") {
  LedgerFixture ledger;
  Lose(ledger);
  ledger.Commit({.at = "2016-02-22T14:00:00Z",
                 .project = "",
                 .format = "",
                 .run = "d1",
                 .kind = FactKind::kDeploy,
                 .detail = R"({"version":"2.7.0"})"});
  ledger.Commit({.at = "2016-02-22T15:00:00Z",
                 .run = "p1",
                 .version = "",
                 .kind = FactKind::kPermit,
                 .detail = R"({"kind":"decrease","events":60})"});
  ledger.Commit({.at = "2016-02-22T16:00:00Z",
                 .project = "other",
                 .format = "",
                 .run = "a1",
                 .kind = FactKind::kAnnotation,
                 .detail = R"({"text":"not ours"})"});
  LedgerView view = ViewOf(ledger.directory / "ledger.db");
  const auto facts = TimelineOf(view, "acme");
  REQUIRE(facts.size() == 4);
  CHECK(facts[2].kind == "deploy");
  CHECK(facts[3].kind == "permit");
  CHECK(facts[3].missing == 40);
}

TEST_CASE("facts are paged by sequence", "[ledger_view]") {
  LedgerFixture ledger;
  Lose(ledger);
  Lose(ledger, "other");
  LedgerView view = ViewOf(ledger.directory / "ledger.db");
  std::vector<int64_t> seqs;
  REQUIRE(view.FactsAfter(1, 2, [&](const FactEntry& fact) { seqs.push_back(fact.seq); }));
  CHECK(seqs == std::vector<int64_t>{2, 3});
  seqs.clear();
  REQUIRE(view.FactsAfter(4, 2, [&](const FactEntry& fact) { seqs.push_back(fact.seq); }));
  CHECK(seqs.empty());
}

TEST_CASE("blind intervals say how many projects were not observed since", "[ledger_view]") {
  LedgerFixture ledger;
  ledger.Commit({.project = "acme", .run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.project = "other", .run = "1", .fresh = 100, .written = 100});
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.Commit({.at = "2016-02-22T14:00:00Z",
                 .project = "acme",
                 .run = "2",
                 .existing = 100,
                 .written = 100});
  LedgerView view = ViewOf(ledger.directory / "ledger.db");
  const auto blind = view.Blind().value();
  REQUIRE(blind.size() == 1);
  CHECK(blind[0].server == "data-1");
  CHECK(blind[0].source == "compactd");
  CHECK(blind[0].reason == "truncated");
  CHECK(blind[0].from == ParseTime("2016-02-22T12:00:00Z").value());
  CHECK(blind[0].to == ParseTime("2016-02-22T14:00:00Z").value());
  CHECK(blind[0].projects == 1);
  CHECK(view.Blind("acme").value().at(0).projects == 0);
  CHECK(view.Blind("other").value().at(0).projects == 1);
  CHECK_FALSE(view.Blind("nobody").value().at(0).touches);
}

TEST_CASE("a blind source that never told of a project leaves their number unknown",
          "[ledger_view]") {
  LedgerFixture ledger;
  ledger.AddGap(FactKind::kBlind, "unreadable");
  ledger.Commit();
  LedgerView view = ViewOf(ledger.directory / "ledger.db");
  CHECK_FALSE(view.Blind().value().at(0).projects.has_value());
}

TEST_CASE("a source of which nothing was read leaves everything unknown", "[ledger_view]") {
  LedgerFixture ledger;
  CompactionLogConfig other;
  other.name = "mistyped";
  ledger.config.compaction_logs.push_back(other);
  ledger.Open();
  ledger.Commit({.run = "1", .fresh = 1, .written = 1});
  LedgerView view = ViewOf(ledger.directory / "ledger.db");
  const auto rows = view.Blind().value();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].source == "mistyped");
  CHECK(rows[0].from == Time{});
  CHECK_FALSE(rows[0].to);
  CHECK_FALSE(rows[0].projects);
  std::vector<LedgerView> views;
  views.push_back(std::move(view));
  CHECK_FALSE(ComputeImpact(ReadImpactInput(views, {}).value(), {}).totals.events.certain);
}

TEST_CASE("a source with an open blind alert is not watched now", "[ledger_view]") {
  const bool gap = GENERATE(false, true);
  LedgerFixture ledger;
  const RuleEngine engine(ledger.config);
  ledger.ledger.reset();
  auto opened = Ledger::Open({ledger.directory / "ledger.db", "data-1"}, ledger.config, engine);
  REQUIRE(opened);
  ledger.ledger = std::move(*opened);
  ledger.Commit({.run = "1", .fresh = 1, .written = 1});
  if (gap) ledger.AddGap(FactKind::kBlind, "archive is incomplete");
  ledger.Commit({.at = "2016-02-22T13:00:00Z", .run = "2", .existing = 1, .written = 1});
  const Time began = ParseTime("2016-02-22T14:00:00Z").value();
  const SourceObservation blind{"compactd", "/log.1.gz: archive is incomplete", began};
  REQUIRE(ledger.ledger->ReportSource(blind, began + std::chrono::minutes(6)));
  LedgerView view = ViewOf(ledger.directory / "ledger.db");
  const auto rows = view.Blind().value();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].source == "compactd");
  CHECK_FALSE(rows[0].to);
  ledger.ledger.reset();
}

TEST_CASE("a copy that was re-homed here is unknown until it is seen here", "[ledger_view]") {
  LedgerFixture here, there;
  here.Add({.run = "op-1",
            .kind = FactKind::kPermit,
            .detail = R"({"kind":"rehomed","events":100})",
            .server = "data-2"});
  here.batch.facts[0].source = -1;  // no log's
  here.Commit();
  {
    auto views = OpenLedgers({here.directory / "ledger.db"}).value();
    const auto rows = BalancesOf(views[0], "acme");
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].verdict == "unknown");
    CHECK(rows[0].expected == 100);
    CHECK_FALSE(rows[0].actual);
    CHECK(here.Balance("verdict") == "unknown");
    CHECK(here.Balance("actual") == "NULL");
    CHECK_FALSE(ComputeImpact(ReadImpactInput(views, {}).value(), {}).totals.events.certain);
  }
  there.Commit({.run = "1", .existing = 100, .written = 100, .server = "data-2"});
  auto views = OpenLedgers({here.directory / "ledger.db", there.directory / "ledger.db"}).value();
  CHECK(ReadImpactInput(views, {}).value().unknown_copies.empty());
}

TEST_CASE("where nobody knows what left a server, nobody knows what must arrive", "[ledger_view]") {
  for (const int64_t found : {100, 0}) {
    LedgerFixture there;
    there.CommitPermit(At("11:00:00"), "p", R"({"kind":"rehomed","events":null})", "data-2");
    CHECK(there.Balance("verdict") == "unknown");
    CHECK(there.Balance("expected") == "NULL");
    there.Commit({.at = At("13:00:00"),
                  .run = "2",
                  .existing = found,
                  .fresh = 5,
                  .written = found + 5,
                  .server = "data-2"});
    CHECK(there.Balance("verdict") == (found > 0 ? "clear" : "unknown"));
  }
}

TEST_CASE("what left a server is not lost once the other's ledger has it, else it is unknown",
          "[ledger_view]") {
  for (const int64_t arrived : {100, 60}) {
    LedgerFixture here, there;
    here.Commit({.run = "1", .fresh = 100, .written = 100});
    here.CommitPermit(At("12:30:00"), "p1", R"({"kind":"rehomed_away"})");
    here.CommitPermit(At("12:30:00"), "p2", R"({"kind":"rehomed","events":100})", "data-2");
    const std::vector<std::string> paths = {here.directory / "ledger.db",
                                            there.directory / "ledger.db"};
    const auto impact = [&] {
      auto views = OpenLedgers(paths).value();
      return ComputeImpact(ReadImpactInput(views, {}).value(), {});
    };
    CHECK(impact().totals.events.missing == 0);
    CHECK_FALSE(impact().totals.events.certain);  // never seen there
    there.Commit({.at = At("13:00:00"),
                  .run = "2",
                  .existing = arrived,
                  .written = arrived,
                  .server = "data-2"});
    CHECK(impact().totals.events.missing == 0);
    CHECK(impact().totals.events.certain == (arrived == 100));
  }
}

TEST_CASE("a ledger given twice is read once, as far as it goes", "[ledger_view]") {
  LedgerFixture ledger;
  Lose(ledger);
  ledger.ledger.reset();
  std::filesystem::copy_file(ledger.directory / "ledger.db", ledger.directory / "copy.db");
  ledger.Open();
  Lose(ledger, "other");
  const std::vector<std::string> paths = {ledger.directory / "copy.db",
                                          ledger.directory / "ledger.db"};
  for (const auto& order : {paths, std::vector(paths.rbegin(), paths.rend())}) {
    auto views = OpenLedgers(order).value();
    REQUIRE(views.size() == 1);
    CHECK(views[0].HeadSeq().value() == 4);
  }
}

TEST_CASE("what is past its retention is neither missing nor unknown", "[ledger_view]") {
  LedgerFixture ledger;
  CanonicalFilesConfig row;
  row.format = "row";
  row.retention = std::chrono::hours(24 * 30);
  ledger.config.canonical_files = {row};
  ledger.Open();
  Lose(ledger);  // of 2016-02-22
  ledger.Commit({.project = "dark", .run = "1", .existing = kUnknownCount, .written = 5});
  const auto impact = [&] {
    auto views = OpenLedgers({ledger.directory / "ledger.db"}).value();
    return ComputeImpact(ReadImpactInput(views, {}).value(), {});
  };
  TestRun later{.run = "9", .fresh = 1, .written = 1};
  later.day = "2016-03-20";
  later.at = "2016-03-22T23:59:00Z";
  ledger.Commit(later);
  CHECK(impact().totals.events.missing == 100);
  CHECK(impact().unknown_copies == 1);
  later.run = "10";
  later.existing = 1;
  later.at = "2016-03-23T00:00:00Z";
  later.written = 2;
  ledger.Commit(later);
  CHECK(impact().partitions.empty());
  CHECK(impact().unknown_copies == 0);
  // A run reopens it as new, and loses what it then has.
  ledger.Commit({.at = "2016-03-24T00:00:00Z", .run = "11", .existing = 50, .written = 50});
  ledger.Commit({.at = "2016-03-25T00:00:00Z", .run = "12", .fresh = 1, .written = 1});
  CHECK(impact().totals.events.missing == 50);
}

TEST_CASE("retention of less than a day hides nothing of the day itself", "[ledger_view]") {
  LedgerFixture ledger;
  CanonicalFilesConfig row;
  row.format = "row";
  row.retention = std::chrono::hours(36);
  ledger.config.canonical_files = {row};
  ledger.Open();
  Lose(ledger);  // of 2016-02-22
  TestRun later{.run = "9", .fresh = 1, .written = 1};
  later.day = "2016-02-23";
  later.at = "2016-02-23T06:00:00Z";
  ledger.Commit(later);
  auto views = OpenLedgers({ledger.directory / "ledger.db"}).value();
  CHECK(ComputeImpact(ReadImpactInput(views, {}).value(), {}).totals.events.missing == 100);
}

TEST_CASE("quarantined lines are told by source and reason", "[ledger_view]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 1, .written = 1});
  for (const char* reason : {"not json", "not json", "impossible count"}) {
    ledger.AddGap(FactKind::kQuarantined, reason);
  }
  ledger.Commit();
  LedgerView view = ViewOf(ledger.directory / "ledger.db");
  const auto rows = view.Blind().value();
  REQUIRE(rows.size() == 2);
  int64_t lines = 0;
  for (const BlindRow& row : rows) {
    CHECK(row.quarantined);
    lines += row.lines;
  }
  CHECK(lines == 3);
}

TEST_CASE("alerts can be read by state", "[ledger_view]") {
  LedgerFixture ledger;
  Lose(ledger);
  LedgerView view = ViewOf(ledger.directory / "ledger.db");
  const auto firing = view.Alerts("firing").value();
  REQUIRE(firing.size() == 1);
  CHECK(firing[0].rule == "count_drop");
  CHECK(firing[0].project == "acme");
  CHECK(firing[0].day == "2016-02-22");
  CHECK(firing[0].version == "2.7.0");
  CHECK(firing[0].starts_at == ParseTime("2016-02-22T13:00:00Z"));
  CHECK_FALSE(firing[0].ends_at);
  CHECK(view.Alerts("resolved").value().empty());
  CHECK(view.Alerts("").value().size() == 1);
}

TEST_CASE("a ledger names the formats of its configuration", "[ledger_view]") {
  LedgerFixture ledger;
  CanonicalFilesConfig row, columnar;
  row.format = "row";
  columnar.format = "columnar";
  columnar.reads = "row";
  columnar.serving = true;
  columnar.retention = std::chrono::hours(24 * 400);
  ledger.config.canonical_files = {row, columnar};
  ledger.Open();
  LedgerView view = ViewOf(ledger.directory / "ledger.db");
  const auto formats = view.Formats().value();
  REQUIRE(formats.size() == 2);
  CHECK_FALSE(formats[0].serving);
  CHECK_FALSE(formats[0].retention);
  CHECK(formats[1].format == "columnar");
  CHECK(formats[1].serving);
  CHECK(formats[1].reads == "row");
  CHECK(formats[1].retention == std::chrono::hours(24 * 400));
  ledger.config.canonical_files.clear();  // a later `ingest` without a configuration of files
  ledger.Open();
  CHECK(view.Formats().value().size() == 2);
}

TEST_CASE("what a foreign ledger says of formats in other types is passed over", "[ledger_view]") {
  LedgerFixture ledger;
  ledger.Commit({.run = "1", .fresh = 1, .written = 1});
  ledger.ledger.reset();
  const std::string path = ledger.directory / "ledger.db";
  {
    auto database = Database::Open(path, Database::Mode::kReadWrite).value();
    database.Execute(
        "INSERT OR REPLACE INTO meta VALUES ('formats', '[1, {\"format\": 1}, {\"format\": "
        "\"row\", \"reads\": 2, \"serving\": \"yes\", \"retention_ms\": \"30\"}]')");
    REQUIRE(database.Check());
  }
  const auto formats = ViewOf(path).Formats().value();
  REQUIRE(formats.size() == 1);
  CHECK(formats[0].format == "row");
  CHECK(formats[0].reads.empty());
  CHECK_FALSE(formats[0].serving);
  CHECK_FALSE(formats[0].retention);
  const auto findings = CheckRebuild(path, ledger.directory / "again.db", Config{}, ledger.rules);
  CHECK(findings.has_value());
}

TEST_CASE("impact over several ledgers counts a customer's events once", "[ledger_view]") {
  LedgerFixture first, second;
  Lose(first);
  // A replica whose ledger begins after the loss.
  second.Commit(
      {.at = "2016-02-22T14:00:00Z", .run = "9", .existing = 7, .written = 7, .server = "data-2"});
  auto ledgers = OpenLedgers({first.directory / "ledger.db", second.directory / "ledger.db"});
  REQUIRE(ledgers);
  const auto input = ReadImpactInput(*ledgers, {});
  REQUIRE(input);
  CHECK(input->copies.size() == 2);
  const Impact impact = ComputeImpact(*input, {});
  CHECK(impact.totals.events.missing == 100);
  CHECK(impact.totals.events.expected == 107);
  CHECK(impact.partitions.size() == 1);
  CHECK(impact.totals.events.certain);
}

TEST_CASE("of several ledgers the one that cannot be read is named", "[ledger_view]") {
  LedgerFixture ledger;
  const auto ledgers = OpenLedgers({ledger.directory / "ledger.db", ledger.directory / "other.db"});
  REQUIRE_FALSE(ledgers);
  CHECK(Says(ledgers.error().message, "other.db"));
}

TEST_CASE("what is read after the deadline fails, and a later deadline helps", "[ledger_view]") {
  LedgerFixture fixture;
  fixture.Commit({.run = "1", .fresh = 10, .written = 10});
  auto view = LedgerView::Open(fixture.directory / "ledger.db").value();
  const auto now = std::chrono::steady_clock::now();
  view.ReadUntil(now);
  const auto late = view.Projects();
  REQUIRE_FALSE(late);
  CHECK(late.error().kind == Error::Kind::kTimeout);
  view.ReadUntil(now + std::chrono::hours(1));
  CHECK(view.Projects().value() == std::vector<std::string>{"acme"});
}

TEST_CASE("a reader who is given too much stops the reading", "[ledger_view]") {
  LedgerFixture fixture;
  fixture.Commit({.run = "1", .fresh = 10, .written = 10});
  fixture.Commit({.at = At("13:00:00"), .run = "2", .existing = 10, .fresh = 1, .written = 11});
  auto view = LedgerView::Open(fixture.directory / "ledger.db").value();
  int taken = 0;
  const auto stopped = view.Timeline("acme", "", "", [&](const FactEntry&) {
    ++taken;
    view.Stop("enough");
  });
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().kind == Error::Kind::kTooMany);
  CHECK(taken == 1);
  CHECK(view.Timeline("acme", "", "", [](const FactEntry&) {}));
}

TEST_CASE("whoever stays notices that somebody wrote", "[ledger_view]") {
  LedgerFixture fixture;
  fixture.Commit({.run = "1", .fresh = 10, .written = 10});
  auto view = LedgerView::Open(fixture.directory / "ledger.db").value();
  const int64_t before = view.DataVersion().value();
  CHECK(view.DataVersion().value() == before);
  fixture.Commit({.at = At("13:00:00"), .run = "2", .existing = 10, .fresh = 1, .written = 11});
  CHECK(view.DataVersion().value() != before);
}
