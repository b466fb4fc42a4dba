#include "monitor/ledger_check.h"

#include <array>
#include <map>
#include <string_view>

#include "monitor/fact_row.h"
#include "monitor/format_rows.h"
#include "monitor/hash_chain.h"
#include "monitor/ledger.h"
#include "monitor/schema.h"
#include "monitor/sqlite.h"

namespace {

using Findings = std::vector<std::string>;

Result<Database> OpenForReading(const std::string& path) {
  auto database = Database::Open(path, Database::Mode::kReadOnly);
  if (!database) return database;
  if (auto ok = CheckSchema(*database); !ok) return Within(path, ok.error());
  return database;
}

void CheckPages(Database& database, Findings& findings) {
  Statement check = database.Prepare("PRAGMA integrity_check(5)");
  check.Bind({});
  while (check.Step()) {
    if (check.Text(0) != "ok") findings.push_back("SQLite: " + std::string(check.Text(0)));
  }
}

using Objects = std::map<std::string, std::string>;  // SQL by type and name

Objects ObjectsOf(Database& database) {
  Objects objects;
  Statement rows = database.Prepare(
      "SELECT type || ' ' || name, tbl_name || ': ' || coalesce(sql, '') FROM sqlite_schema");
  rows.Bind({});
  while (rows.Step()) objects[std::string(rows.Text(0))] = std::string(rows.Text(1));
  return objects;
}

// Of a new ledger.
const Objects& OwnObjects() {
  static const Objects kObjects = [] {
    auto fresh = Database::Open(":memory:", Database::Mode::kCreate);
    return fresh && Migrate(*fresh) ? ObjectsOf(*fresh) : Objects();
  }();
  return kObjects;
}

// Tables, views and triggers are as this version makes them: a trigger that is gone no longer
// protects the facts, a view that was changed lies to people.
void CheckObjects(Database& database, Findings& findings) {
  const Objects& ours = OwnObjects();
  const Objects theirs = ObjectsOf(database);
  for (const auto& [name, sql] : ours) {
    const auto found = theirs.find(name);
    if (found == theirs.end()) findings.push_back(name + " is gone");
    if (found != theirs.end() && found->second != sql) findings.push_back(name + " was changed");
  }
  for (const auto& [name, sql] : theirs) {
    if (!ours.contains(name)) findings.push_back(name + " was not made by rollcall");
  }
}

constexpr int kFirstHashed = 1, kDerivedFrom = 23;  // columns of a fact: kind to detail

// What the columns are stored as; to be asked before they are read as something else.
std::array<Cell::Kind, kFactColumns> KindsOf(const Statement& stored) {
  std::array<Cell::Kind, kFactColumns> kinds{};
  for (int i = 0; i < kDerivedFrom; ++i) kinds[static_cast<size_t>(i)] = stored.Value(i).kind();
  return kinds;
}

// Whether the columns that are hashed hold exactly what a ledger writes of this row: the hash takes
// ids by 32 bits, and a number like its text.
bool IsAsWritten(const Statement& stored, const std::array<Cell::Kind, kFactColumns>& kinds,
                 const FactRow& row) {
  constexpr int64_t kMaxId = 0xffffffff;
  std::array<Cell, kFactColumns> cells;
  FillFactCells(row, cells.data());
  for (int i = kFirstHashed; i < kDerivedFrom; ++i) {
    const Cell& cell = cells[static_cast<size_t>(i)];
    if (kinds[static_cast<size_t>(i)] != cell.kind()) return false;
    if (cell.kind() == Cell::Kind::kInteger && stored.Integer(i) != cell.integer()) return false;
    if (cell.kind() == Cell::Kind::kText && stored.Text(i) != cell.text()) return false;
  }
  return row.log <= kMaxId && row.version <= kMaxId && row.path <= kMaxId;
}

// Recomputes every link. Facts and names are read once, in order, beside the commits. `head` is
// where the chain ends; `at_outside` is true when it passes through the head kept outside.
void CheckChain(Database& database, const LedgerHead& outside, LedgerHead& head, bool& at_outside,
                Findings& findings) {
  Statement commits = database.Prepare(
      "SELECT last_seq, last_name, observed_at, chain FROM commits ORDER BY last_seq");
  Statement names = database.Prepare("SELECT id, text FROM name ORDER BY id");
  Statement facts = database.Prepare(std::string(kSelectFacts) + "ORDER BY seq");
  commits.Bind({});
  names.Bind({});
  facts.Bind({});
  bool name = names.Step(), fact = facts.Step();
  int64_t expected_seq = 1, sealed_name = 0;
  while (commits.Step()) {
    const int64_t last_seq = commits.Integer(0), last_name = commits.Integer(1);
    std::string added;
    AppendTimeForHash(commits.Integer(2), added);
    for (; name && names.Integer(0) <= last_name; name = names.Step()) {
      sealed_name = names.Integer(0);
      AppendNameForHash(sealed_name, names.Text(1), added);
    }
    for (; fact && facts.Integer(0) <= last_seq; fact = facts.Step()) {
      std::deque<std::string> storage;
      const auto kinds = KindsOf(facts);
      const FactRow row = ReadFactRow(facts, storage);
      if (row.seq != expected_seq) {
        findings.push_back("facts " + std::to_string(expected_seq) + " to " +
                           std::to_string(row.seq - 1) + " are gone");
      }
      if (!IsAsWritten(facts, kinds, row)) {
        findings.push_back("fact " + std::to_string(row.seq) + " is not as rollcall writes it");
      }
      expected_seq = row.seq + 1;
      AppendForHash(row, added);
    }
    if (last_seq >= expected_seq) {
      findings.push_back("facts " + std::to_string(expected_seq) + " to " +
                         std::to_string(last_seq) + " are gone");
    }
    if (last_name != sealed_name) {
      findings.push_back("name " + std::to_string(last_name) + " is gone");
    }
    const ChainLink link = NextLink(head.chain, added);
    if (Bytes(link) != commits.Text(3)) {
      findings.push_back("the hash chain breaks at fact " + std::to_string(last_seq) +
                         ": this fact, or a name or fact shortly before it, was changed");
      return;  // every later link differs as a consequence
    }
    head.chain = link;
    head.seq = last_seq;
    at_outside = at_outside || (last_seq == outside.seq && link == outside.chain);
  }
  if (fact) {
    findings.push_back("facts after " + std::to_string(head.seq) + " belong to no commit");
  }
}

std::string LedgerId(Database& database) {
  Statement id = database.Prepare("SELECT value FROM meta WHERE key = 'ledger_id'");
  return id.Bind({}).Step() ? std::string(id.Text(0)) : std::string();
}

// The head outside may lag behind after a power cut; it may not lie beside the chain. Without it
// nobody can tell a whole ledger from one that was cut back.
void CheckHeadFile(const LedgerHead& outside, const LedgerHead& head, bool at_outside,
                   Findings& findings) {
  if (head.seq == 0 && outside.seq == 0) return;
  if (outside.seq == 0) {
    findings.push_back(
        "there is no head beside the ledger (FILE.head), so its newest commits may be missing: "
        "copy "
        "both, or make the copy with `rollcall backup`");
  } else if (outside.ledger_id != head.ledger_id) {
    findings.push_back("the head beside the ledger is that of another one");
  } else if (outside.seq > head.seq) {
    findings.push_back("the ledger ends at fact " + std::to_string(head.seq) + ", its head says " +
                       std::to_string(outside.seq) + ": the newest commits were lost");
  } else if (!at_outside) {
    findings.push_back("the head outside the file names another history of " +
                       std::to_string(outside.seq) + " facts");
  }
}

void CheckTiling(Database& database, Findings& findings) {
  Statement ends = database.Prepare(
      "SELECT path, position, (SELECT coalesce(max(\"end\"), 0) FROM read_range WHERE log = "
      "log.id) "
      "AS \"end\" FROM log WHERE position <> \"end\"");
  ends.Bind({});
  while (ends.Step()) {
    findings.push_back(std::string(ends.Text(0)) + ": read to byte " +
                       std::to_string(ends.Integer(1)) + ", but its ranges end at " +
                       std::to_string(ends.Integer(2)));
  }
  Statement homeless =
      database.Prepare("SELECT DISTINCT log FROM read_range WHERE log NOT IN (SELECT id FROM log)");
  homeless.Bind({});
  while (homeless.Step()) {
    findings.push_back("log " + std::to_string(homeless.Integer(0)) + " is gone");
  }
  Statement gaps =
      database.Prepare("SELECT path, begin, gap_before FROM read_ranges WHERE gap_before <> 0");
  gaps.Bind({});
  while (gaps.Step()) {
    findings.push_back(std::string(gaps.Text(0)) + ": " + std::to_string(gaps.Integer(2)) +
                       " bytes before " + std::to_string(gaps.Integer(1)) +
                       " were skipped or read twice");
  }
}

// Sources and formats as the ledger names them, rule tuning from the configuration.
Config ConfigOf(Database& database, const Config& tuning) {
  Config config = tuning;
  config.compaction_logs.clear();
  Statement sources =
      database.Prepare("SELECT name, shape, conservation, unit FROM source ORDER BY id");
  sources.Bind({});
  while (sources.Step()) {
    CompactionLogConfig source;
    source.name = std::string(sources.Text(0));
    source.shape = sources.Text(1) == "segments" ? Shape::kSegments : Shape::kRewrite;
    source.conservation = sources.Text(2) == "bounded" ? Conservation::kBounded
                          : sources.Text(2) == "off"   ? Conservation::kOff
                                                       : Conservation::kStrict;
    source.unit = std::string(sources.Text(3));
    config.compaction_logs.push_back(std::move(source));
  }
  if (!config.canonical_files.empty()) return config;
  Statement formats = database.Prepare("SELECT value FROM meta WHERE key = 'formats'");
  if (!formats.Bind({}).Step()) return config;
  for (FormatRow& format : ReadFormatRows(formats.Text(0))) {
    CanonicalFilesConfig files;
    files.format = std::move(format.format);
    files.reads = std::move(format.reads);
    files.serving = format.serving;
    files.retention = format.retention;
    config.canonical_files.push_back(std::move(files));
  }
  return config;
}

// Hands the facts of one commit after the other to a fresh ledger.
class Replay {
 public:
  Replay(Database& from, Ledger& to) : from_(from), to_(to) {
    Statement names = from.Prepare("SELECT id, text FROM name");
    names.Bind({});
    while (names.Step()) names_[names.Integer(0)] = std::string(names.Text(1));
    Statement sources = from.Prepare("SELECT id FROM source ORDER BY id");
    sources.Bind({});
    while (sources.Step()) {
      sources_[sources.Integer(0)] = static_cast<int16_t>(sources_.size());
    }
  }

