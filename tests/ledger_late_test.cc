#include <algorithm>
#include <chrono>
#include <random>

#include "tests/ledger_fixture.h"

// Facts found late wait until the end of their commit, when their partition's chain is booked again
// once. How facts are spread over commits must make no difference.

namespace {

TestRun RunAt(int minute, uint32_t log, int64_t existing, int64_t fresh, int64_t written) {
  return {.at = FormatTime(ParseTime(At("00:00:00")).value() + std::chrono::minutes(minute)),
          .run = std::to_string(log) + "-" + std::to_string(minute),
          .existing = existing,
          .fresh = fresh,
          .written = written,
          .log = log};
}

// Runs of two formats that follow each other, some of which lose, and some with a retry, in two
// logs: the lines of each in their order.
std::vector<TestRun> TwoLogs(std::mt19937& random) {
  std::vector<std::vector<TestRun>> logs(2);
  int64_t held = 0;
  for (int i = 0; i < 60; ++i) {
    const uint32_t log = random() % 2;
    const int64_t existing = random() % 8 ? held : held / 2, fresh = random() % 50;
    TestRun run = RunAt(i * 2, log + 1, existing, fresh, existing + fresh);
    run.batch = std::to_string(i);
    run.version = std::to_string(i / 20);
    if (random() % 10 == 0) run.kind = FactKind::kStartedRun;
    for (const char* format : {"row", "columnar"}) {
      run.format = format;
      logs[log].push_back(run);
    }
    if (run.kind == FactKind::kRun) held = run.written;
    if (random() % 6) continue;
    run.at = FormatTime(ParseTime(run.at).value() + std::chrono::minutes(1));  // the retry
    run.run += "r";
    logs[log].push_back(run);
  }
  std::vector<TestRun> lines;
  while (!logs[0].empty() || !logs[1].empty()) {
    std::vector<TestRun>& log = logs[logs[0].empty() ? 1 : logs[1].empty() ? 0 : random() % 2];
    const size_t count = std::min<size_t>(log.size(), 1 + random() % 20);
    const auto end = log.begin() + static_cast<std::ptrdiff_t>(count);
    lines.insert(lines.end(), log.begin(), end);
    log.erase(log.begin(), end);
  }
  return lines;
}

struct LateLedger : LedgerFixture {
  LateLedger() {
    CanonicalFilesConfig columnar;
    columnar.format = "columnar";
    columnar.reads = "row";
    config.canonical_files = {columnar};
    OpenWithRules();
  }
};

}  // namespace

TEST_CASE("late facts of one commit leave what as many commits leave", "[ledger]") {
  const uint32_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 5; ++round) {
    const std::vector<TestRun> lines = TwoLogs(random);
    LateLedger together, one_by_one, in_pieces;
    for (const TestRun& line : lines) {
      together.Add(line);
      one_by_one.Commit(line);
      in_pieces.Add(line);
      if (random() % 10 == 0) in_pieces.Commit();
    }
    together.Commit();
    in_pieces.Commit();
    CHECK(together.Derived() == one_by_one.Derived());
    CHECK(in_pieces.Derived() == one_by_one.Derived());
    const char* open = "SELECT project, format, run, started_at FROM open_run ORDER BY 1, 2, 3";
    CHECK(together.Rows(open) == one_by_one.Rows(open));
    const char* waiting = "SELECT project, format, since FROM waiting ORDER BY 1, 2";
    CHECK(together.Rows(waiting) == one_by_one.Rows(waiting));
    CHECK(in_pieces.Rows(waiting) == one_by_one.Rows(waiting));
  }
}

TEST_CASE("an older log of thousands of runs of one partition is booked at once", "[ledger]") {
  constexpr int kRuns = 6000;
  LedgerFixture ledger;
  for (int i = 0; i < kRuns; ++i) ledger.Add(RunAt(kRuns + i, 1, kRuns + i, 1, kRuns + i + 1));
  ledger.Commit();
  for (int i = 0; i < kRuns; ++i) ledger.Add(RunAt(i, 2, i, 1, i + 1));
  const auto begin = std::chrono::steady_clock::now();
  CHECK(ledger.Commit().facts == kRuns);
  // It took minutes when each of them had the chain booked again.
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
  CHECK(ledger.Balance("actual") == std::to_string(2 * kRuns));
  CHECK(ledger.Balance("surplus") == "0");
  CHECK(ledger.Balance("missing") == "0");
}

TEST_CASE("a fact that comes twice among late ones is known the second time", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.at = At("14:00:00"), .run = "3", .existing = 150, .written = 150});
  const TestRun late{
      .at = At("13:00:00"), .run = "2", .existing = 100, .fresh = 50, .written = 150, .log = 2};
  ledger.Add(late);
  ledger.Add(late);
  ledger.Add({.at = At("14:00:00"), .run = "3", .existing = 150, .written = 150, .log = 2});
  const CommitOutcome done = ledger.Commit();
  CHECK(done.facts == 1);
  CHECK(done.duplicate_facts == 2);
}

TEST_CASE("what is lost and put back after a late fact of the same commit is remembered",
          "[ledger]") {
  LedgerFixture ledger;
  ledger.OpenWithRules();
  ledger.Commit({.at = At("12:00:00"), .run = "2", .existing = 50, .fresh = 50, .written = 100});
  ledger.Add({.at = At("11:00:00"), .run = "1", .fresh = 50, .written = 50, .log = 2});
  ledger.Add({.at = At("13:00:00"), .run = "3", .existing = 40, .written = 40});
  ledger.Add({.at = At("14:00:00"), .run = "4", .existing = 100, .written = 100});
  ledger.Commit();
  CHECK(ledger.Rows("SELECT rule, state, starts_at, ends_at FROM alerts") ==
        "count_drop|resolved|2016-02-22T13:00:00.000Z|2016-02-22T14:00:00.000Z|\n");
}

TEST_CASE("a run whose begin and end both come late is not overdue", "[ledger]") {
  LedgerFixture ledger;
  ledger.Commit({.at = At("12:00:00"), .run = "2", .existing = 50, .fresh = 50, .written = 100});
  ledger.Add({.at = At("10:00:00"),
              .run = "1",
              .written = kUnknownCount,
              .kind = FactKind::kStartedRun,
              .log = 2});
  ledger.Add({.at = At("11:00:00"), .run = "1", .fresh = 50, .written = 50, .log = 2});
  ledger.Add(
      {.at = At("13:00:00"), .run = "3", .written = kUnknownCount, .kind = FactKind::kStartedRun});
  ledger.Commit();
  CHECK(ledger.Rows("SELECT run FROM open_run") == "3|\n");
}
