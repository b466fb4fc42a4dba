#include "rules/engine.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/ledger_fixture.h"

// Each rule as a pure function of an observation, then the engine within a ledger: what opens an
// alert, what keeps it, what ends it.

namespace {

RunObservation CleanRun() {
  RunObservation run;
  run.server = "data-1";
  run.project = "acme";
  run.format = "row";
  run.unit = "events";
  run.day = ParseDay("2016-02-22").value();
  run.run = "r2";
  run.version = "2.7.0";
  run.previous_version = "2.6.9";
  run.path = "/data/row/acme/2016-02-22.evt";
  run.counts = {100, 7, 0, 0, 0, 107};
  run.booking.before = 100;
  run.balance.actual = 107;
  run.balance.opening = Opening::kKnown;
  return run;
}

// Before: 100 events. Read none of them, wrote 7 late ones.
RunObservation LossyRun() {
  RunObservation run = CleanRun();
  run.counts = {0, 7, 0, 0, 0, 7};
  run.booking.unread = 100;
  run.booking.lost = 100;
  run.booking.cause = Cause::kExistingNotRead;
  run.balance.actual = 7;
  run.balance.missing = 100;
  return run;
}

RunObservation RunOfSegments() {
  RunObservation run = CleanRun();
  run.segments = true;
  run.conservation = Conservation::kBounded;
  return run;
}

const Finding* Find(const std::vector<Finding>& findings, std::string_view rule) {
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [&](const Finding& finding) { return finding.rule == rule; });
  return found == findings.end() ? nullptr : &*found;
}

// "firing", "kept" (only if it is open), "clear" or "silent".
std::string Answer(const std::vector<Finding>& findings, std::string_view rule) {
  const Finding* finding = Find(findings, rule);
  if (!finding) return "silent";
  if (!finding->firing) return "clear";
  return finding->opens ? "firing" : "kept";
}

std::string Answer(const RunObservation& run, std::string_view rule, const Config& config = {}) {
  return Answer(RuleEngine(config).OnRun(run), rule);
}

nlohmann::json EvidenceOf(const Finding& finding) {
  return nlohmann::json::parse(finding.evidence);
}

// A ledger that is judged by the real rules.
struct RuledLedger : LedgerFixture {
  explicit RuledLedger(const Config& tuned = {}) {
    config.rules = tuned.rules;
    Restart();
  }
  // Under the configuration as it is now.
  void Restart() {
    ledger.reset();
    engine = std::make_unique<RuleEngine>(config);
    auto opened = Ledger::Open({directory / "ledger.db", "data-1"}, config, *engine);
    if (!opened) FAIL(opened.error().message);
    ledger = std::move(*opened);
  }
  std::string Alert(const std::string& column, const std::string& rule) {
    return Query("SELECT " + column + " FROM alerts WHERE rule = '" + rule + "' ORDER BY id DESC");
  }
  std::unique_ptr<RuleEngine> engine;
};

}  // namespace

TEST_CASE("every rule that may be configured has a severity", "[rules]") {
  std::vector<std::string_view> ours, configurable(RuleNames().begin(), RuleNames().end());
  for (const RuleKind& rule : Rules()) {
    ours.push_back(rule.name);
    CHECK((rule.severity == "critical" || rule.severity == "warning"));
  }
  std::sort(ours.begin(), ours.end());
  std::sort(configurable.begin(), configurable.end());
  CHECK(ours == configurable);
}

TEST_CASE("a loss is a critical count_drop with its cause and its counts", "[rules]") {
  const auto findings = RuleEngine({}).OnRun(LossyRun());
  const Finding* drop = Find(findings, "count_drop");
  REQUIRE(drop);
  CHECK(drop->firing);
  CHECK(drop->severity == "critical");
  CHECK(drop->cause == "existing_not_read");
  CHECK(drop->version == "2.7.0");
  CHECK(drop->previous_version == "2.6.9");
  const auto evidence = EvidenceOf(*drop);
  CHECK(evidence["before"] == 100);
  CHECK(evidence["existing"] == 0);
  CHECK(evidence["fresh"] == 7);
  CHECK(evidence["written"] == 7);
  CHECK(evidence["after"] == 7);
  CHECK(evidence["unread"] == 100);
  CHECK(evidence["lost"] == 100);
  CHECK(evidence["missing"] == 100);
  CHECK(evidence["expected"] == 107);
  CHECK(evidence["run"] == "r2");
  CHECK(evidence["path"] == "/data/row/acme/2016-02-22.evt");
}

TEST_CASE("a count that the log does not say is null in the evidence, not 0", "[rules]") {
  RunObservation run = LossyRun();
  run.counts.existing = kUnknownCount;
  run.booking.cause = Cause::kUnexplained;
  const auto findings = RuleEngine({}).OnRun(run);
  CHECK(EvidenceOf(*Find(findings, "count_drop"))["existing"].is_null());
}

