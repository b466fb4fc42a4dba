#include "monitor/ledger_view.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "monitor/balance.h"
#include "monitor/schema.h"

namespace {

constexpr int64_t kWrittenOnly = 2;  // a bit of balance.marks, see monitor/balance_book.cc

constexpr const char* kBalances =
    "SELECT server.text, project.text, b.day, format.text, source.unit, b.actual, b.missing, "
    "b.surplus, b.opening, b.marks, b.epoch, (SELECT max(epoch) FROM gap WHERE gap.source = "
    "b.source), b.logged_until FROM balance b LEFT JOIN name server ON server.id = b.server LEFT "
    "JOIN name project ON project.id = b.project LEFT JOIN name format ON format.id = b.format "
    "LEFT "
    "JOIN source ON source.id = b.source ";
// Through the index of losses: a ledger has far more partitions than lossy ones.
constexpr const char* kLossyOnly =
    "JOIN (SELECT DISTINCT project, day, format, server FROM fact WHERE lost > 0) l ON (b.project, "
    "b.day, b.format, b.server) = (l.project, l.day, l.format, l.server) WHERE b.missing > 0 ";
constexpr const char* kUnknownCopies =
    "SELECT count(*) FROM balance b WHERE b.missing = 0 AND (b.opening < 2 OR b.marks & 2 OR "
    "b.epoch "
    "<> coalesce((SELECT max(epoch) FROM gap WHERE gap.source = b.source), 0)) AND (?1 IS NULL OR "
    "b.project = ?1)";
constexpr const char* kAlerts =
    "SELECT a.rule, a.severity, a.state, a.cause, version.text, previous.text, a.incident, "
    "server.text, project.text, a.day, format.text, source.name, a.starts_at, a.ends_at, "
    "a.began_at, "
    "a.evidence FROM alert a LEFT JOIN name server ON server.id = a.server LEFT JOIN name project "
    "ON "
    "project.id = a.project LEFT JOIN name format ON format.id = a.format LEFT JOIN name version "
    "ON "
    "version.id = a.version LEFT JOIN name previous ON previous.id = a.previous_version LEFT JOIN "
    "source ON source.id = a.source WHERE ?1 = '' OR a.state = ?1 ORDER BY coalesce(a.starts_at, "
    "a.began_at), a.id";
constexpr const char* kLosses =
    "SELECT server.text, project.text, f.day, format.text, source.unit, f.logged_at, f.run, "
    "version.text, f.previous, cause.text, f.lost, f.missing FROM fact f LEFT JOIN name server ON "
    "server.id = f.server LEFT JOIN name project ON project.id = f.project LEFT JOIN name format "
    "ON "
    "format.id = f.format LEFT JOIN name version ON version.id = f.version LEFT JOIN name cause ON "
    "cause.id = f.cause LEFT JOIN source ON source.id = f.source WHERE f.lost > 0 AND (?1 IS NULL "
    "OR "
    "f.project = ?1)";
constexpr const char* kStep =
    "SELECT f.previous, f.kind IS NULL AND NOT coalesce(f.marks, 0) & 1, version.text FROM fact f "
    "LEFT JOIN name version ON version.id = f.version WHERE f.seq = ?";
constexpr const char* kGaps =
    "SELECT source.name, gap.source, gap.reason, gap.blind, gap.began, gap.ended, gap.epoch, 1 "
    "FROM gap JOIN source ON source.id = gap.source WHERE gap.blind "
    "UNION ALL SELECT source.name, gap.source, gap.reason, 0, min(gap.began), "
    "max(coalesce(gap.ended, "
    "gap.began)), max(gap.epoch), count(*) FROM gap JOIN source ON source.id = gap.source WHERE "
    "NOT "
    "gap.blind GROUP BY gap.source, gap.reason ORDER BY 5";
// When each project of each source was last observed throughout.
constexpr const char* kObserved =
    "SELECT source, project, min(epoch) FROM balance GROUP BY source, project";

std::optional<Time> TimeAt(const Statement& row, int column) {
  const auto millis = row.MaybeInteger(column);
  if (!millis) return std::nullopt;
  return Time(std::chrono::milliseconds(*millis));
}

Cell IdOrAll(std::string_view name, int64_t id) {
  return name.empty() ? Cell::Null() : Cell::Of(id);
}

std::string TextAt(const Statement& row, int column) {
  return row.IsNull(column) ? std::string() : std::string(row.Text(column));
}

std::string DayAt(const Statement& row, int column) {
  if (row.IsNull(column)) return {};
  return FormatDay(Day{static_cast<int32_t>(row.Integer(column))});
}

std::string UnitAt(const Statement& row, int column) {
  return row.IsNull(column) ? "events" : std::string(row.Text(column));
}

std::string_view OpeningName(Opening opening) {
  switch (opening) {
    case Opening::kUnopened:
      return "unopened";
    case Opening::kUnknown:
      return "unknown";
    case Opening::kUnverified:
      return "unverified";
    case Opening::kKnown:
      return "known";
  }
  return "unknown";
}

BalanceRow BalanceAt(const Statement& row) {
  Balance balance;
  balance.actual = row.MaybeInteger(5).value_or(kUnknownCount);
  balance.missing = row.Integer(6);
  balance.surplus = row.Integer(7);
  balance.opening = static_cast<Opening>(row.Integer(8));
  balance.written_only = (row.Integer(9) & kWrittenOnly) != 0;
  balance.epoch = static_cast<int32_t>(row.Integer(10));
  const auto source_epoch = static_cast<int32_t>(row.Integer(11));
  BalanceRow read;
  read.server = TextAt(row, 0);
  read.project = TextAt(row, 1);
  read.day = DayAt(row, 2);
  read.format = TextAt(row, 3);
  read.unit = UnitAt(row, 4);
  read.missing = balance.missing;
  read.surplus = balance.surplus;
  if (balance.actual != kUnknownCount) {
    read.actual = balance.actual;
    read.expected = balance.expected();
  }
  read.opening = OpeningName(balance.opening);
  read.verdict = NameOf(VerdictOf(balance, source_epoch));
  balance.missing = 0;
  read.uncertain = VerdictOf(balance, source_epoch) == Verdict::kUnknown;
  if (row.Integer(12) != 0) read.observed_until = TimeAt(row, 12);
  return read;
}

AlertRow AlertAt(const Statement& row) {
  AlertRow alert;
  alert.rule = TextAt(row, 0);
  alert.severity = TextAt(row, 1);
  alert.state = TextAt(row, 2);
  alert.cause = TextAt(row, 3);
  alert.version = TextAt(row, 4);
  alert.previous_version = TextAt(row, 5);
  alert.incident = TextAt(row, 6);
  alert.server = TextAt(row, 7);
  alert.project = TextAt(row, 8);
  if (!alert.project.empty()) alert.day = DayAt(row, 9);
  alert.format = TextAt(row, 10);
  alert.source = TextAt(row, 11);
  alert.starts_at = TimeAt(row, 12);
  alert.ends_at = TimeAt(row, 13);
  alert.began_at = TimeAt(row, 14).value_or(Time{});
  alert.evidence = TextAt(row, 15);
  return alert;
}

LossRow LossAt(const Statement& row) {
  LossRow loss;
  loss.server = TextAt(row, 0);
  loss.project = TextAt(row, 1);
  loss.day = DayAt(row, 2);
  loss.format = TextAt(row, 3);
  loss.unit = UnitAt(row, 4);
  loss.at = TimeAt(row, 5).value_or(Time{});
  loss.run = TextAt(row, 6);
  loss.version = TextAt(row, 7);
  loss.cause = TextAt(row, 9);
  loss.lost = row.Integer(10);
  loss.missing = row.Integer(11);
  return loss;
}

Result<Database> OpenReadOnly(const std::string& path, Database::Mode mode) {
  auto database = Database::Open(path, mode);
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

Result<LedgerView> LedgerView::Open(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return Fail(Error::Kind::kLedger, path + ": there is no such ledger");
  }
  auto database = OpenReadOnly(path, Database::Mode::kReadOnly);
  // Without a -wal nobody is writing it; SQLite would make one, which may not be ours to make. A
  // locked file, or one with a journal, is somebody's.
  const bool alone = !std::filesystem::exists(path + "-wal", error) &&
                     !std::filesystem::exists(path + "-journal", error);
  const bool locked = !database && Locked(database.error());
  if (!database && alone && !locked) {
    if (auto copy = OpenReadOnly(path, Database::Mode::kCopy)) database = std::move(copy);
  }
  if (!database) return tl::unexpected<Error>(Explained(path, database.error()));
  LedgerView view(path, std::move(*database));
  auto ok = view.Read([&] {
    view.ledger_id_ = view.Meta("ledger_id");
    view.server_ = view.Meta("server");
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

Result<std::vector<AlertRow>> LedgerView::Alerts(std::string_view state) {
  std::vector<AlertRow> alerts;
  auto ok = Read([&] {
    Statement query = database_.Prepare(kAlerts);
    query.Bind({Cell::Of(state)});
    while (query.Step()) alerts.push_back(AlertAt(query));
  });
  if (!ok) return tl::unexpected<Error>(ok.error());
  return alerts;
}

Result<std::vector<FormatRow>> LedgerView::Formats() {
  std::string text;
  if (auto ok = Read([&] { text = Meta("formats"); }); !ok) {
    return tl::unexpected<Error>(ok.error());
  }
  std::vector<FormatRow> formats;
  const auto list = nlohmann::json::parse(text, nullptr, false);
  if (!list.is_array()) return formats;
  for (const auto& entry : list) {
    if (!entry.is_object() || !entry.contains("format")) continue;
    FormatRow format;
    format.format = entry.value("format", "");
    format.reads = entry.value("reads", "");
    format.serving = entry.value("serving", false);
    const auto retention = entry.find("retention_days");
    if (retention != entry.end() && retention->is_number_integer()) {
      format.retention_days = retention->get<int64_t>();
    }
    formats.push_back(std::move(format));
  }
  return formats;
}

Result<std::vector<BlindRow>> LedgerView::Blind(std::string_view project) {
  std::vector<BlindRow> rows;
  auto ok = Read([&] {
    const int64_t wanted = project.empty() ? 0 : NameId(project);
    std::map<int64_t, std::vector<int64_t>> observed;  // by source: an epoch a project
    std::map<int64_t, bool> touches;
    Statement balances = database_.Prepare(kObserved);
    balances.Bind({});
    while (balances.Step()) {
      const int64_t source = balances.Integer(0);
      const bool own = project.empty() || balances.Integer(1) == wanted;
      auto& epochs = observed[source];
      if (own) epochs.push_back(balances.Integer(2));
      touches[source] = touches[source] || own;
    }
    Statement gaps = database_.Prepare(kGaps);
    gaps.Bind({});
    while (gaps.Step()) {
      BlindRow row;
      row.server = server_;
      row.source = TextAt(gaps, 0);
      row.reason = TextAt(gaps, 2);
      row.quarantined = gaps.Integer(3) == 0;
      row.lines = row.quarantined ? gaps.Integer(7) : 0;
      row.from = TimeAt(gaps, 4).value_or(Time{});
      row.to = TimeAt(gaps, 5);
      const auto known = observed.find(gaps.Integer(1));
      if (known != observed.end()) {
        row.touches = touches[known->first];
        row.projects = std::count_if(known->second.begin(), known->second.end(),
                                     [&](int64_t epoch) { return epoch < gaps.Integer(6); });
      }
      rows.push_back(std::move(row));
    }
  });
  if (!ok) return tl::unexpected<Error>(ok.error());
  return rows;
}

void LedgerView::ReadBalances(std::string_view where, std::initializer_list<Cell> values,
                              const TakeBalance& take) {
  Statement query = database_.Prepare(std::string(kBalances) + std::string(where));
  query.Bind(values);
  while (query.Step()) take(BalanceAt(query));
}

Result<void> LedgerView::Balances(std::string_view project, const TakeBalance& take) {
  return Read([&] {
    if (project.empty()) return ReadBalances("", {}, take);
    ReadBalances("WHERE b.project = ?", {Cell::Of(NameId(project))}, take);
  });
}

Result<void> LedgerView::Lossy(std::string_view project, const TakeBalance& take) {
  return Read([&] {
    ReadBalances(std::string(kLossyOnly) + "AND (?1 IS NULL OR b.project = ?1)",
                 {IdOrAll(project, NameId(project))}, take);
  });
}

Result<void> LedgerView::CopiesOf(const std::set<ProjectDay>& days, const TakeBalance& take) {
  return Read([&] {
    Statement query =
        database_.Prepare(std::string(kBalances) + "WHERE b.project = ? AND b.day = ?");
    int64_t id = 0;
    const std::string* known = nullptr;  // days of one project follow each other
    for (const auto& [project, text] : days) {
      const auto day = ParseDay(text);
      if (!day) continue;
      if (!known || *known != project) id = NameId(project);
      known = &project;
      query.Bind({Cell::Of(id), Cell::Of(int64_t{day->days})});
      while (query.Step()) take(BalanceAt(query));
    }
  });
}

Result<int64_t> LedgerView::UnknownCopies(std::string_view project) {
  int64_t count = 0;
  auto ok = Read([&] {
    Statement query = database_.Prepare(kUnknownCopies);
    if (query.Bind({IdOrAll(project, NameId(project))}).Step()) count = query.Integer(0);
  });
  if (!ok) return tl::unexpected<Error>(ok.error());
  return count;
}

// The version of the run that wrote what a fact found: no failed run, no permit, and no attempt
// that a retry replaced.
std::string LedgerView::VersionBefore(int64_t previous) {
  Statement step = database_.Prepare(kStep);
  while (previous != 0 && step.Bind({Cell::Of(previous)}).Step()) {
    if (step.Integer(1) != 0) return TextAt(step, 2);
    previous = step.Integer(0);
  }
  return {};
}

Result<void> LedgerView::Losses(std::string_view project,
                                const std::function<void(LossRow)>& take) {
  return Read([&] {
    Statement query = database_.Prepare(kLosses);
    query.Bind({IdOrAll(project, NameId(project))});
    while (query.Step()) {
      LossRow loss = LossAt(query);
      loss.previous_version = VersionBefore(query.Integer(8));
      take(std::move(loss));
    }
  });
}

Result<std::vector<LedgerView>> OpenLedgers(const std::vector<std::string>& paths) {
  std::vector<LedgerView> ledgers;
  for (const std::string& path : paths) {
    auto ledger = LedgerView::Open(path);
    if (!ledger) return tl::unexpected<Error>(ledger.error());
    ledgers.push_back(std::move(*ledger));
  }
  return ledgers;
}
