#include "monitor/ledger_check.h"

#include "tests/ledger_fixture.h"

namespace {

// A ledger with a few commits, closed, so that a test can damage the file.
struct ClosedLedger {
  ClosedLedger() {
    fixture.Commit({.run = "1", .fresh = 100, .written = 100});
    fixture.Commit(
        {.at = "2016-02-22T13:00:00Z", .run = "2", .existing = 0, .fresh = 7, .written = 7});
    fixture.Commit({.at = "2016-02-22T14:00:00Z", .run = "3", .existing = 7, .written = 7});
    fixture.ledger.reset();
  }
  void Damage(const char* sql) {
    auto database = Database::Open(path, Database::Mode::kReadWrite);
    REQUIRE(database);
    std::string triggers;
    {
      Statement made = database->Prepare("SELECT sql FROM sqlite_schema WHERE type = 'trigger'");
      made.Bind({});
      while (made.Step()) triggers += std::string(made.Text(0)) + ";";
    }
    database->Execute("DROP TRIGGER fact_is_final; DROP TRIGGER fact_is_kept");
    database->Execute(sql);
    database->Execute(triggers.c_str());
    REQUIRE(database->Check());
  }
  size_t Findings() {
    auto findings = CheckLedger(path);
    REQUIRE(findings);
    return findings->size();
  }
  LedgerFixture fixture;
  std::string path = fixture.directory / "ledger.db";
};

}  // namespace

TEST_CASE("an untouched ledger has no findings, and its facts make it again", "[ledger_check]") {
  ClosedLedger ledger;
  CHECK(ledger.Findings() == 0);
  auto rebuilt = CheckRebuild(ledger.path, ledger.fixture.directory / "again.db",
                              ledger.fixture.config, ledger.fixture.rules);
  REQUIRE(rebuilt);
  CHECK(rebuilt->empty());
}

TEST_CASE("a changed fact breaks the chain", "[ledger_check]") {
  ClosedLedger ledger;
  ledger.Damage("UPDATE fact SET written = 8 WHERE seq = 2");
  CHECK(ledger.Findings() == 1);
}

TEST_CASE("a changed name breaks the chain", "[ledger_check]") {
  ClosedLedger ledger;
  ledger.Damage("UPDATE name SET text = 'other' WHERE text = 'acme'");
  CHECK(ledger.Findings() == 1);
}

TEST_CASE("a ledger cut back is noticed by its head outside the file", "[ledger_check]") {
  ClosedLedger ledger;
  ledger.Damage("DELETE FROM fact WHERE seq = 3; DELETE FROM commits WHERE last_seq = 3");
  CHECK(ledger.Findings() == 1);
  const auto opened =
      Ledger::Open({ledger.path, "data-1"}, ledger.fixture.config, ledger.fixture.rules);
  CHECK_FALSE(opened);
}

TEST_CASE("a derived figure that the facts do not support is found by rebuilding",
          "[ledger_check]") {
  ClosedLedger ledger;
  ledger.Damage("UPDATE balance SET missing = 0");
  CHECK(ledger.Findings() == 0);  // the chain covers facts only
  auto rebuilt = CheckRebuild(ledger.path, ledger.fixture.directory / "again.db",
                              ledger.fixture.config, ledger.fixture.rules);
  REQUIRE(rebuilt);
  CHECK(rebuilt->size() == 1);
}

TEST_CASE("bytes of a log that were skipped are found", "[ledger_check]") {
  ClosedLedger ledger;
  ledger.Damage("UPDATE read_range SET begin = 50");
  CHECK(ledger.Findings() == 1);
}