TEST_CASE("names that are no UTF-8 still make valid evidence", "[rules]") {
  RunObservation run = LossyRun();
  run.run = "r\xff\"\n";
  const auto findings = RuleEngine({}).OnRun(run);
  CHECK(EvidenceOf(*Find(findings, "count_drop"))["run"] == "r\xef\xbf\xbd\"\n");
}

TEST_CASE("a clean run clears every rule of its partition but an undone erasure", "[rules]") {
  for (const char* rule :
       {"count_drop", "lost_in_gap", "file_disagrees", "surplus", "overstated"}) {
    INFO(rule);
    CHECK(Answer(CleanRun(), rule) == "clear");
  }
  CHECK(Answer(CleanRun(), "deleted_came_back") == "silent");
}

TEST_CASE("events stay missing through clean runs", "[rules]") {
  RunObservation run = CleanRun();
  run.balance.missing = 100;
  CHECK(Answer(run, "count_drop") == "kept");
  CHECK(Answer(run, "lost_in_gap") == "kept");
  run.balance.missing = 0;
  CHECK(Answer(run, "count_drop") == "clear");
}

TEST_CASE("count_drop fires from min_events on", "[rules]") {
  Config config;
  config.rules["count_drop"].min_events = 100;
  CHECK(Answer(LossyRun(), "count_drop", config) == "firing");
  config.rules["count_drop"].min_events = 101;
  CHECK(Answer(LossyRun(), "count_drop", config) == "clear");
}

TEST_CASE("count_drop fires from min_ratio of what is expected on", "[rules]") {
  Config config;
  RunObservation run = LossyRun();
  run.balance.actual = 300;  // 100 of 400 are missing
  config.rules["count_drop"].min_ratio = 0.25;
  CHECK(Answer(run, "count_drop", config) == "firing");
  config.rules["count_drop"].min_ratio = 0.26;
  CHECK(Answer(run, "count_drop", config) == "clear");
}

TEST_CASE("severity, for and keep_firing_for come from the configuration", "[rules]") {
  Config config;
  RuleConfig& own = config.rules["count_drop"];
  own.severity = "warning";
  own.pending_for = std::chrono::minutes(1);
  own.keep_firing_for = std::chrono::minutes(2);
  const auto findings = RuleEngine(config).OnRun(LossyRun());
  const Finding* drop = Find(findings, "count_drop");
  CHECK(drop->severity == "warning");
  CHECK(drop->pending_for == std::chrono::minutes(1));
  CHECK(drop->keep_firing_for == std::chrono::minutes(2));
}

TEST_CASE("a loss in a gap is a warning of its own and no count_drop", "[rules]") {
  RunObservation run = LossyRun();
  run.booking.cause = Cause::kLostInGap;
  const auto findings = RuleEngine({}).OnRun(run);
  CHECK(Answer(findings, "lost_in_gap") == "firing");
  CHECK(Find(findings, "lost_in_gap")->severity == "warning");
  CHECK(Answer(findings, "count_drop") == "kept");  // only one that was open before
}

TEST_CASE("rows missing from the file itself are file_disagrees", "[rules]") {
  RunObservation run = LossyRun();
  run.kind = FactKind::kRecount;
  run.booking.cause = Cause::kFileDisagrees;
  CHECK(Answer(run, "file_disagrees") == "firing");
  CHECK(Answer(run, "count_drop") == "kept");
}

TEST_CASE("an input that was gone fires even when nobody knows how much it held", "[rules]") {
  RunObservation run = RunOfSegments();
  run.booking.broken_segments = 1;
  run.booking.cause = Cause::kExistingNotRead;
  const auto findings = RuleEngine({}).OnRun(run);
  CHECK(Answer(findings, "count_drop") == "firing");
  CHECK(Find(findings, "count_drop")->severity == "critical");
}

TEST_CASE("a flush or a deletion does not end a broken closure, a clean merge does", "[rules]") {
  RunObservation flush = RunOfSegments();
  flush.counts.existing = 0;
  CHECK(Answer(flush, "count_drop") == "silent");
  RunObservation deletion = RunOfSegments();
  deletion.kind = FactKind::kSegmentsDeleted;
  CHECK(Answer(deletion, "count_drop") == "silent");
  CHECK(Answer(RunOfSegments(), "count_drop") == "clear");
  RunObservation permit = RunOfSegments();
  permit.kind = FactKind::kPermit;
  CHECK(Answer(permit, "count_drop") == "clear");
}

TEST_CASE("a merge of something into nothing warns where records may go", "[rules]") {
  RunObservation run = RunOfSegments();
  run.booking.emptied = true;
  const auto findings = RuleEngine({}).OnRun(run);
  CHECK(Find(findings, "count_drop")->cause == "emptied");
  CHECK(Find(findings, "count_drop")->severity == "warning");
}

