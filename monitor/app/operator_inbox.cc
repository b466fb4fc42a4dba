#include "monitor/app/operator_inbox.h"

#include <filesystem>
#include <random>

#include "monitor/sqlite.h"

namespace {

constexpr const char* kCreate =
    "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL;"
    "CREATE TABLE IF NOT EXISTS entry(id TEXT PRIMARY KEY, kind TEXT NOT NULL, at INTEGER NOT "
    "NULL, "
    "server TEXT NOT NULL, project TEXT NOT NULL, day TEXT NOT NULL, format TEXT NOT NULL, "
    "version TEXT NOT NULL, detail TEXT NOT NULL) STRICT;";
constexpr const char* kInsert = "INSERT INTO entry VALUES (?,?,?,?,?,?,?,?,?)";
constexpr const char* kSelect =
    "SELECT id, kind, at, server, project, day, format, version, detail FROM entry ORDER BY at, id";

std::string NewId() {
  std::random_device random;
  char id[24];
  std::snprintf(id, sizeof id, "op-%08x%08x", random(), random());
  return id;
}

FactKind KindOf(std::string_view kind) {
  if (kind == NameOf(FactKind::kPermit)) return FactKind::kPermit;
  if (kind == NameOf(FactKind::kDeploy)) return FactKind::kDeploy;
  return FactKind::kAnnotation;
}

Fact ReadEntry(const Statement& row, Batch& batch) {
  Fact fact;
  fact.run = batch.Add(row.Text(0));
  fact.kind = KindOf(row.Text(1));
  fact.logged_at = Time(std::chrono::milliseconds(row.Integer(2)));
  fact.server = batch.Add(row.Text(3));
  fact.project = batch.Add(row.Text(4));
  fact.day = ParseDay(row.Text(5)).value_or(Day{});
  fact.format = batch.Add(row.Text(6));
  fact.version = batch.Add(row.Text(7));
  fact.detail = batch.Add(row.Text(8));
  return fact;
}

}  // namespace

Result<std::vector<std::string>> WriteOperatorEntries(const std::string& path,
                                                      const std::vector<OperatorEntry>& entries) {
  std::error_code failed;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), failed);
  if (failed) return Fail(Error::Kind::kLedger, path + ": " + failed.message());
  auto database = Database::Open(path, Database::Mode::kCreate);
  if (!database) return tl::unexpected<Error>(database.error());
  database->Execute(kCreate);
  std::vector<std::string> ids;
  database->Begin();
  {
    Statement insert = database->Prepare(kInsert);
    for (const OperatorEntry& entry : entries) {
      ids.push_back(NewId());
      insert.Run({Cell::Of(ids.back()), Cell::Of(entry.kind),
                  Cell::Of(entry.at.time_since_epoch().count()), Cell::Of(entry.server),
                  Cell::Of(entry.project), Cell::Of(entry.day), Cell::Of(entry.format),
                  Cell::Of(entry.version), Cell::Of(entry.detail)});
    }
  }
  auto done = database->Commit();
  if (done) return ids;
  database->Rollback();
  return tl::unexpected<Error>(done.error());
}

Result<std::vector<std::pair<std::string, OperatorEntry>>> ReadOperatorEntries(
    const std::string& path) {
  std::vector<std::pair<std::string, OperatorEntry>> entries;
  std::error_code unknown;  // then opening it says why
  if (!std::filesystem::exists(path, unknown) && !unknown) return entries;
  auto database = Database::Open(path, Database::Mode::kReadOnly);
  if (!database) return tl::unexpected<Error>(database.error());
  {
    Statement rows = database->Prepare(kSelect);
    rows.Bind({});
    while (rows.Step()) {
      OperatorEntry entry;
      entry.kind = rows.Text(1);
      entry.at = Time(std::chrono::milliseconds(rows.Integer(2)));
      entry.server = rows.Text(3);
      entry.project = rows.Text(4);
      entry.day = rows.Text(5);
      entry.format = rows.Text(6);
      entry.version = rows.Text(7);
      entry.detail = rows.Text(8);
      entries.emplace_back(rows.Text(0), std::move(entry));
    }
  }
  if (auto ok = database->Check(); !ok) return tl::unexpected<Error>(ok.error());
  return entries;
}

Result<void> TakeOperatorFacts(const std::string& path, Ledger& ledger, Time now) {
  std::error_code unknown;  // then opening it says why
  if (!std::filesystem::exists(path, unknown) && !unknown) return {};
  auto database = Database::Open(path, Database::Mode::kReadOnly);
  if (!database) return tl::unexpected<Error>(database.error());
  Batch batch;
  batch.observed_at = now;
  {
    Statement rows = database->Prepare(kSelect);
    rows.Bind({});
    while (rows.Step()) batch.facts.push_back(ReadEntry(rows, batch));
  }
  if (auto ok = database->Check(); !ok) return ok;
  if (batch.facts.empty()) return {};
  auto done = ledger.Commit(batch);
  if (!done) return tl::unexpected<Error>(done.error());
  return {};
}
