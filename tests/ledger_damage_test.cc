#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>

#include "monitor/ledger_check.h"
#include "tests/ledger_fixture.h"

// What `rollcall check ledger` must notice: every stored value in turn is changed past the
// triggers, and every few bytes the file itself.

namespace {

namespace fs = std::filesystem;

std::string Content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}
void PutContent(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

// A ledger that uses every table and, somewhere, every column; closed, without a -wal, in small
// pages. What a test damages is put back from memory.
class Specimen {
 public:
  Specimen() {
    CompactionLogConfig rocksdb;
    rocksdb.name = "rocksdb";
    rocksdb.shape = Shape::kSegments;
    rocksdb.conservation = Conservation::kBounded;
    rocksdb.unit = "records";
    fixture_.config.compaction_logs.push_back(rocksdb);
    CanonicalFilesConfig row;
    row.format = "row";
    fixture_.config.canonical_files = {row};
    fixture_.Open();
    Fill();
    fixture_.ledger.reset();
    {
      auto database = Database::Open(path, Database::Mode::kReadWrite);
      REQUIRE(database);
      database->Execute("PRAGMA journal_mode = DELETE; PRAGMA page_size = 512; VACUUM");
      if (auto ok = database->Check(); !ok) FAIL(ok.error().message);
    }
    content = Content(path);
    head = Content(path + ".head");
    triggers_ = fixture_.Rows("SELECT sql || ';' FROM sqlite_schema WHERE type = 'trigger'");
    std::replace(triggers_.begin(), triggers_.end(), '|', ' ');
  }

  void Restore() {
    PutContent(path, content);
    PutContent(path + ".head", head);
  }
  // False: SQLite itself refuses such a value.
  bool Damage(const std::string& sql) {
    auto database = Database::Open(path, Database::Mode::kReadWrite);
    REQUIRE(database);
    database->Execute(
        "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY; BEGIN; DROP TRIGGER "
        "fact_is_final; "
        "DROP TRIGGER fact_is_kept");
    if (auto ok = database->Check(); !ok) FAIL(ok.error().message);
    database->Execute(sql.c_str());
    database->Execute((triggers_ + "; COMMIT").c_str());
    return database->Check().has_value();
  }
  bool Noticed() const {
    const auto findings = CheckLedger(path);
    return !findings || !findings->empty();
  }
  bool NoticedByRebuilding() {
    const std::string scratch = fixture_.directory / "again.db";
    const auto findings = CheckRebuild(path, scratch, fixture_.config, fixture_.rules);
    for (const char* suffix : {"", ".head", ".lock", "-wal", "-shm"}) fs::remove(scratch + suffix);
    return !findings || !findings->empty();
  }
  std::string Rows(const std::string& sql) { return fixture_.Rows(sql); }
  LedgerFixture& fixture() { return fixture_; }

 private:
  void Fill() {
    LedgerFixture& ledger = fixture_;
    ledger.AddGap(FactKind::kBlind, "truncated");
    ledger.Commit(
        {.run = "1", .batch = "b-1", .path = "/row/acme/1", .fresh = 100, .written = 100});
    ledger.Add({.at = At("13:00:00"), .run = "r-2", .version = "2", .recovered = 1, .written = 7});
    ledger.Commit({.at = At("13:01:00"), .run = "3", .kind = FactKind::kFailedRun});
    ledger.AddGap(FactKind::kQuarantined, "no day");
    ledger.AddRecount(At("13:02:00"), 7);
    ledger.Commit(
        {.at = At("14:00:00"), .run = "5", .version = "3", .kind = FactKind::kStartedRun});
    ledger.CommitPermit(At("15:00:00"), "permit-1",
                        R"({"kind":"decrease","events":500,"until":"2016-03-01T00:00:00Z"})");
    ledger.Commit({.format = "cf",
                   .run = "9",
                   .written = 5,
                   .detail = R"({"kind":"flush","outputs":[{"segment":"12","records":5}]})",
                   .log = 2,
                   .source = 1});
  }

  LedgerFixture fixture_;
  std::string triggers_;

 public:
  const std::string path = fixture_.directory / "ledger.db";
  std::string content, head;
};

// What cannot be made again from the facts, and why that is no lie about events. Of balance.marks
// it is one bit, which says whether an alert is open.
struct Unseen {
  const char* columns;
  const char* why;
};
constexpr Unseen kUnseen[] = {
    {"alert.*", "depends on the configuration of its time and on when time passed"},
    {"source.*", "as the configuration says, set at each start; lines are counted, not kept"},
    {"meta.key meta.value", "the server's name and formats, set at each start"},
    {"log.source log.path log.device log.inode log.head_end log.head_hash log.tail_begin "
     "log.tail_hash log.finished log.joiner_state",
     "how to find the log again; proven against the log's own bytes before it is read on"},
    {"gap.length", "bytes unread, for people; facts do not hold it"},
    {"output.version output.seq output.log output.logged_at",
     "the last run there, which depends on when rollcall was restarted"},
};

bool MayBeUnseen(const std::string& table, const std::string& column) {
  for (const Unseen& unseen : kUnseen) {
    std::istringstream columns(unseen.columns);
    for (std::string name; columns >> name;) {
      if (name == table + ".*" || name == table + "." + column) return true;
    }
  }
  return false;
}

struct StoredValue {
  std::string table, column, where;
  Cell::Kind kind = Cell::Kind::kNull;
  int64_t integer = 0;
  size_t bytes = 0;
};

std::vector<std::string> List(Database& database, const std::string& sql) {
  std::vector<std::string> list;
  Statement rows = database.Prepare(sql);
  rows.Bind({});
  while (rows.Step()) list.emplace_back(rows.Text(0));
  return list;
}

std::vector<StoredValue> ValuesOf(const std::string& path) {
  auto database = Database::Open(path, Database::Mode::kReadOnly);
  REQUIRE(database);
  std::vector<StoredValue> values;
  for (const std::string& table :
       List(*database, "SELECT name FROM sqlite_schema WHERE type = 'table'")) {
    const std::string info = " FROM pragma_table_info('" + table + "') ";
    const auto columns = List(*database, "SELECT name" + info + "ORDER BY cid");
    const auto key = List(*database, "SELECT name" + info + "WHERE pk > 0 ORDER BY pk");
    std::string where = "'";
    for (size_t i = 0; i < key.size(); ++i) {
      where += std::string(i ? " || ' AND " : "") + "\"" + key[i] + "\" IS ' || quote(\"" + key[i] +
               "\")";
    }
    Statement rows = database->Prepare("SELECT *, " + where + " FROM " + table);
    rows.Bind({});
    while (rows.Step()) {
      for (size_t i = 0; i < columns.size(); ++i) {
        const Cell cell = rows.Value(static_cast<int>(i));
        StoredValue value{table, columns[i], "", cell.kind()};
        if (cell.kind() == Cell::Kind::kInteger) value.integer = cell.integer();
        if (cell.kind() != Cell::Kind::kInteger) value.bytes = cell.text().size();
        value.where = std::string(rows.Text(static_cast<int>(columns.size())));
        values.push_back(std::move(value));
      }
    }
  }
  REQUIRE(database->Check());
  return values;
}

// Other values, as SQL: each byte changed.
std::vector<std::string> Others(const StoredValue& value) {
  const std::string column = "\"" + value.column + "\"";
  if (value.kind == Cell::Kind::kNull) return {"1", "'x'"};
  std::vector<std::string> others{"NULL"};
  if (value.kind == Cell::Kind::kInteger) {
    for (int byte = 0; byte < 8; ++byte) {
      others.push_back(std::to_string(value.integer ^ (int64_t{1} << (8 * byte))));
    }
    static const std::set<std::string> kAnyType{"run", "batch", "value"};
    if (kAnyType.contains(value.column)) others.push_back("CAST(" + column + " AS TEXT)");
    return others;
  }
  const bool blob = value.kind == Cell::Kind::kBlob;
  for (size_t byte = 1; byte <= value.bytes; ++byte) {
    const std::string at = std::to_string(byte);
    const std::string other = "iif(substr(" + column + ", " + at +
                              ", 1) = " + (blob ? "x'7e', x'7f', x'7e'" : "'~', '}', '~'") + ")";
    const std::string joined = "substr(" + column + ", 1, " + at + " - 1) || " + other +
                               " || substr(" + column + ", " + at + " + 1)";
    others.push_back(blob ? "CAST(" + joined + " AS BLOB)" : joined);
  }
  return others;
}

// Where only rebuilding can tell, one change stands for all: it compares whole values.
bool NeedsRebuilding(const StoredValue& value) {
  static const std::set<std::string> kProven{"fact", "name", "commits", "read_range"};
  static const std::set<std::string> kBooked{"previous", "before", "missing",
                                             "lost",     "cause",  "marks"};
  return !kProven.contains(value.table) ||
         (value.table == "fact" && kBooked.contains(value.column));
}

// Everything that people and rules are told, to see whether a change that went unnoticed is one.
std::string Everything(Specimen& ledger, const std::string& table) {
  return ledger.Rows("SELECT * FROM " + table);
}

}  // namespace

