#include "dashboards/documents.h"

#include <algorithm>
#include <filesystem>

#include "dashboards/table.h"
#include "dashboards/timeline_input.h"
#include "rules/alert_text.h"
#include "rules/engine.h"
#include "tests/ledger_fixture.h"

// The contract of DESIGN section 11: names, order, nulls; then what people read.

namespace {

AlertRow CountDrop() {
  AlertRow alert;
  alert.rule = "count_drop";
  alert.severity = "critical";
  alert.state = "firing";
  alert.cause = "existing_not_read";
  alert.version = "2.7.0";
  alert.previous_version = "2.6.9";
  alert.incident = "00112233aabbccdd";
  alert.server = "data-1";
  alert.project = "acme";
  alert.day = "2016-02-22";
  alert.format = "row";
  alert.starts_at = ParseTime("2016-02-22T13:00:00Z");
  alert.began_at = *alert.starts_at;
  alert.evidence =
      R"({"run":"2","unit":"events","before":1200,"existing":0,"missing":1200,"expected":1207,"actual":7})";
  return alert;
}

Impact SmallImpact() {
  ImpactInput input;
  input.written_at = ParseTime("2016-02-23T00:00:00Z");
  BalanceRow copy;
  copy.server = "data-1";
  copy.project = "acme";
  copy.day = "2016-02-22";
  copy.format = "row";
  copy.unit = "events";
  copy.expected = 107;
  copy.actual = 7;
  copy.missing = 100;
  copy.verdict = "firing";
  input.copies = {copy};
  LossRow loss;
  loss.server = "data-1";
  loss.project = "acme";
  loss.day = "2016-02-22";
  loss.format = "row";
  loss.unit = "events";
  loss.at = ParseTime("2016-02-22T13:00:00.5Z").value();
  loss.version = "2.7.0";
  loss.cause = "existing_not_read";
  loss.lost = loss.missing = 100;
  input.losses = {loss};
  BlindRow blind;
  blind.server = "data-1";
  blind.source = "compactd";
  blind.reason = "truncated";
  blind.from = ParseTime("2016-02-22T09:00:00Z").value();
  input.blind = {blind};
  ImpactFilter filter;
  filter.since = ParseTime("2016-02-22T00:00:00Z");
  return ComputeImpact(input, filter);
}

std::vector<std::string> Keys(const Document& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

// A ledger judged by the real rules, with a loss.
struct LossyLedger : LedgerFixture {
  LossyLedger() {
    ledger.reset();
    auto opened = Ledger::Open({directory / "ledger.db", "data-1"}, config, engine);
    if (!opened) FAIL(opened.error().message);
    ledger = std::move(*opened);
    Commit({.run = "1", .version = "2.6.9", .fresh = 100, .written = 100});
    Commit({.at = "2016-02-22T13:00:00Z",
            .run = "2",
            .version = "2.7.0",
            .existing = 0,
            .fresh = 7,
            .written = 7});
  }
  RuleEngine engine{Config{}};
};

}  // namespace

TEST_CASE("an alert's document has the contract's fields, then others", "[documents]") {
  const Document document = AlertDocument(CountDrop());
  const std::vector<std::string> contract = {
      "rule",    "severity",    "state",   "cause",     "version", "incident", "labels",
      "summary", "description", "runbook", "starts_at", "ends_at", "evidence"};
  auto keys = Keys(document);
  REQUIRE(keys.size() >= contract.size());
  keys.resize(contract.size());
  CHECK(keys == contract);
  CHECK(document["ends_at"].is_null());
  CHECK(document["starts_at"] == "2016-02-22T13:00:00.000Z");
  CHECK(Write(document["labels"], -1) ==
        R"({"server":"data-1","project":"acme","day":"2016-02-22","format":"row"})");
  CHECK(document["evidence"]["missing"] == 1200);
  CHECK(document["runbook"] == "runbooks/count_drop.md");
}

TEST_CASE("evidence that is no object is an empty one", "[documents]") {
  AlertRow alert = CountDrop();
  alert.evidence = "[1";
  CHECK(AlertDocument(alert)["evidence"] == Document::object());
}

TEST_CASE("the impact document is written in full", "[documents]") {
  const std::string id = SmallImpact().incidents.at(0).id;
  CHECK(
      Write(ImpactDocument(SmallImpact()), -1) ==
      R"({"window":{"since":"2016-02-22T00:00:00.000Z","until":null,"version":null,"project":null},"as_of":"2016-02-23T00:00:00.000Z",)"
      R"("totals":{"projects":1,"project_days":1,"events_missing":100,"events_expected":107,)"
      R"("certain":false,"unit":"events","events_recoverable":0,"unknown_copies":0,"other_units":[]},)"
      R"("incidents":[{"id":")" +
          id +
          R"(","cause":"existing_not_read","version":"2.7.0","previous_version":null,)"
          R"("first_at":"2016-02-22T13:00:00.500Z","last_at":"2016-02-22T13:00:00.500Z",)"
          R"("servers":1,"projects":1,"project_days":1,"events_missing":100,"unit":"events"}],)"
          R"("projects":[{"project":"acme","events_missing":100,"events_expected":107,"certain":true,)"
          R"("days":[{"day":"2016-02-22","events_missing":100,"events_expected":107,"certain":true,)"
          R"("recoverable":{"events":0,"sources":[]},"format":"row"}],"unit":"events","events_recoverable":0}],)"
          R"("partitions":[{"server":"data-1","project":"acme","day":"2016-02-22","format":"row",)"
          R"("unit":"events","expected":107,"actual":7,"missing":100,"surplus":0,)"
          R"("cause":"existing_not_read","version":"2.7.0","previous_version":null,)"
          R"("first_loss_at":"2016-02-22T13:00:00.500Z","last_loss_at":"2016-02-22T13:00:00.500Z",)"
          R"("runs":1,"verdict":"firing"}],)"
          R"("unknown":[{"server":"data-1","source":"compactd","from":"2016-02-22T09:00:00.000Z",)"
          R"("to":null,"reason":"truncated","projects":null,"quarantined_lines":0}]})");
}