  Result<void> Run() {
    Statement commits =
        from_.Prepare("SELECT last_seq, observed_at FROM commits ORDER BY last_seq");
    Statement facts = from_.Prepare(std::string(kSelectFacts) + "ORDER BY seq");
    commits.Bind({});
    facts.Bind({});
    bool more = facts.Step();
    while (commits.Step()) {
      Batch batch;
      batch.observed_at = Time(std::chrono::milliseconds(commits.Integer(1)));
      for (; more && facts.Integer(0) <= commits.Integer(0); more = facts.Step()) {
        Add(facts, batch);
      }
      auto done = to_.Commit(batch);
      if (!done) return tl::unexpected<Error>(done.error());
    }
    return from_.Check();
  }

 private:
  void Add(const Statement& facts, Batch& batch) {
    std::deque<std::string> storage;
    const FactRow row = ReadFactRow(facts, storage);
    Fact fact;
    fact.kind = row.kind;
    fact.synthetic = row.synthetic;
    fact.source = row.source ? sources_[row.source] : int16_t{-1};
    fact.log = static_cast<uint32_t>(row.log);
    fact.offset = row.position;
    fact.logged_at = Time(std::chrono::milliseconds(row.logged_at));
    fact.day = Day{row.partition.day};
    fact.server = batch.Add(names_[row.partition.server]);
    fact.project = batch.Add(names_[row.partition.project]);
    fact.format = batch.Add(names_[row.partition.format]);
    fact.run = batch.Add(row.run);
    fact.batch = batch.Add(row.batch);
    fact.version = batch.Add(names_[row.version]);
    fact.path = batch.Add(names_[row.path]);
    fact.detail = batch.Add(row.detail);
    fact.existing = row.counts.existing;
    fact.fresh = row.counts.fresh;
    fact.recovered = row.counts.recovered;
    fact.duplicates = row.counts.duplicates;
    fact.deleted = row.counts.deleted;
    fact.written = row.counts.written;
    batch.facts.push_back(fact);
  }