TEST_CASE("no stored value changes without being noticed", "[ledger_damage]") {
  Specimen ledger;
  REQUIRE_FALSE(ledger.Noticed());
  REQUIRE_FALSE(ledger.NoticedByRebuilding());
  std::set<std::string> unnoticed;
  size_t changes = 0;
  for (const StoredValue& value : ValuesOf(ledger.path)) {
    std::vector<std::string> others = Others(value);
    const bool listed = MayBeUnseen(value.table, value.column);
    const bool rebuild = NeedsRebuilding(value);
    if (rebuild) others = {others[others.size() / 2]};
    for (const std::string& other : others) {
      const std::string sql = "UPDATE " + value.table + " SET \"" + value.column + "\" = " + other +
                              " WHERE " + value.where;
      INFO(sql);
      const bool damaged = ledger.Damage(sql);
      changes += damaged;
      if (damaged && !ledger.Noticed()) {
        if (listed) unnoticed.insert(value.table + "." + value.column);
        CHECK((listed || (rebuild && ledger.NoticedByRebuilding())));
      }
      ledger.Restore();
    }
  }
  CHECK(changes > 1000);
  for (const char* column :
       {"alert.state", "gap.length", "log.inode", "meta.value", "output.seq", "source.lines"}) {
    INFO(column);
    CHECK(unnoticed.contains(column));  // else strike it from the list
  }
}

