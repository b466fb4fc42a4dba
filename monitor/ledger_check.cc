#include "monitor/ledger_check.h"

#include <map>
#include <nlohmann/json.hpp>

#include "monitor/fact_row.h"
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

// Recomputes every link. Facts and names are read once, in order, beside the commits.
void CheckChain(Database& database, LedgerHead& head, Findings& findings) {
  Statement commits =
      database.Prepare("SELECT last_seq, last_name, chain FROM commits ORDER BY last_seq");
  Statement names = database.Prepare("SELECT id, text FROM name ORDER BY id");
  Statement facts = database.Prepare(std::string(kSelectFacts) + "ORDER BY seq");
  commits.Bind({});
  names.Bind({});
  facts.Bind({});
  bool name = names.Step(), fact = facts.Step();
  int64_t expected_seq = 1;
  while (commits.Step()) {
    const int64_t last_seq = commits.Integer(0), last_name = commits.Integer(1);
    std::string added;
    for (; name && names.Integer(0) <= last_name; name = names.Step()) {
      const int64_t id = names.Integer(0);
      added.append(reinterpret_cast<const char*>(&id), sizeof id);
      added.append(names.Text(1));
      added.push_back('\0');
    }
    for (; fact && facts.Integer(0) <= last_seq; fact = facts.Step()) {
      std::deque<std::string> storage;
      const FactRow row = ReadFactRow(facts, storage);
      if (row.seq != expected_seq) {
        findings.push_back("facts " + std::to_string(expected_seq) + " to " +
                           std::to_string(row.seq - 1) + " are gone");
      }
      expected_seq = row.seq + 1;
      AppendForHash(row, added);
    }
    const ChainLink link = NextLink(head.chain, added);
    if (Bytes(link) != commits.Text(2)) {
      findings.push_back("the hash chain breaks at fact " + std::to_string(last_seq) +
                         ": this fact, or a name or fact shortly before it, was changed");
      return;  // every later link differs as a consequence
    }
    head.chain = link;
    head.seq = last_seq;
  }
  if (fact) {
    findings.push_back("facts after " + std::to_string(head.seq) + " belong to no commit");
  }
}

void CheckHeadFile(const std::string& path, const LedgerHead& head, Findings& findings) {
  const auto outside = ReadHead(path + ".head");
  if (!outside) {
    findings.push_back(outside.error().message);
  } else if (outside->seq > head.seq) {
    findings.push_back("the ledger ends at fact " + std::to_string(head.seq) + ", its head says " +
                       std::to_string(outside->seq) + ": the newest commits were lost");
  } else if (outside->seq == head.seq && outside->seq > 0 && outside->chain != head.chain) {
    findings.push_back("the head outside the file names another history of the same length");
  }
}

void CheckTiling(Database& database, Findings& findings) {
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
  const auto list = nlohmann::json::parse(formats.Text(0), nullptr, false);
  for (const auto& entry : list.is_array() ? list : nlohmann::json::array()) {
    CanonicalFilesConfig files;
    files.format = entry.value("format", "");
    files.path = entry.value("path", "");
    files.serving = entry.value("serving", false);
    files.reads = entry.contains("reads") && entry["reads"].is_string() ? entry["reads"] : "";
    if (entry.contains("retention_days") && entry["retention_days"].is_number_integer()) {
      files.retention = std::chrono::hours(24 * entry["retention_days"].get<int64_t>());
    }
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

// Rows of the same query on both files, side by side; says where they first differ.
void Compare(Database& a, Database& b, const char* what, const char* sql, Findings& findings) {
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
    findings.push_back(std::string(what) + ": the ledger says " + (more ? row : "nothing") +
                       ", its facts say " + (others ? other : "nothing"));
    return;
  }
}

}  // namespace

Result<std::vector<std::string>> CheckLedger(const std::string& path) {
  auto database = OpenForReading(path);
  if (!database) return tl::unexpected<Error>(database.error());
  Findings findings;
  LedgerHead head;
  database->Execute("BEGIN");  // one state, also while `watch` writes
  CheckPages(*database, findings);
  CheckTiling(*database, findings);
  const size_t before = findings.size();
  CheckChain(*database, head, findings);
  const bool whole = findings.size() == before;
  if (auto ok = database->Check(); !ok) findings.push_back(ok.error().message);
  database->Rollback();
  if (whole) CheckHeadFile(path, head, findings);  // else it differs as a consequence
  return findings;
}

Result<std::vector<std::string>> CheckRebuild(const std::string& path, const std::string& scratch,
                                              const Config& config, const RuleBook& rules) {
  auto database = OpenForReading(path);
  if (!database) return tl::unexpected<Error>(database.error());
  const Config rebuilt = ConfigOf(*database, config);
  Findings findings;
  {
    auto ledger = Ledger::Open({scratch, config.server, true}, rebuilt, rules);
    if (!ledger) return tl::unexpected<Error>(ledger.error());
    auto done = Replay(*database, **ledger).Run();
    if (done) done = (*ledger)->FinishBulk();
    if (!done) return tl::unexpected<Error>(done.error());
  }
  auto again = OpenForReading(scratch);
  if (!again) return tl::unexpected<Error>(again.error());
  Compare(*database, *again, "runs",
          "SELECT f.seq, f.previous, f.before, f.missing, f.lost, n.text, f.marks FROM fact f "
          "LEFT JOIN name n ON n.id = f.cause ORDER BY f.seq",
          findings);
  Compare(*database, *again, "balances",
          "SELECT server, project, day, format, expected, actual, missing, surplus, opening "
          "FROM balances ORDER BY server, project, day, format",
          findings);
  Compare(*database, *again, "gaps",
          "SELECT source, epoch, blind, reason, began, ended FROM gap ORDER BY source, epoch",
          findings);
  Compare(*database, *again, "totals",
          "SELECT n.text, runs, failed, written, missing FROM tally JOIN name n ON n.id = format "
          "ORDER BY 1",
          findings);
  return findings;
}
