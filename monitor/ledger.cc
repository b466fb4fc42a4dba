#include "monitor/ledger.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "monitor/schema.h"

namespace {

// Backfill keeps this many partitions in memory (about 150 MB) before it writes them out.
constexpr size_t kBulkPartitions = 1'390'000;

constexpr const char* kSelectLogs =
    "SELECT id, path, device, inode, position, head_end, head_hash, tail_begin, tail_hash, "
    "finished, joiner_state FROM log WHERE source = ? ORDER BY id";
constexpr const char* kKnownGap =
    "SELECT 1 FROM fact WHERE seq = (SELECT seq FROM gap WHERE source = ?1 ORDER BY epoch DESC "
    "LIMIT "
    "1) AND kind = ?2 AND coalesce(log, 0) = ?3 AND coalesce(position, 0) = ?4 AND detail = ?5";
constexpr const char* kBalancedThrough = "UPDATE meta SET value = ? WHERE key = 'balances_through'";
constexpr const char* kKnownOperatorFact = "SELECT 1 FROM fact WHERE kind = ? AND run = ?";

constexpr const char* kFilesWatchedUntil =
    "SELECT read_at FROM source WHERE name = ? AND watched_since IS NOT NULL";

Result<int> Lock(const std::string& path) {
  const std::string lock_path = path + ".lock";
  const int fd = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) {
    if (errno == ENOSPC || errno == EDQUOT) return FailBySystem(lock_path, errno);
    const char* hint = errno == ENOENT ? "; create its directory, or choose another with --ledger"
                                       : "; choose a place to write in with --ledger";
    return Fail(Error::Kind::kLedger, lock_path + ": " + std::strerror(errno) + hint);
  }
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  close(fd);
  return Fail(Error::Kind::kLedgerHeld,
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
    if (config.preserve && Preserves(*config.preserve, files.format)) {
      format["preserve_ms"] = std::chrono::milliseconds(config.preserve->window).count();
    }
    if (files.retention) {
      format["retention_ms"] = std::chrono::milliseconds(*files.retention).count();
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
    if (!options.durable) database->Execute("PRAGMA synchronous = OFF");
    ready = database->Check();
  }
  if (!ready) {
    close(*lock);
    Error error = ready.error();
    if (error.message.find("file is not a database") != std::string::npos) {
      error.message = "not a rollcall ledger; nothing was changed";
    }
    return Within(options.path, std::move(error));
  }
  std::unique_ptr<Ledger> ledger(new Ledger(options, config, rules, std::move(*database), *lock));
  if (auto ok = ledger->Start(); !ok) return Within(options.path, ok.error());
  return ledger;
}

Ledger::Ledger(const Options& options, const Config& config, const RuleBook& rules,
               Database database, int lock)
    : options_(options),
      config_(config),
      lock_(lock),
      database_(std::move(database)),
      names_(database_),
      balances_(database_, options.bulk ? kBulkPartitions : options.cached_partitions),
      sources_(database_, config, options.watches_files),
      formats_(config, names_),
      journal_(database_, sources_, options.path),
      chains_(database_, sources_, entry_),
      bookkeeper_(database_, names_, sources_, balances_, chains_, formats_,
                  rules.explained_share()),
      alerts_(database_, names_, rules),
      files_(database_),
      file_lookout_(database_, config, names_, balances_, chains_, formats_, rules, alerts_,
                    files_),
      lookout_(database_, names_, sources_, balances_, chains_, formats_, rules, alerts_,
               file_lookout_, journal_, entry_),
      accounts_(database_, sources_, balances_, chains_, bookkeeper_, lookout_, journal_, entry_),
      register_(database_, config, names_, files_, balances_, file_lookout_, accounts_, entry_),
      known_operator_fact_(database_.Prepare(kKnownOperatorFact)),
      known_gap_(database_.Prepare(kKnownGap)),
      balanced_through_(database_.Prepare(kBalancedThrough)) {}

Ledger::~Ledger() {
  database_.Settle();
  if (lock_ >= 0) close(lock_);
}

Result<void> Ledger::Start() {
  journal_.Begin();
  sources_.Open();
  bookkeeper_.Open();
  journal_.Open();
  seq_ = journal_.head().seq;
  server_ = names_.Id(options_.server);
  register_.Open(server_);
  if (options_.watches_files) file_lookout_.Watch(server_);
  DescribeSelf(database_, options_.server, config_);
  Recover();
  lookout_.Open();
  if (auto ok = journal_.End(); !ok) return ok;
  return journal_.CheckHead();
}

// A backfill that was killed left facts whose balances were still in memory. They are plain appends
// in sequence (a commit with a late fact writes its balances), so booking them again is exact.
void Ledger::Recover() {
  Statement meta = database_.Prepare("SELECT value FROM meta WHERE key = 'balances_through'");
  const int64_t through = meta.Bind({}).Step() ? meta.Integer(0) : 0;
  if (through >= seq_) return;
  Statement rows = database_.Prepare(std::string(kSelectFacts) + "WHERE seq > ? ORDER BY seq");
  rows.Bind({Cell::Of(through)});
  while (rows.Step()) {
    std::deque<std::string> storage;
    FactRow row = ReadFactRow(rows, storage);
    if (!IsOfPartition(row)) continue;
    accounts_.TakeAgain(row);
    if (balances_.full()) {
      balances_.Flush();
      balances_.Clear();
    }
  }
  WriteBalances();
}

void Ledger::ForgetCaches() {
  names_.Forget();
  formats_.Forget();
  files_.Forget();
  balances_.Clear();
  sources_.Open();
  bookkeeper_.Open();
  accounts_.Forget();
  lookout_.Forget();
  journal_.Open();
  seq_ = journal_.head().seq;
  server_ = names_.Find(options_.server);
}

Result<CommitOutcome> Ledger::Commit(const Batch& batch) {
  BeginEntry(batch);
  if (!journal_.Knows(batch)) {
    AccountAll(batch);
    journal_.Write(entry_);
    if (!options_.bulk || entry_.more_than_appended) WriteBalances();
  }
  if (auto done = End(); !done) return tl::unexpected<Error>(done.error());
  return Outcome();
}

Result<CommitOutcome> Ledger::CommitBeside(Batch batch) {
  entry_.owned_batch = std::make_unique<Batch>(std::move(batch));
  BeginEntry(*entry_.owned_batch);
  AccountAll(*entry_.batch);
  if (entry_.more_than_appended) WriteBalances();
  const CommitOutcome outcome = Outcome();
  JournalEntry& entry = written_beside_[next_beside_];
  next_beside_ = (next_beside_ + 1) % written_beside_.size();
  std::swap(entry_, entry);
  auto done = database_.RunBeside([this, &entry] {
    journal_.Write(entry);
    journal_.EndLargeTransaction();
  });
  if (!done) return tl::unexpected<Error>(done.error());
  return outcome;
}

CommitOutcome Ledger::Outcome() const {
  return {entry_.new_facts, entry_.known_facts, entry_.last_seq};
}

void Ledger::BeginEntry(const Batch& batch) {
  entry_.Begin(batch, seq_);
  journal_.Begin();
  if (!options_.bulk || !balances_.full()) return;
  WriteBalances();
  balances_.Clear();
}

Result<void> Ledger::End() {
  auto done = journal_.End();
  if (!done) {
    database_.Rollback();
    ForgetCaches();
  }
  return done;
}

void Ledger::WriteBalances() {
  balances_.Flush();
  balanced_through_.Run({Cell::Of(seq_)});
}

Result<void> Ledger::FinishBulk() {
  journal_.Begin();
  WriteBalances();
  if (auto done = End(); !done) return done;
  database_.Execute("PRAGMA journal_mode = WAL");
  return database_.Check();
}

std::vector<LogPosition> Ledger::Positions(int16_t source) {
  std::vector<LogPosition> positions;
  Statement logs = database_.Prepare(kSelectLogs);
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

std::vector<KnownDirectory> Ledger::Directories() { return register_.Directories(); }

std::vector<FileToCount> Ledger::FilesToCount(Time now, size_t most) {
  return register_.FilesToCount(now, most);
}

std::vector<CopyToCheck> Ledger::CopiesToRelease(const KeepBounds& bounds, size_t most) {
  return register_.kept().ToRelease(bounds, most);
}

std::vector<CopyToCheck> Ledger::CopiesAfter(int64_t id, size_t most) {
  return register_.kept().After(id, most);
}

int64_t Ledger::kept_files() { return register_.kept().files(); }

std::optional<Time> Ledger::FilesWatchedUntil() {
  Statement until = database_.Prepare(kFilesWatchedUntil);
  if (!until.Bind({Cell::Of(kFilesSource)}).Step() || until.IsNull(0)) return std::nullopt;
  return Time(std::chrono::milliseconds(until.Integer(0)));
}

uint32_t Ledger::next_log_id() {
  Statement last = database_.Prepare("SELECT coalesce(max(id), 0) + 1 FROM log");
  return last.Bind({}).Step() ? static_cast<uint32_t>(last.Integer(0)) : 1;
}