TEST_CASE("no row is removed or added without being noticed", "[ledger_damage]") {
  Specimen ledger;
  std::set<std::string> seen;
  for (const StoredValue& value : ValuesOf(ledger.path)) {
    const std::string sql = "DELETE FROM " + value.table + " WHERE " + value.where;
    if (!seen.insert(sql).second) continue;
    static const std::set<std::string> kUnproven{"alert", "source", "meta"};
    if (kUnproven.contains(value.table)) continue;
    INFO(sql);
    REQUIRE(ledger.Damage(sql));
    const bool noticed = ledger.Noticed() || ledger.NoticedByRebuilding();
    CHECK(noticed);
    ledger.Restore();
  }
  for (const char* sql :
       {"INSERT INTO fact SELECT 99, * FROM (SELECT kind, synthetic, source, log, "
        "position, epoch, logged_at, server, project, day, format, run, batch, "
        "version, path, existing, fresh, recovered, duplicates, deleted, written, "
        "detail, previous, before, missing, lost, cause, marks FROM fact LIMIT 1)",
        "INSERT INTO commits SELECT 99, last_name, observed_at, chain FROM commits "
        "ORDER BY last_seq DESC LIMIT 1",
        "INSERT INTO name VALUES (0, 'nobody')"}) {
    INFO(sql);
    REQUIRE(ledger.Damage(sql));
    CHECK(ledger.Noticed());
    ledger.Restore();
  }
}

TEST_CASE("tables, views and triggers that were changed are noticed", "[ledger_damage]") {
  Specimen ledger;
  for (const char* sql :
       {"DROP TRIGGER fact_is_final", "DROP TRIGGER fact_is_kept", "DROP VIEW losses",
        "DROP VIEW losses; CREATE VIEW losses AS SELECT * FROM booked_facts WHERE 0",
        "DROP INDEX fact_lost", "CREATE TRIGGER extra AFTER INSERT ON fact BEGIN SELECT 1; END",
        "ALTER TABLE fact ADD COLUMN extra INTEGER"}) {
    INFO(sql);
    auto database = Database::Open(ledger.path, Database::Mode::kReadWrite);
    REQUIRE(database);
    database->Execute(sql);
    REQUIRE(database->Check());
    CHECK(ledger.Noticed());
    ledger.Restore();
  }
}

// Every byte takes minutes: ROLLCALL_DAMAGE_STEP=1.
TEST_CASE("a flipped byte of the file is noticed, or changes nothing that is told",
          "[ledger_damage]") {
  Specimen ledger;
  static const std::vector<std::string> kTables{
      "fact",          "name",
      "commits",       "read_range",
      "balance",       "segment",
      "gap",           "tally",
      "lossy",         "open_run",
      "waiting",       "permit",
      "sqlite_schema", "meta WHERE key IN ('ledger_id', 'balances_through')",
      "log",           "output"};
  std::map<std::string, std::string> whole;
  for (const std::string& table : kTables) whole[table] = Everything(ledger, table);
  const char* given = std::getenv("ROLLCALL_DAMAGE_STEP");
  const size_t step = given ? std::strtoul(given, nullptr, 10) : 61;
  size_t noticed = 0, flips = 0;
  for (size_t at = 0; at < ledger.content.size(); at += step) {
    std::string damaged = ledger.content;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << ((at / step) % 8)));
    PutContent(ledger.path, damaged);
    ++flips;
    if (ledger.Noticed()) {
      ++noticed;
      continue;
    }
    for (const std::string& table : kTables) {
      if (Everything(ledger, table) == whole[table]) continue;
      INFO("byte " << at << ", bit " << (at / step) % 8 << ", table " << table);
      static const std::set<std::string> kListed{"log", "output"};  // see kUnseen
      CHECK((kListed.contains(table) || ledger.NoticedByRebuilding()));
    }
  }
  WARN(noticed << " of " << flips << " flips noticed, the others changed nothing");
  CHECK(noticed > flips / 4);
}