TEST_CASE("a merge that writes more than it read breaks conservation", "[rules]") {
  RunObservation run = RunOfSegments();
  run.booking.surplus = 5;
  run.booking.cause = Cause::kDuplicated;
  auto findings = RuleEngine({}).OnRun(run);
  CHECK(Find(findings, "count_drop")->cause == "duplicated");
  CHECK(Find(findings, "count_drop")->severity == "warning");
  CHECK(Answer(findings, "surplus") == "clear");
  run.conservation = Conservation::kStrict;
  findings = RuleEngine({}).OnRun(run);
  CHECK(Find(findings, "count_drop")->severity == "critical");
}

TEST_CASE("more than expected is a surplus until the next clean run", "[rules]") {
  RunObservation run = CleanRun();
  run.booking.surplus = 20;
  run.balance.surplus = 20;
  CHECK(Answer(run, "surplus") == "firing");
  CHECK(Answer(run, "count_drop") == "clear");
  run.booking.surplus = 0;
  CHECK(Answer(run, "surplus") == "clear");
  run.kind = FactKind::kRecount;
  CHECK(Answer(run, "surplus") == "silent");
}

TEST_CASE("deletions beyond what was there are overstated", "[rules]") {
  RunObservation run = CleanRun();
  run.booking.overstated = 50;
  const auto findings = RuleEngine({}).OnRun(run);
  CHECK(Find(findings, "overstated")->cause == "deleted_more_than_there_was");
  run.booking.impossible_duplicates = true;
  CHECK(Find(RuleEngine({}).OnRun(run), "overstated")->cause == "impossible_duplicates");
}

TEST_CASE("in a ledger the share from which on explanations are suspicious is configured",
          "[rules]") {
  Config tuned;
  tuned.rules["overstated"].explained_ratio = 0.1;
  tuned.rules["overstated"].explained_events = 10;
  for (const bool own : {false, true}) {
    RuledLedger ledger(own ? tuned : Config{});
    ledger.Commit({.run = "1", .fresh = 100, .written = 100});
    ledger.Commit({.at = "2016-02-22T13:00:00Z",
                   .run = "2",
                   .existing = 100,
                   .duplicates = 11,
                   .written = 89});
    CHECK(ledger.Alert("cause", "overstated") == (own ? "large_explained_share" : "NULL"));
  }
}

TEST_CASE("a source may be 64 MiB behind unless configured", "[rules]") {
  CHECK(RuleEngine({}).lag_bounds().bytes == int64_t{64} << 20);
  Config config;
  config.rules["blind"].max_lag_bytes = 1 << 20;
  CHECK(RuleEngine(config).lag_bounds().bytes == 1 << 20);
}

TEST_CASE("a large explained share warns, since a loss can be mislabelled", "[rules]") {
  RunObservation run = CleanRun();
  run.booking.large_share = true;
  const auto findings = RuleEngine({}).OnRun(run);
  CHECK(Answer(findings, "overstated") == "firing");
  CHECK(Find(findings, "overstated")->cause == "large_explained_share");
}

TEST_CASE("an erasure undone stays until it is done again", "[rules]") {
  RunObservation run = CleanRun();
  run.booking.surplus = run.booking.came_back = 30;
  CHECK(Answer(run, "deleted_came_back") == "firing");
  CHECK(Answer(run, "surplus") == "clear");  // said once
  RunObservation again = CleanRun();
  again.counts.deleted = 30;
  CHECK(Answer(again, "deleted_came_back") == "clear");
}

TEST_CASE("a failed run says nothing new", "[rules]") {
  RunObservation run = CleanRun();
  run.kind = FactKind::kFailedRun;
  run.balance.missing = 100;
  CHECK(Answer(run, "count_drop") == "kept");
  CHECK(Answer(run, "surplus") == "silent");
  CHECK(Answer(run, "overstated") == "silent");
}

TEST_CASE("a new directory is a critical move before anything is lost", "[rules]") {
  OutputObservation output;
  output.server = "data-1";
  output.format = "row";
  output.version = "2.7.0";
  output.previous_version = "2.6.9";
  output.directory = "/new/row/{project}";
  output.previous_directory = "/data/row/{project}";
  output.written = 5000;
  const auto findings = RuleEngine({}).OnOutput(output);
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].firing);
  CHECK(findings[0].severity == "critical");
  CHECK(findings[0].cause == "moved");
  CHECK(findings[0].version == "2.7.0");
  CHECK(EvidenceOf(findings[0])["written"] == 5000);
  CHECK(EvidenceOf(findings[0])["previous_directory"] == "/data/row/{project}");
}

TEST_CASE("a move ends where it began, unless the configuration says otherwise", "[rules]") {
  OutputObservation output;
  output.directory = "/data/row/{project}";
  output.previous_directory = "/new/row/{project}";
  output.left = "/data/row/{project}";
  CHECK_FALSE(RuleEngine({}).OnOutput(output)[0].firing);
  output.outside_template = true;
  CHECK(RuleEngine({}).OnOutput(output)[0].firing);
  output.outside_template = false;
  output.directory = "/third/row/{project}";
  CHECK(RuleEngine({}).OnOutput(output)[0].firing);
}

