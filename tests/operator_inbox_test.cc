#include "monitor/app/operator_inbox.h"

#include "monitor/sqlite.h"
#include "tests/catch.h"
#include "tests/temporary_directory.h"

namespace {

OperatorEntry EntryOn(const std::string& server) {
  OperatorEntry entry;
  entry.kind = "permit";
  entry.server = server;
  return entry;
}

int64_t EntriesIn(const std::string& path) {
  auto database = Database::Open(path, Database::Mode::kReadOnly).value();
  Statement count = database.Prepare("SELECT count(*) FROM entry");
  return count.Bind({}).Step() ? count.Integer(0) : -1;
}

}  // namespace

TEST_CASE("entries are written with an id each", "[operator_inbox]") {
  const TemporaryDirectory directory;
  const std::string path = directory / "operator/operator.db";
  const auto ids = WriteOperatorEntries(path, {EntryOn("data-1"), EntryOn("data-2")});
  REQUIRE(ids);
  REQUIRE(ids->size() == 2);
  CHECK(ids->front() != ids->back());
  CHECK(EntriesIn(path) == 2);
}

TEST_CASE("of entries that cannot all be written none is", "[operator_inbox]") {
  const TemporaryDirectory directory;
  const std::string path = directory / "operator/operator.db";
  REQUIRE(WriteOperatorEntries(path, {}));
  {
    auto database = Database::Open(path, Database::Mode::kReadWrite).value();
    database.Execute(
        "CREATE TRIGGER full BEFORE INSERT ON entry WHEN NEW.server = 'data-2' "
        "BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    REQUIRE(database.Check());
  }
  const auto ids = WriteOperatorEntries(path, {EntryOn("data-1"), EntryOn("data-2")});
  REQUIRE_FALSE(ids);
  CHECK(ids.error().message.find("disk full") != std::string::npos);
  CHECK(EntriesIn(path) == 0);
  CHECK(WriteOperatorEntries(path, {EntryOn("data-1")}));
}
