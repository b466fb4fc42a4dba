#include "monitor/ledger.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>

#include "monitor/ledger_sql.h"
#include "monitor/schema.h"

namespace {

// Backfill keeps this many partitions in memory (about 150 MB) before it writes them out.
constexpr size_t kBulkPartitions = 1'390'000;

// Facts of one transaction of a backfill, at least: each ends with a wait for the disk.
constexpr int64_t kBulkTransactionRows = 65'536;

// Bytes worth a thread of their own.
constexpr size_t kHashBeside = 256 << 10;

std::string NewLedgerId() {
  std::random_device random;
  char id[33];
  std::snprintf(id, sizeof id, "%08x%08x%08x%08x", random(), random(), random(), random());
  return id;
}

Result<int> Lock(const std::string& path) {
  const std::string lock_path = path + ".lock";
  const int fd = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) return Fail(Error::Kind::kLedger, lock_path + ": " + std::strerror(errno));
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  close(fd);
  return Fail(Error::Kind::kLedger,
              path +
                  ": another rollcall writes this ledger (`watch` or `ingest`); stop it, or use "
                  "another --ledger: several can be read as one");
}

// A new ledger is backfilled with a rollback journal, which writes appended pages once instead of
// twice; nobody else can be reading it yet. Everything else runs in WAL mode.
void Configure(Database& database, bool bulk_fresh) {
  database.Execute("PRAGMA synchronous = FULL");
  database.Execute(bulk_fresh ? "PRAGMA journal_mode = TRUNCATE" : "PRAGMA journal_mode = WAL");
  database.Execute(bulk_fresh ? "PRAGMA cache_size = -16000" : "PRAGMA cache_size = -8000");
  database.Execute("PRAGMA wal_autocheckpoint = 4000");
  database.Execute("PRAGMA foreign_keys = OFF");
  database.PersistWal();
}

// What readers of a copied ledger need to know of its configuration: whose it is, which formats
// there are and which of them customers' queries read.
void DescribeSelf(Database& database, const std::string& server, const Config& config) {
  Statement put = database.Prepare("INSERT OR REPLACE INTO meta VALUES (?, ?)");
  put.Run({Cell::Of(std::string_view("server")), Cell::Of(std::string_view(server))});
  if (config.canonical_files.empty()) return;
  auto formats = nlohmann::ordered_json::array();
  for (const CanonicalFilesConfig& files : config.canonical_files) {
    nlohmann::ordered_json format = {
        {"format", files.format}, {"serving", files.serving}, {"reads", files.reads}};
    if (files.retention) {
      format["retention_days"] = std::chrono::floor<std::chrono::days>(*files.retention).count();
    }
    formats.push_back(std::move(format));
  }
  const std::string text = formats.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  put.Run({Cell::Of(std::string_view("formats")), Cell::Of(std::string_view(text))});
}

bool FileIsEmpty(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return true;
  const off_t size = lseek(fd, 0, SEEK_END);
  close(fd);
  return size <= 0;
}

}  // namespace

Result<std::unique_ptr<Ledger>> Ledger::Open(const Options& options, const Config& config,
                                             const RuleBook& rules) {
  auto lock = Lock(options.path);
  if (!lock) return tl::unexpected<Error>(lock.error());
  const bool bulk_fresh = options.bulk && FileIsEmpty(options.path);
  auto database = Database::Open(options.path, Database::Mode::kCreate);
  if (!database) {
    close(*lock);
    return tl::unexpected<Error>(database.error());
  }
  if (bulk_fresh) database->Execute("PRAGMA page_size = 16384");
  // Foreign files must not even be switched to WAL mode: look before anything is written.
  auto ready = Migrate(*database);
  if (ready) {
    Configure(*database, bulk_fresh);
    ready = database->Check();
  }
  if (!ready) {
    close(*lock);
    return Within(options.path, ready.error());
  }
  std::unique_ptr<Ledger> ledger(new Ledger(options, config, rules, std::move(*database), *lock));
  if (auto ok = ledger->Start(); !ok) return Within(options.path, ok.error());
  return ledger;
}