  Database& from_;
  Ledger& to_;
  std::map<int64_t, std::string> names_;
  std::map<int64_t, int16_t> sources_;
};

// A new ledger that knows the names of another, by the same ids: they are facts' words.
Result<void> BeginScratch(const std::string& path, Database& from) {
  auto scratch = Database::Open(path, Database::Mode::kCreate);
  if (!scratch) return tl::unexpected<Error>(scratch.error());
  scratch->Execute("PRAGMA synchronous = OFF");
  if (auto ok = Migrate(*scratch); !ok) return ok;
  scratch->Execute("BEGIN");
  Statement names = from.Prepare("SELECT id, text FROM name ORDER BY id");
  Statement insert = scratch->Prepare("INSERT INTO name VALUES (?, ?)");
  names.Bind({});
  while (names.Step()) insert.Run({names.Value(0), names.Value(1)});
  return scratch->Commit();
}

// What must come out of the facts again: all that is derived but the alerts, which also depend on
// the configuration and on when time passed. Names have the same ids in both.
struct Derived {
  std::string_view name;
  std::string_view sql;
};
constexpr std::array<Derived, 15> kDerived = {{
    {"progress", "SELECT value FROM meta WHERE key = 'balances_through'"},
    {"runs",
     "SELECT seq, previous, before, missing, lost, cause, marks, epoch FROM fact ORDER BY seq"},
    // Without the bit that says whether an alert is open.
    {"balances",
     "SELECT project, day, format, server, source, actual, missing, surplus, last, logged_until, "
     "permitted, epoch, opening, marks & ~16 FROM balance ORDER BY project, day, format, server"},
    {"gaps",
     "SELECT source, epoch, blind, reason, began, ended, log, position, seq, logged_until FROM gap "
     "ORDER BY source, epoch"},
    // Which run was the last there also depends on when rollcall was restarted.
    {"outputs", "SELECT server, format, directory, runs FROM output ORDER BY 1, 2, 3"},
    {"segments", "SELECT * FROM segment ORDER BY project, day, format, server, name"},
    {"permits", "SELECT * FROM permit ORDER BY project, day, format, server, seq"},
    {"totals", "SELECT * FROM tally ORDER BY format"},
    {"lossy runs", "SELECT * FROM lossy WHERE runs <> 0 ORDER BY format, cause, version"},
    {"open runs", "SELECT * FROM open_run ORDER BY project, day, format, server, run"},
    // Not what explains a file or whether it is to be counted, which depend on when time passed.
    {"files",
     "SELECT d.path, name, project, day, f.format, server, present, handle, inode, born_ns, "
     "f.modified_ns, size_bytes, generations, seq FROM file f JOIN directory d ON d.id = directory "
     "ORDER BY f.format, d.path, name"},
    {"readers",
     "SELECT format, server, executable, process, unit, reads, opens, files, first_at, last_at "
     "FROM "
     "reader ORDER BY format, server, executable, process, unit"},
    {"totals of files",
     "SELECT * FROM file_tally WHERE what NOT IN ('excepted_read', 'recount') ORDER BY format, "
     "what"},
    // Rows are counted later than some of them are replaced.
    {"kept generations",
     "SELECT k.id, d.path, name, project, day, k.format, server, inode, born_ns, k.modified_ns, "
     "size_bytes, reflink, copy, kept_at, replaced_at, void FROM kept k JOIN directory d ON d.id = "
     "directory ORDER BY k.id"},
    {"waiting data", "SELECT * FROM waiting ORDER BY project, day, format, server"},
}};

// Rows of the same query on both files, side by side; says where they first differ.
void Compare(Database& a, Database& b, const Derived& derived, Findings& findings) {
  const std::string sql = std::string(derived.sql);
  Statement left = a.Prepare(sql), right = b.Prepare(sql);
  left.Bind({});
  right.Bind({});
  for (;;) {
    const bool more = left.Step(), others = right.Step();
    if (!more && !others) return;
    std::string row, other;
    for (int i = 0; more && i < left.columns(); ++i) row += std::string(left.Text(i)) + "|";
    for (int i = 0; others && i < right.columns(); ++i) other += std::string(right.Text(i)) + "|";
    if (row == other) continue;
    findings.push_back(std::string(derived.name) + ": the ledger says " + (more ? row : "nothing") +
                       ", its facts say " + (others ? other : "nothing"));
    return;
  }
}

}  // namespace

