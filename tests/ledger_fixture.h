#pragma once

#include <unistd.h>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "monitor/ledger.h"
#include "rules/engine.h"
#include "tests/catch.h"
#include "tests/temporary_directory.h"

// Shared by the tests of the ledger: a ledger in a directory of its own, and runs written as one
// would write a log line.

// Remembers what it was shown; finds a count_drop while events are missing.
class RecordingRules final : public RuleBook {
 public:
  std::vector<Finding> OnRun(const RunObservation& run) const override {
    runs.push_back(run);
    Finding finding;
    finding.rule = "count_drop";
    finding.firing = run.balance.missing > 0;
    finding.severity = "critical";
    finding.cause = std::string(NameOf(run.booking.cause));
    finding.version = run.version;
    finding.evidence = "{}";
    return {finding};
  }
  std::vector<Finding> OnOutput(const OutputObservation& output) const override {
    outputs.push_back(output);
    return {};
  }
  std::vector<Finding> OnSource(const SourceObservation&, Time) const override { return {}; }
  std::vector<Finding> OnOverdue(const OverdueObservation& run) const override {
    overdue.push_back(run);
    return {};
  }
  Finding OnMissingFile(const MissingFileObservation&) const override { return Nothing(); }
  std::vector<Finding> OnGeneration(const GenerationObservation&) const override { return {}; }
  std::vector<Finding> OnDeadRead(const DeadReadObservation&) const override { return {}; }
  std::vector<Finding> OnMisplacedFile(const MisplacedFileObservation&) const override {
    return {};
  }
  Finding OnFormats(const FormatsObservation&) const override { return Nothing(); }
  std::chrono::milliseconds overdue_after() const override { return std::chrono::hours(6); }
  std::chrono::milliseconds waiting_after() const override { return std::chrono::hours(36); }
  ExplainedShare explained_share() const override { return suspicious; }
  std::string Incident(std::string_view, std::string_view,
                       std::string_view version) const override {
    return "incident-" + std::string(version);
  }
  static Finding Nothing() {
    Finding finding;
    finding.rule = "nothing";
    return finding;
  }
  ExplainedShare suspicious;
  mutable std::vector<RunObservation> runs;
  mutable std::vector<OutputObservation> outputs;
  mutable std::vector<OverdueObservation> overdue;
};

struct TestRun {
  std::string at = "2016-02-22T12:00:00Z";
  std::string project = "acme";
  std::string day = "2016-02-22";
  std::string format = "row";
  std::string run = "";
  std::string batch = "";
  std::string version = "1";
  std::string path = "";
  int64_t existing = 0, fresh = 0, recovered = 0, duplicates = 0, deleted = 0, written = 0;
  FactKind kind = FactKind::kRun;
  std::string detail = "";
  std::string server = "";
  uint32_t log = 1;
  int16_t source = 0;
};

// A moment of the day that most of these tests are about.
inline std::string At(const std::string& time) { return "2016-02-22T" + time + "Z"; }

class LedgerFixture {
 public:
  LedgerFixture() {
    CompactionLogConfig log;
    log.name = "compactd";
    config.compaction_logs.push_back(log);
    Open();
  }

  void Open(bool bulk = false) {
    ledger.reset();
    const RuleBook& book = engine ? static_cast<const RuleBook&>(*engine) : rules;
    Ledger::Options options{directory / "ledger.db", "data-1", bulk};
    options.watches_files = watches_files;
    auto opened = Ledger::Open(options, config, book);
    if (!opened) FAIL(opened.error().message);
    ledger = std::move(*opened);
  }
  // With the real rules instead of the recording ones.
  void OpenWithRules() {
    ledger.reset();
    engine = std::make_unique<RuleEngine>(config);
    Open();
  }
  // An empty ledger that is filled as a backfill is.
  void OpenNewBulk() {
    ledger.reset();
    for (const char* name : {"ledger.db", "ledger.db.head"}) {
      std::filesystem::remove(directory / name);
    }
    Open(true);
  }