Ledger::Ledger(const Options& options, const Config& config, const RuleBook& rules,
               Database database, int lock)
    : options_(options),
      config_(config),
      rules_(rules),
      lock_(lock),
      database_(std::move(database)),
      names_(database_),
      balances_(database_, options.bulk ? kBulkPartitions : options.cached_partitions),
      sources_(database_, config),
      alerts_(database_, names_, rules),
      insert_commit_(database_.Prepare(ledger_sql::kInsertCommit)),
      insert_log_(database_.Prepare(ledger_sql::kInsertLog)),
      advance_log_(database_.Prepare(ledger_sql::kAdvanceLog)),
      find_log_(database_.Prepare(ledger_sql::kFindLog)),
      insert_range_(database_.Prepare(ledger_sql::kInsertRange)),
      extend_range_(database_.Prepare(ledger_sql::kExtendRange)),
      select_row_(database_.Prepare(std::string(kSelectFacts) + "WHERE seq = ?")),
      update_derived_(database_.Prepare(ledger_sql::kUpdateDerived)),
      upsert_output_(database_.Prepare(ledger_sql::kUpsertOutput)),
      find_outputs_(database_.Prepare(ledger_sql::kFindOutputs)),
      open_run_(database_.Prepare(ledger_sql::kOpenRun)),
      close_run_(database_.Prepare(ledger_sql::kCloseRuns)),
      upsert_segment_(database_.Prepare(ledger_sql::kUpsertSegment)),
      select_segments_(database_.Prepare(ledger_sql::kSelectSegments)),
      known_operator_fact_(database_.Prepare(ledger_sql::kKnownOperatorFact)) {}

Ledger::~Ledger() {
  if (lock_ >= 0) close(lock_);
}

Result<void> Ledger::Start() {
  database_.Execute("BEGIN IMMEDIATE");
  sources_.Open();
  LoadHead();
  server_ = names_.Id(options_.server);
  DescribeSelf(database_, options_.server, config_);
  Recover();
  Statement open_runs = database_.Prepare("SELECT 1 FROM open_run LIMIT 1");
  has_open_runs_ = open_runs.Bind({}).Step();
  if (auto ok = database_.Commit(); !ok) return ok;
  auto outside = ReadHead(options_.path + ".head");
  if (!outside) return tl::unexpected<Error>(outside.error());
  if (outside->ledger_id == head_.ledger_id && outside->seq > head_.seq) {
    return Fail(Error::Kind::kLedger,
                "the ledger ends at fact " + std::to_string(head_.seq) + ", but " +
                    std::to_string(outside->seq) +
                    " had been committed: it was cut back or restored from an older copy. Keep it "
                    "for inspection, then remove " +
                    options_.path + ".head to go on");
  }
  return WriteHead(options_.path + ".head", head_);
}

void Ledger::LoadHead() {
  Statement id = database_.Prepare("SELECT value FROM meta WHERE key = 'ledger_id'");
  if (id.Bind({}).Step()) {
    head_.ledger_id = std::string(id.Text(0));
  } else {
    head_.ledger_id = NewLedgerId();
    database_.Prepare("INSERT INTO meta VALUES ('ledger_id', ?), ('balances_through', 0)")
        .Run({Cell::Of(head_.ledger_id)});
  }
  Statement last = database_.Prepare(
      "SELECT last_seq, chain, last_name FROM commits ORDER BY last_seq DESC LIMIT 1");
  head_.seq = 0;
  head_.chain = {};
  names_sealed_ = 0;
  if (last.Bind({}).Step()) {
    head_.seq = last.Integer(0);
    head_.chain = LinkFrom(last.Text(1));
    names_sealed_ = last.Integer(2);
  }
  durable_seq_ = head_.seq;
}

// A backfill that was killed left facts whose balances were still in memory. They are plain appends
// in sequence (a commit with a late fact writes its balances), so booking them again is exact.
void Ledger::Recover() {
  Statement meta = database_.Prepare("SELECT value FROM meta WHERE key = 'balances_through'");
  const int64_t through = meta.Bind({}).Step() ? meta.Integer(0) : 0;
  if (through >= head_.seq) return;
  Statement rows = database_.Prepare(std::string(kSelectFacts) + "WHERE seq > ? ORDER BY seq");
  rows.Bind({Cell::Of(through)});
  while (rows.Step()) {
    std::deque<std::string> storage;
    FactRow row = ReadFactRow(rows, storage);
    if (row.partition.project == 0) continue;
    BookedPartition& partition = balances_.At(row.partition);
    SegmentSet* segments = nullptr;
    Book(row, partition.balance, segments);
    partition.balance.last = row.seq;
    partition.balance.disordered =
        partition.balance.disordered || row.logged_at < partition.balance.logged_until;
    partition.balance.logged_until = std::max(partition.balance.logged_until, row.logged_at);
    partition.source = row.source;
    partition.balance.alerting = alerts_.AnyOpen(row.partition);
    balances_.Touch(partition);
    if (balances_.full()) {
      balances_.Flush();
      balances_.Clear();
    }
  }
  WriteBalances();
}

