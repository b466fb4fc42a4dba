#include "monitor/ledger_view.h"

#include <filesystem>

#include "monitor/format_rows.h"
#include "monitor/ledger_view_alerts.h"
#include "monitor/ledger_view_cells.h"
#include "monitor/schema.h"

namespace {

// The time of the logs, which is "now" for what was read from them.
constexpr const char* kLoggedUntil =
    "SELECT max(logged_at) FROM (SELECT logged_at, source FROM fact ORDER BY seq DESC LIMIT 10000) "
    "WHERE source IS NOT NULL";
constexpr const char* kInOrder =
    "WHERE ?1 = '' OR a.state = ?1 ORDER BY coalesce(a.starts_at, a.began_at), a.id";

Result<Database> OpenReadOnly(const std::string& path, Database::Mode mode,
                              std::chrono::milliseconds patience) {
  auto database = Database::Open(path, mode, patience);
  if (!database) return database;
  if (auto ok = CheckSchema(*database); !ok) return tl::unexpected<Error>(ok.error());
  return database;
}

bool Locked(const Error& error) {
  return error.message.find("database is locked") != std::string::npos;
}

// A foreign file fails inside SQLite with words of its own; ours come first.
Error Explained(const std::string& path, Error error) {
  if (error.message.find("file is not a database") != std::string::npos) {
    error.message = "not a rollcall ledger";
  } else if (Locked(error)) {
    error.message = "locked: an `ingest` is filling it; read it when that has ended";
  }
  if (error.message.rfind(path, 0) != 0) error.message = path + ": " + error.message;
  return error;
}

}  // namespace

LedgerView::LedgerView(std::string path, Database database)
    : path_(std::move(path)), database_(std::move(database)) {}

Result<LedgerView> LedgerView::Open(const std::string& path, std::chrono::milliseconds patience) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return Fail(Error::Kind::kLedger, path + ": there is no such ledger");
  }
  auto database = OpenReadOnly(path, Database::Mode::kReadOnly, patience);
  // Without a -wal nobody is writing it; SQLite would make one, which may not be ours to make. A
  // locked file, or one with a journal, is somebody's.
  const bool alone = !std::filesystem::exists(path + "-wal", error) &&
                     !std::filesystem::exists(path + "-journal", error);
  const bool locked = !database && Locked(database.error());
  bool is_copy = false;
  if (!database && alone && !locked) {
    auto copy = OpenReadOnly(path, Database::Mode::kCopy, patience);
    is_copy = copy.has_value();
    if (copy) database = std::move(copy);
  }
  if (!database) return tl::unexpected<Error>(Explained(path, database.error()));
  LedgerView view(path, std::move(*database));
  view.is_copy_ = is_copy;
  auto ok = view.Read([&] {
    view.ledger_id_ = view.Meta("ledger_id");
    view.server_ = view.Meta("server");
    view.ReadRetention();
  });
  if (!ok) return tl::unexpected<Error>(ok.error());
  return view;
}

Result<void> LedgerView::Read(const std::function<void()>& read) {
  database_.Execute("BEGIN");
  read();
  const auto done = database_.Check();
  database_.Rollback();
  if (!done) return tl::unexpected<Error>(Explained(path_, done.error()));
  return {};
}

std::string LedgerView::Meta(std::string_view key) {
  Statement query = database_.Prepare("SELECT value FROM meta WHERE key = ?");
  return query.Bind({Cell::Of(key)}).Step() ? TextAt(query, 0) : std::string();
}

// 0, which no row has, for a name that the ledger does not know.
int64_t LedgerView::NameId(std::string_view text) {
  Statement query = database_.Prepare("SELECT id FROM name WHERE text = ?");
  return query.Bind({Cell::Of(text)}).Step() ? query.Integer(0) : 0;
}

// NULL: any. A name that the ledger does not know is that of none; 0 stands for no name at all.
Cell LedgerView::Named(std::string_view text) {
  if (text.empty()) return Cell::Null();
  const int64_t id = NameId(text);
  return Cell::Of(id != 0 ? id : -1);
}

Result<std::vector<AlertRow>> LedgerView::Alerts(std::string_view state) {
  std::vector<AlertRow> alerts;
  auto ok = Read([&] {
    Statement query = database_.Prepare(std::string(kSelectAlerts) + kInOrder);
    query.Bind({Cell::Of(state)});
    while (query.Step()) alerts.push_back(AlertIn(query));
  });
  if (!ok) return tl::unexpected<Error>(ok.error());
  return alerts;
}

std::string LedgerView::NameOf(int64_t id) {
  Statement query = database_.Prepare("SELECT text FROM name WHERE id = ?");
  return query.Bind({Cell::Of(id)}).Step() ? TextAt(query, 0) : std::string();
}

std::vector<FormatRow> LedgerView::ReadFormats() { return ReadFormatRows(Meta("formats")); }

Result<std::vector<FormatRow>> LedgerView::Formats() {
  std::vector<FormatRow> formats;
  if (auto ok = Read([&] { formats = ReadFormats(); }); !ok) {
    return tl::unexpected<Error>(ok.error());
  }
  return formats;
}

void LedgerView::ReadRetention() {
  Statement until = database_.Prepare(kLoggedUntil);
  if (!until.Bind({}).Step() || until.IsNull(0)) return;
  now_ = until.Integer(0);
  for (const FormatRow& format : ReadFormats()) {
    if (format.retention) retention_[NameId(format.format)] = format.retention->count();
  }
}

bool LedgerView::Retired(int64_t format, int64_t day, int64_t logged_until) const {
  const auto retention = retention_.find(format);
  if (retention == retention_.end() || day == Day::kNone) return false;
  const int64_t end = day * 86'400'000 + retention->second;
  return end <= now_ && logged_until < end;  // else a later run has reopened it
}

Result<std::vector<LedgerView>> OpenLedgers(const std::vector<std::string>& paths) {
  std::vector<LedgerView> ledgers;
  std::map<std::string, std::pair<size_t, int64_t>> known;  // by id: which, and how far it goes
  for (const std::string& path : paths) {
    auto ledger = LedgerView::Open(path);
    if (!ledger) return tl::unexpected<Error>(ledger.error());
    const auto head = ledger->HeadSeq();
    if (!head) return tl::unexpected<Error>(head.error());
    const auto [copy, added] = known.try_emplace(ledger->ledger_id(), ledgers.size(), *head);
    if (added) {
      ledgers.push_back(std::move(*ledger));
    } else if (*head > copy->second.second) {
      copy->second.second = *head;
      ledgers[copy->second.first] = std::move(*ledger);
    }
  }
  return ledgers;
}