TEST_CASE("a place that the version before wrote to as well is no move", "[rules]") {
  OutputObservation output;
  output.directory = "/disk2/row/{project}";
  output.previous_directory = "/disk1/row/{project}";
  CHECK(RuleEngine({}).OnOutput(output)[0].firing);
  output.usual = true;
  CHECK_FALSE(RuleEngine({}).OnOutput(output)[0].firing);
}

TEST_CASE("the first place of a format is a move only where the configuration has another",
          "[rules]") {
  OutputObservation output;
  output.directory = "/data/row/{project}";
  CHECK_FALSE(RuleEngine({}).OnOutput(output)[0].firing);
  output.outside_template = true;
  const auto findings = RuleEngine({}).OnOutput(output);
  CHECK(findings[0].firing);
  CHECK(findings[0].cause == "outside_template");
  output.left = "";  // what that alert left: nothing
  output.outside_template = false;
  CHECK_FALSE(RuleEngine({}).OnOutput(output)[0].firing);
}

TEST_CASE("a source is blind after five minutes, critically after fifteen", "[rules]") {
  const Time began = ParseTime("2016-02-22T12:00:00Z").value();
  const SourceObservation source{"compactd", "unreadable", began};
  const RuleEngine engine({});
  using std::chrono::minutes;
  CHECK(engine.OnSource(source, began + minutes(5) - std::chrono::milliseconds(1)).empty());
  CHECK(engine.OnSource(source, began + minutes(5)).at(0).severity == "warning");
  CHECK(engine.OnSource(source, began + minutes(15)).at(0).severity == "critical");
  CHECK_FALSE(engine.OnSource({"compactd", "", began}, began).at(0).firing);
}

TEST_CASE("a run may take six hours unless configured", "[rules]") {
  CHECK(RuleEngine({}).overdue_after() == std::chrono::hours(6));
  Config config;
  config.rules["compaction_overdue"].after = std::chrono::hours(1);
  CHECK(RuleEngine(config).overdue_after() == std::chrono::hours(1));
}

TEST_CASE("in a ledger a count_drop fires, keeps its first evidence and ends when data is back",
          "[rules]") {
  RuledLedger ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = "2016-02-22T13:00:00Z",
                 .run = "2",
                 .version = "2",
                 .existing = 0,
                 .fresh = 7,
                 .written = 7});
  CHECK(ledger.Alert("state", "count_drop") == "firing");
  CHECK(ledger.Alert("cause", "count_drop") == "existing_not_read");
  ledger.Commit({.at = "2016-02-22T14:00:00Z",
                 .run = "3",
                 .version = "3",
                 .existing = 7,
                 .recovered = 60,
                 .written = 67});
  CHECK(ledger.Alert("state", "count_drop") == "firing");
  CHECK(ledger.Alert("evidence ->> '$.run'", "count_drop") == "2");
  CHECK(ledger.Alert("evidence ->> '$.missing'", "count_drop") == "40");
  CHECK(ledger.Alert("evidence ->> '$.latest_run'", "count_drop") == "3");
  ledger.Commit(
      {.at = "2016-02-22T15:00:00Z", .run = "4", .existing = 67, .recovered = 40, .written = 107});
  CHECK(ledger.Alert("state", "count_drop") == "resolved");
  CHECK(ledger.Query("SELECT count(*) FROM alerts") == "1");
}

TEST_CASE("in a ledger a loss in a gap stays a warning until something else is lost", "[rules]") {
  RuledLedger ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.Commit({.at = "2016-02-22T13:00:00Z", .run = "2", .existing = 70, .written = 70});
  CHECK(ledger.Alert("state", "lost_in_gap") == "firing");
  ledger.Commit({.at = "2016-02-22T14:00:00Z", .run = "3", .existing = 70, .written = 70});
  CHECK(ledger.Alert("state", "lost_in_gap") == "firing");
  CHECK(ledger.Alert("state", "count_drop") == "NULL");
  ledger.Commit({.at = "2016-02-22T15:00:00Z", .run = "4", .existing = 70, .written = 60});
  CHECK(ledger.Alert("state", "count_drop") == "firing");
}

TEST_CASE("in a ledger a surplus ends with the next clean run", "[rules]") {
  RuledLedger ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = "2016-02-22T13:00:00Z", .run = "2", .existing = 120, .written = 120});
  CHECK(ledger.Alert("state", "surplus") == "firing");
  ledger.Commit({.at = "2016-02-22T14:00:00Z", .run = "3", .existing = 120, .written = 120});
  CHECK(ledger.Alert("state", "surplus") == "resolved");
}