TEST_CASE("a timeline's run has the contract's fields in order", "[documents]") {
  FactEntry fact;
  const std::vector<std::string> contract = {
      "kind",    "at",      "server", "project",  "day",   "format",    "unit",
      "run",     "version", "before", "existing", "fresh", "recovered", "duplicates",
      "deleted", "written", "after",  "lost",     "cause", "missing",   "verdict"};
  const Document entry = FactEntryDocument(fact);
  auto keys = Keys(entry);
  REQUIRE(keys.size() >= contract.size());
  keys.resize(contract.size());
  CHECK(keys == contract);
  CHECK(entry["existing"].is_null());
  CHECK(entry["at"].is_null());
  CHECK(entry["kind"] == "run");
}

TEST_CASE("a timeline is in order of time, alerts after the run that raised them", "[documents]") {
  LossyLedger ledger;
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.Commit();
  ledger.Commit({.project = "other", .run = "1", .fresh = 5, .written = 5});
  auto views = OpenLedgers({ledger.directory / "ledger.db"});
  REQUIRE(views);
  const auto input = ReadTimelineInput(*views, "acme", "", "");
  REQUIRE(input);
  const Document timeline = TimelineDocument(*input);
  std::vector<std::string> kinds;
  for (const auto& entry : timeline) kinds.push_back(entry["kind"]);
  CHECK(kinds == std::vector<std::string>{"run", "run", "alert", "blind"});
  CHECK(timeline[1]["lost"] == 100);
  CHECK(timeline[1]["before"] == 100);
  CHECK(timeline[1]["cause"] == "existing_not_read");
  CHECK(timeline[2]["rule"] == "count_drop");
  CHECK(timeline[3]["reason"] == "truncated");
}

TEST_CASE("a project that no ledger knows has an empty timeline", "[documents]") {
  LossyLedger ledger;
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.Commit();
  auto views = OpenLedgers({ledger.directory / "ledger.db"});
  REQUIRE(views);
  const auto input = ReadTimelineInput(*views, "nobody", "", "");
  REQUIRE(input);
  CHECK(TimelineDocument(*input) == Document::array());
}

TEST_CASE("a fact's document keeps what the log said and nulls what it did not", "[documents]") {
  LossyLedger ledger;
  auto views = OpenLedgers({ledger.directory / "ledger.db"});
  REQUIRE(views);
  Document page = Document::array();
  REQUIRE(views->at(0).FactsAfter(
      0, 1, [&](const FactEntry& fact) { page.push_back(FactDocument(fact)); }));
  REQUIRE(page.size() == 1);
  CHECK(page[0]["seq"] == 1);
  CHECK(page[0]["kind"] == "run");
  CHECK(page[0]["logged_at"] == "2016-02-22T12:00:00.000Z");
  CHECK(page[0]["observed_at"] == "2016-02-23T00:00:00.000Z");
  CHECK(page[0]["existing"] == 0);
  CHECK(page[0]["batch"].is_null());
  CHECK(page[0]["synthetic"] == false);
}