  // Adds a run to the next batch; each takes 100 bytes of its log.
  void Add(const TestRun& run) {
    Fact fact;
    fact.kind = run.kind;
    fact.source = run.source;
    fact.log = run.log;
    fact.offset = offsets_[run.log];
    offsets_[run.log] += 100;
    sources_[run.log] = run.source;
    fact.length = 99;
    fact.logged_at = ParseTime(run.at).value();
    fact.day = ParseDay(run.day).value();
    fact.server = batch.Add(run.server);
    fact.project = batch.Add(run.project);
    fact.format = batch.Add(run.format);
    fact.run = batch.Add(run.run);
    fact.batch = batch.Add(run.batch);
    fact.version = batch.Add(run.version);
    fact.path = batch.Add(run.path);
    fact.detail = batch.Add(run.detail);
    fact.existing = run.existing;
    fact.fresh = run.fresh;
    fact.recovered = run.recovered;
    fact.duplicates = run.duplicates;
    fact.deleted = run.deleted;
    fact.written = run.written;
    batch.facts.push_back(fact);
  }
  void AddGap(FactKind kind, const std::string& reason, uint32_t log = 1) {
    Fact fact;
    fact.kind = kind;
    fact.source = sources_[log];
    fact.log = log;
    fact.offset = offsets_[log];
    fact.length = 99;
    offsets_[log] += 100;
    fact.detail = batch.Add("{\"reason\":\"" + reason + "\"}");
    batch.facts.push_back(fact);
  }
  // Rows counted in the canonical file by a scan, which reads no log.
  void AddRecount(const std::string& at, int64_t rows) {
    TestRun recount{.at = at, .run = "count-" + at, .version = ""};
    recount.existing = recount.fresh = kUnknownCount;
    recount.written = rows;
    recount.kind = FactKind::kRecount;
    AddWithoutLog(recount);
  }
  // A person's word, by its id.
  void AddPermit(const std::string& at, const std::string& id, const std::string& detail,
                 const std::string& server = "") {
    TestRun permit{.at = at, .run = id, .version = "", .kind = FactKind::kPermit, .detail = detail};
    permit.existing = permit.fresh = permit.written = kUnknownCount;
    permit.server = server;
    AddWithoutLog(permit);
  }
  void AddWithoutLog(TestRun run) {
    run.log = 0;
    run.source = -1;
    Add(run);
    batch.facts.back().offset = 0;
  }
  void CommitPermit(const std::string& at, const std::string& id, const std::string& detail,
                    const std::string& server = "") {
    AddPermit(at, id, detail, server);
    Commit();
  }

  // Says how far the logs have been read with what was added.
  void AddPositions() {
    for (auto& [log, offset] : offsets_) {
      if (log == 0 || committed_[log] == offset) continue;
      LogPosition position;
      position.log = log;
      position.source = sources_[log];
      position.path = "log" + std::to_string(log);
      position.from = committed_[log];
      position.to = offset;
      batch.positions.push_back(position);
      committed_[log] = offset;
    }
    batch.observed_at = ParseTime("2016-02-23T00:00:00Z").value();
  }
  CommitOutcome Commit() {
    AddPositions();
    auto done = ledger->Commit(batch);
    if (!done) FAIL(done.error().message);
    batch = {};
    return *done;
  }
  CommitOutcome Commit(const TestRun& run) {
    Add(run);
    return Commit();
  }

  // One value of a query on the ledger file, as text; "NULL" for none.
  std::string Query(const std::string& sql) {
    auto database = Database::Open(directory / "ledger.db", Database::Mode::kReadOnly);
    REQUIRE(database);
    Statement query = database->Prepare(sql);
    std::string text;
    const bool row = query.Bind({}).Step();
    if (auto ok = database->Check(); !ok) FAIL(ok.error().message);
    if (!row || query.IsNull(0)) return "NULL";
    return std::string(query.Text(0));
  }
  std::string Balance(const std::string& column, const std::string& format = "row") {
    return Query("SELECT " + column + " FROM balances WHERE project = 'acme' AND format = '" +
                 format + "'");
  }

  // One column of a run's line.
  std::string Run(const std::string& column, const std::string& run,
                  const std::string& format = "row") {
    return Query("SELECT " + column + " FROM runs WHERE project = 'acme' AND format = '" + format +
                 "' AND run = '" + run + "' AND kind <> 'started_run'");
  }
  // What the arithmetic made of all facts, every row as text; for runs in the order of their time.
  std::string Derived() {
    std::string text;
    for (
        const char* sql :
        {"SELECT at, kind, server, project, day, format, run, before, lost, missing, cause, "
         "superseded FROM runs ORDER BY at, log, position",
         "SELECT server, project, day, format, expected, actual, missing, surplus, opening, "
         "verdict "
         "FROM balances ORDER BY server, project, day, format",
         "SELECT rule, state, cause, version, server, project, day, format FROM alerts WHERE state "
         "= 'firing' ORDER BY rule, server, project, day, format",
         "SELECT f.text, c.text, v.text, runs FROM lossy JOIN name f ON f.id = format JOIN name c "
         "ON c.id = cause LEFT JOIN name v ON v.id = version WHERE runs <> 0 ORDER BY 1, 2, 3",
         "SELECT text, runs, failed, written, missing FROM tally JOIN name ON id = format ORDER BY "
         "1"}) {
      text += Rows(sql) + "\n";
    }
    return text;
  }
  std::string Rows(const std::string& sql) {
    auto database = Database::Open(directory / "ledger.db", Database::Mode::kReadOnly);
    REQUIRE(database);
    std::string text;
    {
      Statement rows = database->Prepare(sql);
      rows.Bind({});
      while (rows.Step()) {
        for (int i = 0; i < rows.columns(); ++i) {
          text += (rows.IsNull(i) ? "NULL" : std::string(rows.Text(i))) + "|";
        }
        text += "\n";
      }
    }
    if (auto ok = database->Check(); !ok) FAIL(ok.error().message);
    return text;
  }

  TemporaryDirectory directory;
  Config config;
  bool watches_files = false;
  RecordingRules rules;
  std::unique_ptr<RuleEngine> engine;  // null: the recording rules
  std::unique_ptr<Ledger> ledger;
  Batch batch;

 private:
  std::map<uint32_t, int64_t> offsets_, committed_;
  std::map<uint32_t, int16_t> sources_;
};