TEST_CASE("in a ledger a surplus ends where the data has gone to another server", "[rules]") {
  RuledLedger ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = "2016-02-22T13:00:00Z", .run = "2", .existing = 120, .written = 120});
  ledger.Commit({.at = "2016-02-22T14:00:00Z",
                 .run = "op-1",
                 .kind = FactKind::kPermit,
                 .detail = R"({"kind":"rehomed_away"})"});
  CHECK(ledger.Alert("state", "surplus") == "resolved");
}

TEST_CASE("in a ledger a second surplus leaves the numbers of the first", "[rules]") {
  RuledLedger ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = "2016-02-22T13:00:00Z", .run = "2", .existing = 120, .written = 120});
  ledger.Commit({.at = "2016-02-22T14:00:00Z", .run = "3", .existing = 125, .written = 125});
  CHECK(ledger.Query("SELECT count(*) FROM alerts") == "1");
  CHECK(ledger.Alert("evidence ->> '$.actual'", "surplus") == "120");
  CHECK(ledger.Alert("evidence ->> '$.surplus'", "surplus") == "20");
}

TEST_CASE("in a ledger a move and the loss it causes are one incident", "[rules]") {
  RuledLedger ledger;
  ledger.Commit({.run = "1", .path = "/old/{project}/{day}.evt", .fresh = 100, .written = 100});
  ledger.Commit({.at = "2016-02-22T13:00:00Z",
                 .project = "other",
                 .run = "2",
                 .version = "2",
                 .path = "/new/{project}/{day}.evt",
                 .fresh = 9,
                 .written = 9});
  CHECK(ledger.Alert("state", "output_moved") == "firing");
  ledger.Commit({.at = "2016-02-22T14:00:00Z",
                 .run = "3",
                 .version = "2",
                 .path = "/new/{project}/{day}.evt",
                 .existing = 0,
                 .fresh = 7,
                 .written = 7});
  CHECK(ledger.Query("SELECT count(DISTINCT incident) FROM alerts") == "1");
  ledger.Commit({.at = "2016-02-22T15:00:00Z",
                 .run = "4",
                 .version = "1",
                 .path = "/old/{project}/{day}.evt",
                 .existing = 7,
                 .written = 7});
  CHECK(ledger.Alert("state", "output_moved") == "resolved");
  CHECK(ledger.Alert("state", "count_drop") == "firing");
}

TEST_CASE("in a ledger an overdue run ends when it fails or finishes", "[rules]") {
  const auto end = GENERATE(FactKind::kRun, FactKind::kFailedRun);
  RuledLedger ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = "2016-02-22T13:00:00Z",
                 .run = "2",
                 .existing = kUnknownCount,
                 .written = kUnknownCount,
                 .kind = FactKind::kStartedRun});
  REQUIRE(ledger.ledger->Tick(ParseTime("2016-02-22T18:59:59Z").value()));
  CHECK(ledger.Alert("state", "compaction_overdue") == "NULL");
  REQUIRE(ledger.ledger->Tick(ParseTime("2016-02-22T19:00:00Z").value()));
  CHECK(ledger.Alert("state", "compaction_overdue") == "firing");
  ledger.Commit(
      {.at = "2016-02-22T20:00:00Z", .run = "2", .existing = 100, .written = 100, .kind = end});
  CHECK(ledger.Alert("state", "compaction_overdue") == "resolved");
}

TEST_CASE("in a ledger a blind source becomes critical and never milder", "[rules]") {
  RuledLedger ledger;
  const Time began = ParseTime("2016-02-22T12:00:00Z").value();
  const SourceObservation blind{"compactd", "unreadable", began};
  REQUIRE(ledger.ledger->ReportSource(blind, began + std::chrono::minutes(6)));
  CHECK(ledger.Alert("severity", "blind") == "warning");
  REQUIRE(ledger.ledger->ReportSource(blind, began + std::chrono::minutes(16)));
  CHECK(ledger.Alert("severity", "blind") == "critical");
  CHECK(ledger.Query("SELECT count(*) FROM alerts") == "1");
  REQUIRE(ledger.ledger->ReportSource({"compactd", "", began}, began + std::chrono::minutes(20)));
  CHECK(ledger.Alert("state", "blind") == "resolved");
}

TEST_CASE("in a ledger a later loss leaves the alert about the first one", "[rules]") {
  RuledLedger ledger;
  ledger.Commit({.run = "1", .version = "1", .fresh = 100, .written = 100});
  ledger.Commit(
      {.at = "2016-02-22T13:00:00Z", .run = "2", .version = "2", .fresh = 7, .written = 7});
  ledger.Commit(
      {.at = "2016-02-22T14:00:00Z", .run = "3", .version = "3", .fresh = 9, .written = 9});
  CHECK(ledger.Query("SELECT count(*) FROM alerts") == "1");
  CHECK(ledger.Alert("version", "count_drop") == "2");
  CHECK(ledger.Alert("evidence ->> '$.run'", "count_drop") == "2");
  CHECK(ledger.Alert("evidence ->> '$.before'", "count_drop") == "100");
  CHECK(ledger.Alert("evidence ->> '$.missing'", "count_drop") == "107");
  CHECK(ledger.Alert("evidence ->> '$.latest_run'", "count_drop") == "3");
  CHECK(ledger.Alert("evidence ->> '$.latest_version'", "count_drop") == "3");
}