TEST_CASE("a ledger that ends too early is noticed", "[ledger_damage]") {
  Specimen ledger;
  for (size_t size = 0; size < ledger.content.size(); size += size % 512 == 511 ? 1 : 511) {
    INFO(size);
    PutContent(ledger.path, ledger.content.substr(0, size));
    CHECK(ledger.Noticed());
  }
}

TEST_CASE("a head that was removed, changed or belongs to another ledger is noticed",
          "[ledger_damage]") {
  Specimen ledger, other;
  fs::remove(ledger.path + ".head");
  CHECK(ledger.Noticed());
  PutContent(ledger.path + ".head", std::string(ledger.head.size(), '\0'));
  CHECK(ledger.Noticed());
  PutContent(ledger.path + ".head", other.head);
  CHECK(ledger.Noticed());
  for (size_t at = 0; at + 1 < ledger.head.size(); ++at) {  // but the newline
    std::string head = ledger.head;
    head[at] ^= 1;
    PutContent(ledger.path + ".head", head);
    INFO(head);
    CHECK(ledger.Noticed());
  }
}

TEST_CASE("another ledger in the place of this one is noticed", "[ledger_damage]") {
  Specimen ledger, other;
  PutContent(ledger.path, other.content);
  CHECK(ledger.Noticed());
}

TEST_CASE("an older copy beside the head is noticed, also after it was opened by SQLite alone",
          "[ledger_damage]") {
  Specimen ledger;
  LedgerFixture& fixture = ledger.fixture();
  fixture.Open();
  fixture.Commit({.at = At("20:00:00"), .run = "20", .existing = 7, .written = 7});
  fixture.ledger.reset();
  CHECK_FALSE(ledger.Noticed());
  for (const char* suffix : {"-wal", "-shm"}) fs::remove(ledger.path + suffix);
  PutContent(ledger.path, ledger.content);
  CHECK(ledger.Noticed());
}

// A WAL is read up to its first damage, without any error from SQLite.
TEST_CASE("facts that a damaged write-ahead log loses are missed", "[ledger_damage]") {
  LedgerFixture fixture;
  fixture.Commit({.run = "1", .fresh = 100, .written = 100});
  {  // all that follows stays in the WAL
    auto database = Database::Open(fixture.directory / "ledger.db", Database::Mode::kReadWrite);
    database->Execute("PRAGMA wal_checkpoint(TRUNCATE)");
    REQUIRE(database->Check());
  }
  fixture.Commit({.at = At("13:00:00"), .run = "2", .existing = 100, .written = 100});
  fixture.Commit({.at = At("14:00:00"), .run = "3", .existing = 100, .written = 100});
  const std::string path = fixture.directory / "ledger.db", copy = fixture.directory / "copy.db";
  const std::string main = Content(path), wal = Content(path + "-wal");
  const auto facts = [&] {
    auto database = Database::Open(copy, Database::Mode::kReadOnly);
    REQUIRE(database);
    Statement count = database->Prepare("SELECT count(*) FROM fact");
    return count.Bind({}).Step() ? count.Integer(0) : -1;
  };
  const auto put = [&](const std::string& damaged) {
    fs::remove(copy + "-shm");
    PutContent(copy, main);
    PutContent(copy + "-wal", damaged);
    PutContent(copy + ".head", Content(path + ".head"));
  };
  put(wal);
  REQUIRE(facts() == 3);
  CHECK(CheckLedger(copy)->empty());
  const auto missed = [&](const std::string& damaged) {
    put(damaged);
    const auto findings = CheckLedger(copy);
    const bool noticed = !findings || !findings->empty();
    return noticed || facts() == 3;
  };
  constexpr size_t kFrame = 4096 + 24, kStep = 97;
  for (size_t size = 0; size < wal.size(); size += kFrame / 2) {
    INFO("cut to " << size);
    CHECK(missed(wal.substr(0, size)));
  }
  for (size_t at = 0; at < wal.size(); at += kStep) {
    std::string damaged = wal;
    damaged[at] ^= 4;
    INFO("byte " << at);
    CHECK(missed(damaged));
  }
}