TEST_CASE("names that are no UTF-8 are written as valid JSON", "[documents]") {
  AlertRow alert = CountDrop();
  alert.project = "a\xff";
  const std::string text = Write(AlertDocument(alert));
  CHECK(Document::accept(text));
}

TEST_CASE("a count_drop says expected, seen, since when, through whom and what to do",
          "[alert_text]") {
  AlertRow alert = CountDrop();
  alert.previous_version = alert.version;
  const AlertText text = TextOf(alert);
  CHECK(text.summary == "1,200 events missing: project acme, day 2016-02-22, format row on data-1");
  CHECK(text.description ==
        "Expected 1,207 events, there are 7, since 2016-02-22T13:00:00.000Z: run 2 of version "
        "2.7.0 read 0 existing events where 1,200 had been left by the same version; stop version "
        "2.7.0 before the next run, and keep what is on disk.");
}

// After a revert the good release does not find what the bad one wrote elsewhere: stopping the good
// one alone would be wrong.
TEST_CASE("a count_drop between two versions blames neither alone", "[alert_text]") {
  const AlertText text = TextOf(CountDrop());
  CHECK(
      text.description ==
      "Expected 1,207 events, there are 7, since 2016-02-22T13:00:00.000Z: run 2 of version "
      "2.7.0 read 0 existing events where 1,200 had been left by version 2.6.9; one of the two "
      "versions uses the wrong place: stop compaction on data-1 until it is known which, and keep "
      "what is on disk.");
}

TEST_CASE("a loss is since it happened, not since its alert fired", "[alert_text]") {
  AlertRow alert = CountDrop();
  alert.starts_at = ParseTime("2016-02-22T14:00:00Z");
  CHECK(TextOf(alert).description.find("since 2016-02-22T13:00:00.000Z") != std::string::npos);
}

TEST_CASE("a resolved alert says first that it is over", "[alert_text]") {
  AlertRow alert = CountDrop();
  alert.state = "resolved";
  CHECK(TextOf(alert).summary.find("resolved: 1,200 events missing") == 0);
}

TEST_CASE("a moved output says that nothing is lost yet, what may be, and how to confirm it",
          "[alert_text]") {
  AlertRow alert = CountDrop();
  alert.rule = "output_moved";
  alert.cause = "moved";
  alert.project = alert.day = "";
  alert.evidence =
      R"({"directory":"/new/{project}","previous_directory":"/old/{project}","run":"2",)"
      R"("project":"acme","day":"2016-02-22","written":5000})";
  const AlertText text = TextOf(alert);
  CHECK(text.summary == "output moved: format row on data-1 is now written to /new/{project}");
  CHECK(
      text.description ==
      "Expected format row in /old/{project} of version 2.6.9, but run 2 of version 2.7.0 wrote it "
      "for project acme, day 2016-02-22 to /new/{project}, since 2016-02-22T13:00:00.000Z: "
      "no loss yet; the next re-run may lose 5,000 events of that day alone, so stop the "
      "release, or confirm the move with `rollcall permit --kind move --data-format row --server "
      "data-1 --reason …`.");
}

TEST_CASE("a blind source is named with its server, since when and why", "[alert_text]") {
  AlertRow alert = CountDrop();
  alert.rule = "blind";
  alert.source = "compactd";
  alert.evidence = R"({"from":"2016-02-22T13:00:00.000Z","reason":"cannot be opened"})";
  CHECK(TextOf(alert).summary == "not watching compactd on data-1");
  CHECK(TextOf(alert).description.find(
            "Source compactd on data-1 has not been watched since 2016-02-22T13:00:00.000Z (cannot "
            "be opened)") == 0);
}

TEST_CASE("data that waits is told with since when and what must be looked at", "[alert_text]") {
  AlertRow alert = CountDrop();
  alert.rule = "compaction_overdue";
  alert.cause = "fresh_data_waits";
  alert.evidence =
      R"({"first_run":"7","waiting_since":"2016-02-22T13:00:00.000Z","waiting_after_seconds":129600})";
  CHECK(TextOf(alert).summary ==
        "fresh data waits: project acme, day 2016-02-22, format row on data-1");
  CHECK(TextOf(alert).description ==
        "No run of project acme, day 2016-02-22, format row on data-1 has finished since run 7 "
        "failed or was left without an end at 2016-02-22T13:00:00.000Z, more than 36 hours ago: "
        "its fresh data is not in the canonical files; see why the compactor on data-1 fails "
        "there.");
}