Result<std::vector<std::string>> CheckLedger(const std::string& path) {
  auto database = OpenForReading(path);
  if (!database) return tl::unexpected<Error>(database.error());
  Findings findings;
  // Before the ledger, which may grow meanwhile.
  const auto outside = ReadHead(path + ".head");
  if (!outside) findings.push_back(outside.error().message);
  LedgerHead head;
  bool at_outside = false;
  database->Execute("BEGIN");  // one state, also while `watch` writes
  CheckPages(*database, findings);
  CheckObjects(*database, findings);
  CheckTiling(*database, findings);
  head.ledger_id = LedgerId(*database);
  const size_t before = findings.size();
  CheckChain(*database, outside.value_or(LedgerHead{}), head, at_outside, findings);
  const bool whole = findings.size() == before;
  if (auto ok = database->Check(); !ok) findings.push_back(ok.error().message);
  database->Rollback();
  // Else it differs as a consequence.
  if (whole && outside) CheckHeadFile(*outside, head, at_outside, findings);
  return findings;
}

Result<std::vector<std::string>> CheckRebuild(const std::string& path, const std::string& scratch,
                                              const Config& config, const RuleBook& rules) {
  auto database = OpenForReading(path);
  if (!database) return tl::unexpected<Error>(database.error());
  const Config rebuilt = ConfigOf(*database, config);
  Findings findings;
  if (auto ok = BeginScratch(scratch, *database); !ok) return tl::unexpected<Error>(ok.error());
  {
    auto ledger = Ledger::Open({scratch, config.server, true, false}, rebuilt, rules);
    if (!ledger) return tl::unexpected<Error>(ledger.error());
    auto done = Replay(*database, **ledger).Run();
    if (done) done = (*ledger)->FinishBulk();
    if (!done) return tl::unexpected<Error>(done.error());
  }
  auto again = OpenForReading(scratch);
  if (!again) return tl::unexpected<Error>(again.error());
  for (const Derived& derived : kDerived) Compare(*database, *again, derived, findings);
  return findings;
}
