#include "monitor/sqlite.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

namespace {

Error::Kind KindOf(int code) {
  if ((code & 0xff) == SQLITE_INTERRUPT) return Error::Kind::kTimeout;
  return (code & 0xff) == SQLITE_FULL ? Error::Kind::kLedgerFull : Error::Kind::kLedger;
}

// "file:/a%20b?immutable=1": read as it is, without locks, journal or shared memory.
std::string ImmutableUri(const std::string& path) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string uri = "file:";
  for (const char byte : path) {
    const auto code = static_cast<unsigned char>(byte);
    if (std::isalnum(code) || byte == '/' || byte == '.' || byte == '-' || byte == '_') {
      uri.push_back(byte);
      continue;
    }
    uri.push_back('%');
    uri.push_back(kHex[code >> 4]);
    uri.push_back(kHex[code & 15]);
  }
  return uri + "?immutable=1";
}

int BindCell(sqlite3_stmt* statement, int at, const Cell& cell) {
  const int size = static_cast<int>(cell.text().size());
  switch (cell.kind()) {
    case Cell::Kind::kNull:
      return sqlite3_bind_null(statement, at);
    case Cell::Kind::kInteger:
      return sqlite3_bind_int64(statement, at, cell.integer());
    case Cell::Kind::kText:
      return sqlite3_bind_text(statement, at, cell.text().data() ? cell.text().data() : "", size,
                               SQLITE_TRANSIENT);
    case Cell::Kind::kBlob:
      return sqlite3_bind_blob(statement, at, cell.text().data(), size, SQLITE_TRANSIENT);
  }
  return SQLITE_MISUSE;
}

void ReturnCell(sqlite3_context* context, const Cell& cell) {
  switch (cell.kind()) {
    case Cell::Kind::kNull:
      return sqlite3_result_null(context);
    case Cell::Kind::kInteger:
      return sqlite3_result_int64(context, cell.integer());
    case Cell::Kind::kText:
      return sqlite3_result_text(context, cell.text().data(), static_cast<int>(cell.text().size()),
                                 SQLITE_STATIC);
    case Cell::Kind::kBlob:
      return sqlite3_result_blob(context, cell.text().data(), static_cast<int>(cell.text().size()),
                                 SQLITE_STATIC);
  }
}

}  // namespace

// The virtual table behind InsertAll: a cursor walks a block of rows whose cells are all there.
struct Database::Feed {
  static constexpr size_t kColumns = 32;
  static constexpr size_t kBlockRows = 256;  // their cells fit the second-level cache
  static constexpr size_t kFewRows = 16;     // too few to be worth a statement of their own
  size_t columns = 0;
  size_t rows = 0;  // in the block
  std::vector<Cell> cells = std::vector<Cell>(kColumns * kBlockRows);
  std::map<std::string, Statement> statements;  // by their text

  struct Table {
    sqlite3_vtab base;
    Feed* feed;
  };
  struct Cursor {
    sqlite3_vtab_cursor base;
    size_t row;
  };
  static Feed& Of(sqlite3_vtab_cursor* cursor) {
    return *reinterpret_cast<Table*>(cursor->pVtab)->feed;
  }
  // How SQL says the value that a column has in all rows of the block; empty if they differ.
  std::string Constant(size_t column) const {
    if (rows < kFewRows) return {};
    const Cell first = cells[column];
    for (size_t row = 1; row < rows; ++row) {
      if (!cells[row * columns + column].Is(first)) return {};
    }
    if (first.Is(Cell::Null())) return "NULL";
    if (first.Is(Cell::Of(int64_t{0}))) return "0";
    return "?" + std::to_string(column + 1);
  }