TEST_CASE("every rule has a text of one sentence and a runbook", "[alert_text]") {
  for (const RuleKind& rule : Rules()) {
    AlertRow alert = CountDrop();
    alert.rule = rule.name;
    alert.source = "compactd";
    for (const char* evidence : {"{}", "no json", R"({"missing":"text","run":7})"}) {
      alert.evidence = evidence;
      const AlertText text = TextOf(alert);
      INFO(rule.name << ": " << text.summary << " / " << text.description);
      CHECK_FALSE(text.summary.empty());
      CHECK(text.description.back() == '.');
      CHECK(text.runbook == "runbooks/" + std::string(rule.name) + ".md");
    }
  }
}

TEST_CASE("every rule that can fire has its runbook", "[alert_text]") {
  for (const std::string_view rule : RulesInForce()) {
    AlertRow alert;
    alert.rule = rule;
    const std::string runbook = ROLLCALL_SOURCE_DIR "/deploy/" + TextOf(alert).runbook;
    INFO(runbook);
    CHECK(std::filesystem::is_regular_file(runbook));
  }
}

TEST_CASE("columns are as wide as their widest cell in characters", "[table]") {
  Table table({{"project"}, {"missing", true}});
  table.Add({"zürich", "7"});
  table.Add({"acme-long", "1,200"});
  CHECK(table.Text() ==
        "project    missing\n"
        "zürich           7\n"
        "acme-long    1,200\n");
}

TEST_CASE("control characters of a name do not reach the terminal", "[table]") {
  Table table({{"project"}});
  table.Add({"a\x1b[31m\n\x7f\xc2\x9b"});
  CHECK(table.Text() == "project\na\\x1b[31m\\n\\x7f\\x9b\n");
}

TEST_CASE("CSV quotes what has to be quoted and nothing else", "[table]") {
  Table table({{"project"}, {"note"}});
  table.Add({"a,b", "said \"no\""});
  table.Add({"plain", "two\nlines"});
  table.Add({"short"});
  CHECK(table.Csv() ==
        "project,note\r\n\"a,b\",\"said \"\"no\"\"\"\r\nplain,\"two\nlines\"\r\nshort,\r\n");
}

TEST_CASE("a document becomes a table, numbers on the right, null as a dash", "[table]") {
  const Document rows = Document::parse(
      R"([{"project":"acme","count":{"missing":5}},{"project":"b","count":{"missing":null}}])");
  CHECK(TableOf(rows, {"project", "count.missing"}).Text() ==
        "project  missing\n"
        "acme           5\n"
        "b              -\n");
}

TEST_CASE("a column that says nothing is left out of a table, not of CSV", "[table]") {
  const Document rows = Document::parse(R"([{"a":1,"b":null},{"a":2}])");
  CHECK(TableOf(rows, {"a", "b"}).Text() == "a\n1\n2\n");
  CHECK(CsvOf(rows, {"a", "b"}) == "a,b\r\n1,\r\n2,\r\n");
}

TEST_CASE("a table is cut to the room it has, and says what it left out", "[table]") {
  Table table({{"project"}, {"note"}, {"missing", true}});
  table.Add({"acme", "a long story about it", "5"});
  CHECK(table.Text(100) ==
        "project  note                   missing\n"
        "acme     a long story about it        5\n");
  CHECK(table.Text(36) ==
        "project  note\n"
        "acme     a long story about it\n"
        "(no room for missing)\n");
  CHECK(table.Text(22) ==
        "project  note\n"
        "acme     a long story…\n"
        "(no room for missing)\n");
  CHECK(table.Text(12) ==
        "project\n"
        "acme\n"
        "(no room for note, missing)\n");
  CHECK(table.Text(1) == table.Text(12));
}

TEST_CASE("bytes that are no UTF-8 do not reach the terminal", "[table]") {
  Table table({{"project"}});
  table.Add({"a\x9b[31m"});
  CHECK(table.Text() == "project\na\xef\xbf\xbd[31m\n");
}

TEST_CASE("large numbers are grouped by thousands", "[table]") {
  CHECK(Grouped(0) == "0");
  CHECK(Grouped(999) == "999");
  CHECK(Grouped(1000) == "1,000");
  CHECK(Grouped(-1234567) == "-1,234,567");
}