TEST_CASE("a late fact that explains a loss ends its alert, also where the last run failed",
          "[rules]") {
  const bool failed = GENERATE(false, true);
  RuledLedger ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit(
      {.at = "2016-02-22T14:00:00Z", .run = "3", .version = "2", .existing = 50, .written = 50});
  if (failed) {
    ledger.Commit({.at = "2016-02-22T15:00:00Z",
                   .run = "4",
                   .existing = kUnknownCount,
                   .written = kUnknownCount,
                   .kind = FactKind::kFailedRun});
  }
  REQUIRE(ledger.Alert("state", "count_drop") == "firing");
  ledger.Commit({.at = "2016-02-22T13:00:00Z",
                 .run = "2",
                 .existing = 100,
                 .deleted = 50,
                 .written = 50,
                 .log = 2});
  CHECK(ledger.Balance("missing") == "0");
  CHECK(ledger.Alert("state", "count_drop") == "resolved");
}

TEST_CASE("a late fact that explains a surplus or an undone erasure ends the alert", "[rules]") {
  RuledLedger ledger;
  ledger.Commit({.run = "1", .fresh = 100, .deleted = 10, .written = 90});
  ledger.Commit({.at = "2016-02-22T14:00:00Z", .run = "3", .existing = 120, .written = 120});
  REQUIRE(ledger.Alert("state", "deleted_came_back") == "firing");
  ledger.Commit({.at = "2016-02-22T13:00:00Z",
                 .run = "2",
                 .existing = 90,
                 .fresh = 30,
                 .written = 120,
                 .log = 2});
  CHECK(ledger.Alert("state", "deleted_came_back") == "resolved");
}

TEST_CASE("a late fact leaves an alert about the loss that remains", "[rules]") {
  RuledLedger ledger;
  ledger.Commit({.run = "1", .version = "1", .fresh = 100, .written = 100});
  ledger.Commit(
      {.at = "2016-02-22T14:00:00Z", .run = "3", .version = "2", .existing = 50, .written = 50});
  ledger.Commit(
      {.at = "2016-02-22T15:00:00Z", .run = "4", .version = "3", .fresh = 5, .written = 5});
  REQUIRE(ledger.Alert("version", "count_drop") == "2");
  ledger.Commit({.at = "2016-02-22T13:00:00Z",
                 .run = "2",
                 .version = "1",
                 .existing = 100,
                 .deleted = 50,
                 .written = 50,
                 .log = 2});
  CHECK(ledger.Query("SELECT group_concat(version || ' ' || state, ', ') FROM alerts") ==
        "2 resolved, 3 firing");
  CHECK(ledger.Alert("starts_at", "count_drop") == "2016-02-22T15:00:00.000Z");
  CHECK(ledger.Alert("evidence ->> '$.missing'", "count_drop") == "50");
  CHECK(ledger.Alert("incident", "count_drop") == ledger.engine->Incident("count_drop", "", "3"));
}

TEST_CASE("a late fact restates the numbers of an alert that stays", "[rules]") {
  RuledLedger ledger;
  ledger.Commit({.run = "1", .version = "1", .fresh = 100, .written = 100});
  ledger.Commit(
      {.at = "2016-02-22T14:00:00Z", .run = "3", .version = "2", .fresh = 5, .written = 5});
  ledger.Commit({.at = "2016-02-22T13:00:00Z",
                 .run = "2",
                 .version = "1",
                 .existing = 100,
                 .fresh = 20,
                 .written = 120,
                 .log = 2});
  CHECK(ledger.Query("SELECT count(*) FROM alerts") == "1");
  CHECK(ledger.Alert("starts_at", "count_drop") == "2016-02-22T14:00:00.000Z");
  CHECK(ledger.Alert("evidence ->> '$.before'", "count_drop") == "120");
  CHECK(ledger.Alert("evidence ->> '$.lost'", "count_drop") == "120");
}

TEST_CASE("a late fact that was lossy itself begins an alert", "[rules]") {
  RuledLedger ledger;
  ledger.Commit({.run = "1", .version = "1", .fresh = 100, .written = 100});
  ledger.Commit(
      {.at = "2016-02-22T14:00:00Z", .run = "3", .version = "3", .existing = 130, .written = 130});
  ledger.Commit({.at = "2016-02-22T13:00:00Z",
                 .run = "2",
                 .version = "2",
                 .existing = 100,
                 .fresh = 40,
                 .written = 130,
                 .log = 2});
  CHECK(ledger.Alert("version", "count_drop") == "2");
  CHECK(ledger.Alert("starts_at", "count_drop") == "2016-02-22T13:00:00.000Z");
  CHECK(ledger.Alert("state", "surplus") == "resolved");
}