  static int Connect(sqlite3* db, void* feed, int, const char* const*, sqlite3_vtab** table,
                     char**) {
    std::string sql = "CREATE TABLE feed(c0";
    for (size_t i = 1; i < kColumns; ++i) sql += ",c" + std::to_string(i);
    if (const int code = sqlite3_declare_vtab(db, (sql + ")").c_str())) return code;
    *table = reinterpret_cast<sqlite3_vtab*>(new Table{{}, static_cast<Feed*>(feed)});
    return SQLITE_OK;
  }
  static int BestIndex(sqlite3_vtab*, sqlite3_index_info*) { return SQLITE_OK; }
  static int Disconnect(sqlite3_vtab* table) {
    delete reinterpret_cast<Table*>(table);
    return SQLITE_OK;
  }
  static int Open(sqlite3_vtab*, sqlite3_vtab_cursor** cursor) {
    *cursor = reinterpret_cast<sqlite3_vtab_cursor*>(new Cursor{{}, 0});
    return SQLITE_OK;
  }
  static int CloseCursor(sqlite3_vtab_cursor* cursor) {
    delete reinterpret_cast<Cursor*>(cursor);
    return SQLITE_OK;
  }
  static int Filter(sqlite3_vtab_cursor* cursor, int, const char*, int, sqlite3_value**) {
    reinterpret_cast<Cursor*>(cursor)->row = 0;
    return SQLITE_OK;
  }
  static int Next(sqlite3_vtab_cursor* cursor) {
    ++reinterpret_cast<Cursor*>(cursor)->row;
    return SQLITE_OK;
  }
  static int Eof(sqlite3_vtab_cursor* cursor) {
    return reinterpret_cast<Cursor*>(cursor)->row >= Of(cursor).rows;
  }
  static int Column(sqlite3_vtab_cursor* cursor, sqlite3_context* context, int column) {
    const Feed& feed = Of(cursor);
    const size_t row = reinterpret_cast<Cursor*>(cursor)->row;
    ReturnCell(context, feed.cells[row * feed.columns + static_cast<size_t>(column)]);
    return SQLITE_OK;
  }
  static int RowId(sqlite3_vtab_cursor* cursor, sqlite3_int64* id) {
    *id = static_cast<sqlite3_int64>(reinterpret_cast<Cursor*>(cursor)->row);
    return SQLITE_OK;
  }
  static const sqlite3_module kModule;
};

const sqlite3_module Database::Feed::kModule = [] {
  sqlite3_module module{};
  module.xConnect = Connect;  // no xCreate: the table is eponymous, it needs no CREATE
  module.xBestIndex = BestIndex;
  module.xDisconnect = Disconnect;
  module.xOpen = Open;
  module.xClose = CloseCursor;
  module.xFilter = Filter;
  module.xNext = Next;
  module.xEof = Eof;
  module.xColumn = Column;
  module.xRowid = RowId;
  return module;
}();

// A thread that does works in turn.
struct Database::Beside {
  Beside() : thread([this] { Run(); }) {}
  ~Beside() {
    Add(nullptr);
    thread.join();
  }
  void Add(std::function<void()> work) {
    const std::lock_guard lock(mutex);
    works.push_back(std::move(work));
    changed.notify_all();
  }
  // Until at most `count` works are left to do; the works themselves wait for nobody.
  void WaitFor(size_t count) {
    if (std::this_thread::get_id() == thread.get_id()) return;
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return works.size() <= count; });
  }
  void Run() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [&] { return !works.empty(); });
      const std::function<void()>& work = works.front();
      if (!work) return;
      lock.unlock();
      work();
      lock.lock();
      works.pop_front();
      changed.notify_all();
    }
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> works;  // guarded by mutex; the first is being done
  std::atomic<bool> failed = false;
  std::thread thread;  // last: it uses the others
};

void Database::Close::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
void Statement::Finalize::operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }

Database::Database(sqlite3* handle) : handle_(handle) {}
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;
Database::~Database() = default;

Result<Database> Database::Open(const std::string& path, Mode mode,
                                std::chrono::milliseconds patience) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (mode == Mode::kReadOnly) flags |= SQLITE_OPEN_READONLY;
  if (mode == Mode::kCopy) flags |= SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
  if (mode == Mode::kReadWrite) flags |= SQLITE_OPEN_READWRITE;
  if (mode == Mode::kCreate) flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  sqlite3* handle = nullptr;
  const std::string name = mode == Mode::kCopy ? ImmutableUri(path) : path;
  const int code = sqlite3_open_v2(name.c_str(), &handle, flags, nullptr);
  Database database(handle);
  if (code != SQLITE_OK) {
    return Fail(KindOf(code), path + ": " + sqlite3_errstr(code));
  }
  sqlite3_busy_timeout(handle, static_cast<int>(patience.count()));
  return database;
}

