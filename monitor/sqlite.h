#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/error.h"

struct sqlite3;
struct sqlite3_stmt;

// A value of a row: NULL, a 64-bit integer, text or bytes. The text is only looked at while the
// call that receives the cell runs. Small, since a backfill hands over a hundred million of them.
class Cell {
 public:
  enum class Kind : uint32_t { kNull, kInteger, kText, kBlob };
  Cell() = default;
  static Cell Null() { return {}; }
  static Cell Of(int64_t value) { return Cell(value); }
  static Cell Of(std::string_view value) { return {Kind::kText, value}; }
  static Cell Blob(std::string_view value) { return {Kind::kBlob, value}; }

  Kind kind() const { return kind_; }
  int64_t integer() const { return integer_; }
  std::string_view text() const { return {text_, size_}; }
  // The same number, or the same text at the same place.
  bool Is(const Cell& other) const {
    return kind_ == other.kind_ && size_ == other.size_ && integer_ == other.integer_;
  }

 private:
  explicit Cell(int64_t value) : kind_(Kind::kInteger), integer_(value) {}
  Cell(Kind kind, std::string_view text)
      : kind_(kind), size_(static_cast<uint32_t>(text.size())), text_(text.data()) {}
  Kind kind_ = Kind::kNull;
  uint32_t size_ = 0;
  union {
    int64_t integer_ = 0;
    const char* text_;
  };
};
static_assert(sizeof(Cell) == 16);

class Statement;

// One SQLite connection. Not shared between threads.
//
// Errors are sticky: the first one is kept, every later call does nothing, and Check() reports it.
// So a sequence of statements needs one check at its end; Rollback() forgets the error.
class Database {
 public:
  // kCopy: a file that nobody writes, without its -wal and -shm, possibly where we may not make
  // them.
  enum class Mode { kReadOnly, kReadWrite, kCreate, kCopy };
  // `patience`: with the locks of others.
  [[nodiscard]] static Result<Database> Open(
      const std::string& path, Mode mode,
      std::chrono::milliseconds patience = std::chrono::seconds(5));
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();

  // One or more statements whose rows nobody wants.
  void Execute(const char* sql);
  // The statement must not outlive the database, which must not be moved while it has statements.
  Statement Prepare(std::string_view sql);
  // Inserts `rows` rows of `columns` columns through a virtual table (1.5 times as fast as bound
  // inserts). `fill(row, cells)` sets all cells of a row. Columns that are the same in a whole
  // block of rows are bound once. `verb`: "INSERT OR REPLACE", or "INSERT OR ROLLBACK", which saves
  // SQLite the work of undoing the statement alone; `into`: "INTO table", with all columns of that
  // table, since SQLite copies each value once more where there is a list of columns.
  using Fill = std::function<void(size_t row, Cell* cells)>;
  void InsertAll(const char* verb, const char* into, size_t columns, size_t rows, const Fill& fill);
  // Does `work` on a thread of its own, with this database and its statements, after what it was
  // given before. Returns when at most two works are left to do, with an error that one of those
  // before ended in. Whatever else any other thread asks waits for all of them.
  [[nodiscard]] Result<void> RunBeside(std::function<void()> work);
  void Settle() const;

  // A transaction that may write.
  void Begin();
  [[nodiscard]] Result<void> Commit();
  void Rollback();
  [[nodiscard]] Result<void> Check() const;
  // Makes the transaction fail for a reason of the caller's.
  void Refuse(std::string why, Error::Kind kind = Error::Kind::kLedger);
  // What has not been read by then fails with kTimeout.
  using Moment = std::chrono::steady_clock::time_point;
  void ReadUntil(Moment deadline);
  // Rows changed by the last statement.
  int64_t changes() const;
  // The number of the row that was inserted last.
  int64_t last_row() const;

  // A consistent copy, also while others write.
  [[nodiscard]] Result<void> BackUpTo(const std::string& path);
  // Keeps -wal and -shm after the last close, so that another user can read a ledger at rest.
  void PersistWal();

 private:
  friend class Statement;
  explicit Database(sqlite3* handle);
  void Note(int code, std::string_view doing);
  void InsertBlock(const char* verb, const char* into);
  // A statement left on a row would keep its read transaction open past the end of ours.
  void ResetStatements();
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  struct Feed;
  std::unique_ptr<sqlite3, Close> handle_;
  std::unique_ptr<Feed> feed_;
  std::unique_ptr<Moment> deadline_;  // SQLite points at it; null: none
  std::unique_ptr<Statement> begin_, commit_;
  std::optional<Error> error_;
  struct Beside;                    // the thread of RunBeside
  std::unique_ptr<Beside> beside_;  // last: that thread uses the others
};

// A prepared statement, reset on each Run or Bind. Columns and parameters count from 0.
class Statement {
 public:
  Statement(Statement&&) noexcept;
  Statement& operator=(Statement&&) noexcept;
  ~Statement();

  // Binds all parameters and makes the statement ready to step.
  Statement& Bind(std::initializer_list<Cell> values);
  // Binds one parameter of a statement that was made ready by Bind({}).
  void BindOne(int parameter, const Cell& cell);
  // True while there is a row. False at the end and on an error (Database::Check tells).
  bool Step();
  // Bind, step to the end, reset.
  void Run(std::initializer_list<Cell> values);

  bool IsNull(int column) const;
  int64_t Integer(int column) const;
  std::optional<int64_t> MaybeInteger(int column) const;
  // Valid until the next Step or Bind.
  std::string_view Text(int column) const;
  Cell Value(int column) const;
  int columns() const;

 private:
  friend class Database;
  Statement(Database* database, sqlite3_stmt* handle);
  struct Finalize {
    void operator()(sqlite3_stmt* handle) const;
  };
  Database* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};
