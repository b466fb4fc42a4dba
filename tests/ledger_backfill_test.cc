#include <chrono>
#include <random>

#include "tests/ledger_fixture.h"

// A backfill accounts one batch while those before are being written. The oracle: the same batches
// committed one by one.

namespace {

constexpr int kBatches = 40;

// A history with everything that makes accounting look at the database: new names, losses, late
// facts, retries, failed runs, facts that are known already, gaps, a move of the output.
class History {
 public:
  explicit History(uint32_t seed) : random_(seed) {}

  void Fill(LedgerFixture& ledger) {
    const int facts = 1 + static_cast<int>(random_() % 200);
    for (int i = 0; i < facts; ++i) ledger.Add(Next());
    if (Chance(10)) ledger.AddGap(FactKind::kQuarantined, "not JSON");
    if (Chance(20)) ledger.AddGap(FactKind::kBlind, "truncated");
  }

 private:
  bool Chance(uint32_t one_in) { return random_() % one_in == 0; }

  TestRun Next() {
    if (!known_.empty() && Chance(30)) return known_[random_() % known_.size()];
    minute_ += 1 + random_() % 3;
    const Time now = ParseTime("2016-02-22T00:00:00Z").value() + std::chrono::minutes(minute_);
    TestRun run;
    run.at = FormatTime(Chance(25) ? now - std::chrono::minutes(random_() % 600) : now);
    run.project = "project-" + std::to_string(random_() % 40);
    run.run = std::to_string(++number_);
    run.batch = Chance(3) ? "batch-" + std::to_string(random_() % 20) : "";
    run.version = std::to_string(1 + minute_ / 3000);
    run.path = minute_ > 4000 ? "/b/{project}/{day}" : "/a/{project}/{day}";
    int64_t& there = written_[run.project];
    run.existing = Chance(15) ? 0 : there;
    run.fresh = static_cast<int64_t>(random_() % 1000);
    run.written = run.existing + run.fresh;
    if (Chance(20)) run.kind = FactKind::kFailedRun;
    if (run.kind == FactKind::kRun) there = run.written;
    known_.push_back(run);
    return run;
  }

  std::mt19937 random_;
  int64_t minute_ = 0;
  int64_t number_ = 0;
  std::map<std::string, int64_t> written_;
  std::vector<TestRun> known_;
};

// Every row of a table as text, in the order of its key.
std::string Dump(LedgerFixture& ledger, const std::string& table) {
  auto database = Database::Open(ledger.directory / "ledger.db", Database::Mode::kReadOnly);
  REQUIRE(database);
  Statement rows = database->Prepare("SELECT * FROM " + table + " ORDER BY 1, 2");
  rows.Bind({});
  std::string text;
  while (rows.Step()) {
    for (int i = 0; i < rows.columns(); ++i) {
      text += (rows.IsNull(i) ? "NULL" : std::string(rows.Text(i))) + "|";
    }
    text += "\n";
  }
  REQUIRE(database->Check());
  return text;
}

}  // namespace

TEST_CASE("a backfill leaves the same ledger as commits one by one", "[ledger]") {
  const uint32_t seed = std::random_device{}();
  CAPTURE(seed);
  LedgerFixture one_by_one, backfill;
  backfill.ledger.reset();
  std::filesystem::remove(backfill.directory / "ledger.db");
  backfill.Open(true);
  History history(seed), same_history(seed);
  int64_t facts = 0, facts_backfilled = 0;
  for (int i = 0; i < kBatches; ++i) {
    history.Fill(one_by_one);
    facts += one_by_one.Commit().facts;
    same_history.Fill(backfill);
    backfill.AddPositions();
    auto done = backfill.ledger->CommitBeside(std::exchange(backfill.batch, {}));
    REQUIRE(done);
    facts_backfilled += done->facts;
  }
  REQUIRE(backfill.ledger->FinishBulk());
  CHECK(facts > 0);
  CHECK(facts_backfilled == facts);
  for (const char* table : {"name", "fact", "balance", "alert", "tally", "lossy", "output", "gap",
                            "log", "read_range", "open_run", "waiting", "source",
                            "(SELECT last_seq, hex(chain), last_name, observed_at FROM commits)"}) {
    CAPTURE(table);
    CHECK(Dump(backfill, table) == Dump(one_by_one, table));
  }
}