void Database::Note(int code, std::string_view doing) {
  if (error_ || code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return;
  const char* file = sqlite3_db_filename(handle_.get(), "main");
  std::string message = file && *file ? std::string(file) + ": " : std::string();
  message += sqlite3_errmsg(handle_.get());
  error_ = Error{KindOf(code), message + " (" + std::string(doing.substr(0, 80)) + ")"};
}

void Database::Settle() const {
  if (beside_) beside_->WaitFor(0);
}

Result<void> Database::RunBeside(std::function<void()> work) {
  if (!beside_) beside_ = std::make_unique<Beside>();
  beside_->WaitFor(1);
  if (beside_->failed) return Check();
  beside_->Add([this, work = std::move(work)] {
    work();
    beside_->failed = error_.has_value();
  });
  return {};
}

void Database::Execute(const char* sql) {
  Settle();
  if (error_) return;
  Note(sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr), sql);
}

Statement Database::Prepare(std::string_view sql) {
  Settle();
  // SQLite looks at the clock within a long statement only, and never between many short ones.
  if (deadline_ && std::chrono::steady_clock::now() >= *deadline_) {
    Refuse("the time for this is over", Error::Kind::kTimeout);
  }
  sqlite3_stmt* statement = nullptr;
  if (!error_) {
    Note(sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                            SQLITE_PREPARE_PERSISTENT, &statement, nullptr),
         sql);
  }
  return Statement(this, statement);
}

void Database::InsertAll(const char* verb, const char* into, size_t columns, size_t rows,
                         const Fill& fill) {
  Settle();
  if (error_ || rows == 0) return;
  if (!feed_) {
    feed_ = std::make_unique<Feed>();
    Note(sqlite3_create_module_v2(handle_.get(), "feed", &Feed::kModule, feed_.get(), nullptr),
         into);
  }
  Feed& feed = *feed_;
  feed.columns = columns;
  for (size_t begin = 0; begin < rows && !error_; begin += Feed::kBlockRows) {
    feed.rows = std::min(Feed::kBlockRows, rows - begin);
    for (size_t row = 0; row < feed.rows; ++row) fill(begin + row, &feed.cells[row * columns]);
    InsertBlock(verb, into);
  }
}

void Database::InsertBlock(const char* verb, const char* into) {
  Feed& feed = *feed_;
  std::string sql = std::string(verb) + " " + into + " SELECT ";
  std::array<bool, Feed::kColumns> bound{};
  for (size_t i = 0; i < feed.columns; ++i) {
    const std::string constant = feed.Constant(i);
    bound[i] = constant.starts_with('?');
    sql += (i > 0 ? "," : "") + (constant.empty() ? "c" + std::to_string(i) : constant);
  }
  sql += " FROM temp.feed";
  auto found = feed.statements.find(sql);
  if (found == feed.statements.end()) found = feed.statements.emplace(sql, Prepare(sql)).first;
  Statement& insert = found->second;
  insert.Bind({});
  for (size_t i = 0; i < feed.columns; ++i) {
    if (bound[i]) insert.BindOne(static_cast<int>(i), feed.cells[i]);
  }
  while (insert.Step()) {
  }
}

void Database::ResetStatements() {
  sqlite3_stmt* statement = nullptr;
  while ((statement = sqlite3_next_stmt(handle_.get(), statement))) sqlite3_reset(statement);
}

void Database::Begin() {
  Settle();
  if (!begin_) begin_ = std::make_unique<Statement>(Prepare("BEGIN IMMEDIATE"));
  begin_->Run({});
}

Result<void> Database::Commit() {
  Settle();
  ResetStatements();
  if (!commit_) commit_ = std::make_unique<Statement>(Prepare("COMMIT"));
  commit_->Run({});
  return Check();
}

void Database::Rollback() {
  Settle();
  error_.reset();
  ResetStatements();
  if (!sqlite3_get_autocommit(handle_.get())) Execute("ROLLBACK");
  error_.reset();
}