void Ledger::ForgetCaches() {
  names_.Forget();
  balances_.Clear();
  sources_.Open();
  ranges_begun_.clear();
  segments_.clear();
  segments_cached_ = 0;
  last_output_.clear();
  tallies_.clear();
  LoadHead();
  server_ = names_.Find(options_.server);
}

void Ledger::Begin() {
  if (in_transaction_) return;
  database_.Execute("BEGIN IMMEDIATE");
  in_transaction_ = true;
}

// A backfill waits for the disk once in many batches. Whoever does not get this far leaves the
// file as it was when the transaction began.
Result<void> Ledger::End(bool may_wait) {
  auto done = database_.Check();
  const int64_t waiting = head_.seq - durable_seq_;
  if (done && may_wait && options_.bulk && waiting < kBulkTransactionRows) return {};
  if (done) done = database_.Commit();
  in_transaction_ = false;
  if (!done) {
    database_.Rollback();
    ForgetCaches();
    return done;
  }
  if (waiting == 0) return {};
  durable_seq_ = head_.seq;
  return WriteHead(options_.path + ".head", head_);
}

Result<CommitOutcome> Ledger::Commit(const Batch& batch) {
  outcome_ = {};
  rows_.clear();
  rows_inserted_ = 0;
  hashed_.clear();
  Begin();
  if (!AlreadyCommitted(batch)) Write(batch);
  if (auto done = End(true); !done) return tl::unexpected<Error>(done.error());
  outcome_.head_seq = head_.seq;
  return outcome_;
}

void Ledger::Write(const Batch& batch) {
  const int64_t before = head_.seq;
  if (balances_.full()) {
    WriteBalances();
    balances_.Clear();
  }
  rebuilt_ = false;
  memos_ = {};
  AccountAll(batch);
  auto chain = ChainFacts();
  WriteRows();
  WritePositions(batch);
  WriteTallies();
  if (!options_.bulk || rebuilt_) WriteBalances();
  if (head_.seq > before) WriteCommit(batch.observed_at, chain.get());
}

void Ledger::WriteBalances() {
  balances_.Flush();
  database_.Prepare("UPDATE meta SET value = ? WHERE key = 'balances_through'")
      .Run({Cell::Of(head_.seq)});
}

// After a COMMIT with an unknown outcome the same batch comes again: its positions tell.
bool Ledger::AlreadyCommitted(const Batch& batch) {
  if (batch.positions.empty()) return false;
  for (const LogPosition& position : batch.positions) {
    if (!find_log_.Bind({Cell::Of(int64_t{position.log})}).Step()) return false;
    if (find_log_.Integer(0) != position.to || position.from == position.to) return false;
  }
  return true;
}

// Hands over the rows that are new since the last call. They stay where they are until WriteRows,
// so `rows_` may not grow beyond what was reserved.
void Ledger::InsertRows() {
  const size_t begin = rows_inserted_, count = rows_.size() - begin;
  rows_inserted_ = rows_.size();
  database_.InsertAllBeside(
      "INSERT", "fact", kFactColumns, count,
      [this, begin](size_t row, Cell* cells) { FillFactCells(rows_[begin + row], cells); });
}

void Ledger::WriteRows() {
  const size_t begin = rows_inserted_;
  database_.InsertAll("INSERT", "fact", kFactColumns, rows_.size() - begin,
                      [&](size_t row, Cell* cells) { FillFactCells(rows_[begin + row], cells); });
  rows_.clear();
  rows_inserted_ = 0;
}