TEST_CASE("a retry that loses as the attempt before it did is the same alert", "[rules]") {
  RuledLedger ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  for (const char* run : {"2", "3"}) {
    ledger.Commit({.at = "2016-02-22T13:00:00Z",
                   .run = run,
                   .batch = "b",
                   .version = "2",
                   .existing = 100,
                   .fresh = 5,
                   .written = 5});
  }
  CHECK(ledger.Query("SELECT count(*) FROM alerts") == "1");
  CHECK(ledger.Alert("evidence ->> '$.run'", "count_drop") == "3");
  CHECK(ledger.Alert("evidence ->> '$.missing'", "count_drop") == "100");
}

TEST_CASE("a loss names the version that wrote what was lost, not a failed run's", "[rules]") {
  RuledLedger ledger;
  ledger.Commit({.run = "1", .version = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = "2016-02-22T13:00:00Z",
                 .run = "2",
                 .version = "2",
                 .existing = kUnknownCount,
                 .written = kUnknownCount,
                 .kind = FactKind::kFailedRun});
  ledger.Commit(
      {.at = "2016-02-22T14:00:00Z", .run = "3", .version = "2", .fresh = 7, .written = 7});
  CHECK(ledger.Alert("previous_version", "count_drop") == "1");
}

TEST_CASE("an alert that was due between two runs read at once has fired", "[rules]") {
  Config tuned;
  tuned.rules["count_drop"].pending_for = std::chrono::minutes(5);
  RuledLedger ledger(tuned);
  ledger.Add({.run = "1", .fresh = 100, .written = 100});
  ledger.Add({.at = "2016-02-22T13:00:00Z", .run = "2", .fresh = 7, .written = 7});
  ledger.Add({.at = "2016-02-22T13:04:59Z", .run = "3", .existing = 7, .written = 7});
  ledger.Commit();
  CHECK(ledger.Alert("state", "count_drop") == "pending");
  ledger.Commit(
      {.at = "2016-02-22T14:00:00Z", .run = "4", .existing = 7, .recovered = 100, .written = 107});
  CHECK(ledger.Alert("state", "count_drop") == "resolved");
  CHECK(ledger.Alert("starts_at", "count_drop") == "2016-02-22T13:05:00.000Z");
  CHECK(ledger.Alert("ends_at", "count_drop") == "2016-02-22T14:00:00.000Z");
}

TEST_CASE("an alert that was clear for keep_firing_for between two runs has ended", "[rules]") {
  Config tuned;
  tuned.rules["count_drop"].keep_firing_for = std::chrono::minutes(5);
  const bool soon = GENERATE(false, true);
  RuledLedger ledger(tuned);
  ledger.Add({.run = "1", .fresh = 100, .written = 100});
  ledger.Add({.at = "2016-02-22T13:00:00Z", .run = "2", .fresh = 7, .written = 7});
  ledger.Add(
      {.at = "2016-02-22T13:10:00Z", .run = "3", .existing = 7, .recovered = 100, .written = 107});
  ledger.Add({.at = soon ? "2016-02-22T13:14:59Z" : "2016-02-22T13:15:00Z",
              .run = "4",
              .fresh = 7,
              .written = 7});
  ledger.Commit();
  CHECK(ledger.Query("SELECT count(*) FROM alerts") == (soon ? "1" : "2"));
  CHECK(ledger.Alert("state", "count_drop") == "firing");
  if (!soon) CHECK(ledger.Query("SELECT ends_at FROM alerts") == "2016-02-22T13:15:00.000Z");
}

TEST_CASE("an alert that never fired leaves no history", "[rules]") {
  Config tuned;
  tuned.rules["count_drop"].pending_for = std::chrono::hours(5);
  RuledLedger ledger(tuned);
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = "2016-02-22T13:00:00Z", .run = "2", .fresh = 7, .written = 7});
  REQUIRE(ledger.Alert("state", "count_drop") == "pending");
  ledger.Commit(
      {.at = "2016-02-22T14:00:00Z", .run = "3", .existing = 7, .recovered = 100, .written = 107});
  CHECK(ledger.Query("SELECT count(*) FROM alerts") == "0");
}

TEST_CASE("in a ledger a run of the same partition does not end another's being overdue",
          "[rules]") {
  RuledLedger ledger;
  ledger.Commit({.run = "1", .fresh = 100, .written = 100});
  ledger.Commit({.at = "2016-02-22T13:00:00Z",
                 .run = "3",
                 .existing = kUnknownCount,
                 .written = kUnknownCount,
                 .kind = FactKind::kStartedRun});
  REQUIRE(ledger.ledger->Tick(ParseTime("2016-02-22T19:00:00Z").value()));
  REQUIRE(ledger.Alert("state", "compaction_overdue") == "firing");
  ledger.Commit(
      {.at = "2016-02-22T12:30:00Z", .run = "2", .existing = 100, .written = 100, .log = 2});
  CHECK(ledger.Alert("state", "compaction_overdue") == "firing");
  REQUIRE(ledger.ledger->Tick(ParseTime("2016-02-22T19:00:01Z").value()));
  CHECK(ledger.Query("SELECT count(*) FROM alerts") == "1");
}