Result<void> Database::Check() const {
  Settle();
  if (error_) return tl::unexpected<Error>(*error_);
  return {};
}

void Database::Refuse(std::string why, Error::Kind kind) {
  Settle();
  if (!error_) error_ = Error{kind, std::move(why)};
}

void Database::ReadUntil(Moment deadline) {
  constexpr int kSteps = 1000;  // of SQLite's machine: some ten microseconds
  const auto past = [](void* moment) {
    return std::chrono::steady_clock::now() < *static_cast<Moment*>(moment) ? 0 : 1;
  };
  if (!deadline_) {
    deadline_ = std::make_unique<Moment>(deadline);
    sqlite3_progress_handler(handle_.get(), kSteps, past, deadline_.get());
  }
  *deadline_ = deadline;
}

int64_t Database::changes() const {
  Settle();
  return sqlite3_changes64(handle_.get());
}

int64_t Database::last_row() const {
  Settle();
  return sqlite3_last_insert_rowid(handle_.get());
}

Result<void> Database::BackUpTo(const std::string& path) {
  Settle();
  auto target = Open(path, Mode::kCreate);
  if (!target) return tl::unexpected<Error>(target.error());
  sqlite3_backup* backup =
      sqlite3_backup_init(target->handle_.get(), "main", handle_.get(), "main");
  int code = SQLITE_ERROR;
  if (backup) {
    // Slices, so that a writer is never kept waiting for long.
    while ((code = sqlite3_backup_step(backup, 4096)) == SQLITE_OK || code == SQLITE_BUSY ||
           code == SQLITE_LOCKED) {
      if (code != SQLITE_OK) sqlite3_sleep(10);
    }
    code = sqlite3_backup_finish(backup);
  }
  if (code != SQLITE_OK) return Fail(KindOf(code), path + ": " + sqlite3_errstr(code));
  return {};
}

void Database::PersistWal() {
  int on = 1;
  sqlite3_file_control(handle_.get(), "main", SQLITE_FCNTL_PERSIST_WAL, &on);
}

Statement::Statement(Database* database, sqlite3_stmt* handle)
    : database_(database), handle_(handle) {}
Statement::Statement(Statement&&) noexcept = default;
Statement& Statement::operator=(Statement&&) noexcept = default;
Statement::~Statement() = default;

Statement& Statement::Bind(std::initializer_list<Cell> values) {
  database_->Settle();
  if (database_->error_ || !handle_) return *this;
  sqlite3_reset(handle_.get());
  int at = 0;
  for (const Cell& cell : values) BindOne(at++, cell);
  return *this;
}

void Statement::BindOne(int parameter, const Cell& cell) {
  database_->Settle();
  if (database_->error_ || !handle_) return;
  database_->Note(BindCell(handle_.get(), parameter + 1, cell), "binding");
}

bool Statement::Step() {
  database_->Settle();
  if (database_->error_ || !handle_) return false;
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) database_->Note(code, sqlite3_sql(handle_.get()));
  sqlite3_reset(handle_.get());
  return false;
}

void Statement::Run(std::initializer_list<Cell> values) {
  Bind(values);
  while (Step()) {
  }
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL;
}
int64_t Statement::Integer(int column) const { return sqlite3_column_int64(handle_.get(), column); }
std::optional<int64_t> Statement::MaybeInteger(int column) const {
  if (IsNull(column)) return std::nullopt;
  return Integer(column);
}
std::string_view Statement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
  if (!text) return {};
  return {text, static_cast<size_t>(sqlite3_column_bytes(handle_.get(), column))};
}
Cell Statement::Value(int column) const {
  switch (sqlite3_column_type(handle_.get(), column)) {
    case SQLITE_NULL:
      return Cell::Null();
    case SQLITE_INTEGER:
      return Cell::Of(Integer(column));
    case SQLITE_BLOB:
      return Cell::Blob(Text(column));
    default:
      return Cell::Of(Text(column));
  }
}
int Statement::columns() const { return handle_ ? sqlite3_column_count(handle_.get()) : 0; }