void Ledger::WritePositions(const Batch& batch) {
  for (const LogPosition& position : batch.positions) {
    const int64_t source = sources_.At(position.source).id;
    const auto signed_hash = [](uint64_t hash) { return static_cast<int64_t>(hash); };
    if (!find_log_.Bind({Cell::Of(int64_t{position.log})}).Step()) {
      insert_log_.Run({Cell::Of(int64_t{position.log}), Cell::Of(source), Cell::Of(position.path)});
    }
    advance_log_.Run({Cell::Of(int64_t{position.log}), Cell::Of(position.from),
                      Cell::Of(position.to), Cell::Of(position.path),
                      Cell::Of(static_cast<int64_t>(position.device)),
                      Cell::Of(static_cast<int64_t>(position.inode)), Cell::Of(position.head.end),
                      Cell::Of(signed_hash(position.head.hash)), Cell::Of(position.tail.begin),
                      Cell::Of(signed_hash(position.tail.hash)),
                      Cell::Of(int64_t{position.finished}), Cell::Of(position.joiner_state)});
    // Compare and swap: another reader, or a batch out of order, must not pass unnoticed.
    if (database_.changes() != 1) {
      database_.Refuse("log " + std::to_string(position.log) + " is not at byte " +
                       std::to_string(position.from) + ": it was read by somebody else");
    }
    if (position.from == position.to) continue;
    if (!ranges_begun_[position.log]) {
      insert_range_.Run(
          {Cell::Of(int64_t{position.log}), Cell::Of(position.from), Cell::Of(position.to)});
      ranges_begun_[position.log] = true;
    } else {
      extend_range_.Run(
          {Cell::Of(int64_t{position.log}), Cell::Of(position.from), Cell::Of(position.to)});
    }
  }
  for (size_t i = 0; i < batch.lines.size() && i < sources_.all().size(); ++i) {
    const LineCounts& lines = batch.lines[i];
    if (lines.lines == 0 && lines.quarantined == 0) continue;
    sources_.Count(sources_.At(static_cast<int16_t>(i)), lines.lines, lines.ignored,
                   lines.quarantined, batch.observed_at.time_since_epoch().count());
  }
}

// The link of this commit; hashed beside the inserts where there is much to hash.
std::future<ChainLink> Ledger::ChainFacts() {
  // Names first: facts refer to them.
  Statement names = database_.Prepare("SELECT id, text FROM name WHERE id > ? ORDER BY id");
  names.Bind({Cell::Of(names_sealed_)});
  std::string added;
  while (names.Step()) {
    const int64_t id = names.Integer(0);
    added.append(reinterpret_cast<const char*>(&id), sizeof id);
    added.append(names.Text(1));
    added.push_back('\0');
    names_sealed_ = id;
  }
  hashed_.insert(0, added);
  const auto policy = hashed_.size() > kHashBeside ? std::launch::async : std::launch::deferred;
  return std::async(policy, [this, last = head_.chain] { return NextLink(last, hashed_); });
}

void Ledger::WriteCommit(Time observed_at, const ChainLink& chain) {
  head_.chain = chain;
  insert_commit_.Run({Cell::Of(head_.seq), Cell::Of(names_sealed_),
                      Cell::Of(observed_at.time_since_epoch().count()),
                      Cell::Blob(Bytes(head_.chain))});
}

Result<void> Ledger::FinishBulk() {
  Begin();
  WriteBalances();
  if (auto done = End(false); !done) return done;
  database_.Execute("PRAGMA journal_mode = WAL");
  return database_.Check();
}

std::vector<LogPosition> Ledger::Positions(int16_t source) {
  std::vector<LogPosition> positions;
  Statement logs = database_.Prepare(ledger_sql::kSelectLogs);
  logs.Bind({Cell::Of(int64_t{sources_.At(source).id})});
  while (logs.Step()) {
    LogPosition position;
    position.source = source;
    position.log = static_cast<uint32_t>(logs.Integer(0));
    position.path = std::string(logs.Text(1));
    position.device = static_cast<uint64_t>(logs.Integer(2));
    position.inode = static_cast<uint64_t>(logs.Integer(3));
    position.from = position.to = logs.Integer(4);
    position.head = {0, logs.Integer(5), static_cast<uint64_t>(logs.Integer(6))};
    position.tail = {logs.Integer(7), position.to, static_cast<uint64_t>(logs.Integer(8))};
    position.finished = logs.Integer(9) != 0;
    position.joiner_state = std::string(logs.Text(10));
    positions.push_back(std::move(position));
  }
  return positions;
}

uint32_t Ledger::next_log_id() {
  Statement last = database_.Prepare("SELECT coalesce(max(id), 0) + 1 FROM log");
  return last.Bind({}).Step() ? static_cast<uint32_t>(last.Integer(0)) : 1;
}