namespace {

// A run that writes `path`; each is read from the next hour on.
TestRun RunTo(const std::string& path, const std::string& version, int hour) {
  TestRun run;
  run.at = "2016-02-22T" + std::to_string(hour) + ":00:00Z";
  run.run = std::to_string(hour);
  run.project = "p" + std::to_string(hour);
  run.version = version;
  run.path = path;
  run.fresh = run.written = 100;
  return run;
}

constexpr const char* kOld = "/data/row/{project}/{day}.evt";
constexpr const char* kNew = "/data/row-v2/{project}/{day}.evt";

}  // namespace

TEST_CASE("a release that moves its output again is called out again", "[rules]") {
  RuledLedger ledger;
  ledger.Commit(RunTo(kOld, "1", 12));
  ledger.Commit(RunTo(kNew, "2", 13));
  ledger.Commit(RunTo(kOld, "1", 14));
  REQUIRE(ledger.Alert("state", "output_moved") == "resolved");
  ledger.Commit(RunTo(kNew, "2", 15));
  CHECK(ledger.Query("SELECT group_concat(state) FROM alerts") == "resolved,firing");
}

TEST_CASE("a move is the same alert after a restart and ends after one", "[rules]") {
  RuledLedger ledger;
  ledger.Commit(RunTo(kOld, "1", 12));
  ledger.Commit(RunTo(kNew, "2", 13));
  ledger.Restart();
  ledger.Commit(RunTo(kNew, "2", 14));
  CHECK(ledger.Query("SELECT group_concat(state) FROM alerts") == "firing");
  ledger.Restart();
  ledger.Commit(RunTo(kOld, "1", 15));
  CHECK(ledger.Query("SELECT group_concat(state) FROM alerts") == "resolved");
}

TEST_CASE("an old log that is found late neither hides a move nor ends it", "[rules]") {
  const bool before = GENERATE(false, true);
  RuledLedger ledger;
  TestRun old = RunTo(kOld, "1", 12);
  old.log = 2;
  ledger.Commit(RunTo(kOld, "1", 13));
  if (before) ledger.Commit(old);
  ledger.Commit(RunTo(kNew, "2", 14));
  if (!before) ledger.Commit(old);
  CHECK(ledger.Alert("state", "output_moved") == "firing");
  CHECK(ledger.Alert("evidence ->> '$.previous_directory'", "output_moved") ==
        "/data/row/{project}");
  ledger.Commit(RunTo(kNew, "2", 15));
  CHECK(ledger.Query("SELECT group_concat(state) FROM alerts") == "firing");
}

TEST_CASE("a store that fills two disks in turn has not moved", "[rules]") {
  RuledLedger ledger;
  const char* disks[] = {"/disk1/{project}/{day}.evt", "/disk2/{project}/{day}.evt"};
  int hour = 10;
  for (const char* version : {"1", "2"}) {
    for (int i = 0; i < 4; ++i) ledger.Commit(RunTo(disks[i % 2], version, hour++));
  }
  // The second disk was new once, until the first was written again.
  CHECK(ledger.Query("SELECT group_concat(state) FROM alerts") == "resolved");
}

TEST_CASE("a confirmed move is over; going back from it is another", "[rules]") {
  RuledLedger ledger;
  ledger.Commit(RunTo(kOld, "1", 12));
  ledger.Commit(RunTo(kNew, "2", 13));
  ledger.Commit({.at = "2016-02-22T14:00:00Z",
                 .project = "",
                 .run = "op-1",
                 .kind = FactKind::kPermit,
                 .detail = R"({"kind":"move"})"});
  CHECK(ledger.Alert("state", "output_moved") == "resolved");
  ledger.Commit(RunTo(kNew, "2", 15));
  CHECK(ledger.Query("SELECT count(*) FROM alerts") == "1");
  ledger.Commit(RunTo(kOld, "1", 16));
  CHECK(ledger.Alert("state", "output_moved") == "firing");
}

TEST_CASE("an output outside the configured place is one until it is written there", "[rules]") {
  RuledLedger ledger;
  CanonicalFilesConfig row;
  row.format = "row";
  row.path = kOld;
  ledger.config.canonical_files = {row};
  ledger.Restart();
  ledger.Commit(RunTo(kNew, "1", 12));
  CHECK(ledger.Alert("cause", "output_moved") == "outside_template");
  ledger.Commit(RunTo(kOld, "1", 13));
  CHECK(ledger.Alert("state", "output_moved") == "resolved");
}
