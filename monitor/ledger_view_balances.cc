// LedgerView, third part: balances, losses, and what is unknown.

#include "monitor/balance_book.h"
#include "monitor/ledger_view.h"
#include "monitor/ledger_view_cells.h"

namespace {

constexpr const char* kBalances =
    "SELECT server.text, project.text, b.day, format.text, source.unit, b.actual, b.missing, "
    "b.surplus, b.opening, b.marks, b.epoch, (SELECT max(epoch) FROM gap WHERE gap.source = "
    "b.source), b.logged_until, b.format, b.project, b.server FROM balance b LEFT JOIN name server "
    "ON "
    "server.id = b.server LEFT "
    "JOIN name project ON project.id = b.project LEFT JOIN name format ON format.id = b.format "
    "LEFT "
    "JOIN source ON source.id = b.source ";
constexpr int kDay = 2, kLoggedUntil = 12, kFormat = 13, kProject = 14, kServer = 15;

// Through the index of losses: a ledger has far more partitions than lossy ones. Of one project,
// its part of the index.
constexpr const char* kLossyOnly =
    "JOIN (SELECT DISTINCT project, day, format, server FROM fact WHERE lost > 0) l ON (b.project, "
    "b.day, b.format, b.server) = (l.project, l.day, l.format, l.server) WHERE b.missing > 0";
constexpr const char* kLossyOfProject =
    "JOIN (SELECT DISTINCT project, day, format, server FROM fact WHERE lost > 0 AND project = ?1) "
    "l ON (b.project, b.day, b.format, b.server) = (l.project, l.day, l.format, l.server) WHERE "
    "b.missing > 0";
// A page in the order of the primary key. The bounds of the project let the key be searched.
constexpr const char* kPage =
    "WHERE b.project BETWEEN ?1 AND ?2 AND (?3 IS NULL OR (b.project, b.day, b.format, b.server) > "
    "(?3, ?4, ?5, ?6)) AND (?7 IS NULL OR b.day = ?7) AND (?8 IS NULL OR b.format = ?8) AND (?9 IS "
    "NULL OR b.server = ?9) AND (?10 = 0 OR b.missing > 0) ORDER BY b.project, b.day, b.format, "
    "b.server";
// Where a person's word is all there is (source 0), nothing is unknown but what is expected.
constexpr const char* kUnknownCopies =
    "SELECT b.project, b.format, b.day, b.logged_until FROM balance b WHERE b.missing = 0 AND NOT "
    "b.marks & 4 AND "
    "b.source <> 0 AND b.opening <> 4 AND (b.opening NOT IN (2, 3) OR b.marks & 2 OR b.epoch <> "
    "coalesce((SELECT max(epoch) FROM gap WHERE gap.source = b.source), 0)) AND b.project BETWEEN "
    "?1 "
    "AND ?2 ORDER BY b.project";
constexpr const char* kAnnouncedOnly =
    "WHERE b.opening = 4 AND NOT b.marks & 4 AND b.project BETWEEN ?1 AND ?2";
constexpr const char* kLosses =
    "SELECT server.text, project.text, f.day, format.text, source.unit, f.logged_at, f.run, "
    "version.text, f.previous, cause.text, f.lost, f.missing FROM fact f LEFT JOIN name server ON "
    "server.id = f.server LEFT JOIN name project ON project.id = f.project LEFT JOIN name format "
    "ON "
    "format.id = f.format LEFT JOIN name version ON version.id = f.version LEFT JOIN name cause ON "
    "cause.id = f.cause LEFT JOIN source ON source.id = f.source WHERE f.lost > 0";
constexpr const char* kOfProject = " AND f.project = ?1";
constexpr const char* kStep =
    "SELECT f.previous, f.kind IS NULL AND NOT coalesce(f.marks, 0) & 1, version.text FROM fact f "
    "LEFT JOIN name version ON version.id = f.version WHERE f.seq = ?";

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
    case Opening::kExpected:
      return "expected";
  }
  return "unknown";
}

BalanceRow BalanceAt(const Statement& row) {
  Balance balance;
  balance.actual = row.MaybeInteger(5).value_or(kUnknownCount);
  balance.missing = row.Integer(6);
  balance.surplus = row.Integer(7);
  balance.opening = static_cast<Opening>(row.Integer(8));
  balance.doubtful = (row.Integer(9) & kBalanceDoubtful) != 0;
  balance.epoch = static_cast<int32_t>(row.Integer(10));
  balance.retired = (row.Integer(9) & kBalanceRetired) != 0;
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
  // Nobody knows what is there before it was seen there.
  if (balance.opening == Opening::kExpected) read.actual.reset();
  if (row.Integer(12) != 0) read.observed_until = TimeAt(row, 12);
  return read;
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

}  // namespace

void LedgerView::Give(const Statement& row, const TakeBalance& take) const {
  BalanceRow balance = BalanceAt(row);
  balance.ledger = ledger_id_;
  take(std::move(balance));
}

bool LedgerView::IsRetired(const Statement& balance) const {
  return Retired(balance.Integer(kFormat), balance.Integer(kDay), balance.Integer(kLoggedUntil));
}

void LedgerView::ReadBalances(std::string_view where, std::initializer_list<Cell> values,
                              bool retired, const TakeBalance& take) {
  Statement query = database_.Prepare(std::string(kBalances) + std::string(where));
  query.Bind(values);
  while (query.Step()) {
    if (retired || !IsRetired(query)) Give(query, take);
  }
}

Result<void> LedgerView::Balances(std::string_view project, const TakeBalance& take) {
  return Read([&] {
    if (project.empty()) return ReadBalances("", {}, true, take);
    ReadBalances("WHERE b.project = ?", {Cell::Of(NameId(project))}, true, take);
  });
}

Result<void> LedgerView::Lossy(std::string_view project, const TakeBalance& take) {
  return Read([&] {
    if (project.empty()) return ReadBalances(kLossyOnly, {}, false, take);
    ReadBalances(kLossyOfProject, {Cell::Of(NameId(project))}, false, take);
  });
}

Result<void> LedgerView::PartitionPage(const PartitionQuery& query,
                                       const std::function<void(PlacedBalance)>& take) {
  return Read([&] {
    const auto day = ParseDay(query.day);
    const int64_t project = query.project.empty() ? 0 : NameId(query.project);
    const int64_t first = !query.project.empty() ? project : query.after ? (*query.after)[0] : 0;
    const int64_t last = query.project.empty() ? INT64_MAX : project;
    const auto after = [&](size_t i) {
      return query.after ? Cell::Of((*query.after)[i]) : Cell::Null();
    };
    Statement rows = database_.Prepare(std::string(kBalances) + kPage);
    rows.Bind({Cell::Of(first), Cell::Of(last), after(0), after(1), after(2), after(3),
               day ? Cell::Of(int64_t{day->days}) : Cell::Null(), Named(query.format),
               Named(query.server), Cell::Of(int64_t{query.verdict == "firing"})});
    for (int64_t given = 0; given < query.limit && rows.Step();) {
      PlacedBalance row{BalanceAt(rows), IsRetired(rows), {}};
      if (!query.verdict.empty() && row.balance.verdict != query.verdict) continue;
      row.balance.ledger = ledger_id_;
      row.place = {rows.Integer(kProject), rows.Integer(kDay), rows.Integer(kFormat),
                   rows.Integer(kServer)};
      take(std::move(row));
      ++given;
    }
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
      while (query.Step()) {
        if (!IsRetired(query)) Give(query, take);
      }
    }
  });
}

Result<void> LedgerView::Announced(std::string_view project, const TakeBalance& take) {
  return Read([&] {
    const int64_t only = NameId(project);
    const Cell first = Cell::Of(project.empty() ? 0 : only);
    const Cell last = Cell::Of(project.empty() ? INT64_MAX : only);
    ReadBalances(kAnnouncedOnly, {first, last}, false, take);
  });
}

Result<bool> LedgerView::Knows(std::string_view project) {
  bool knows = false;
  auto ok = Read([&] {
    Statement query =
        database_.Prepare(project.empty() ? "SELECT 1 FROM balance LIMIT 1"
                                          : "SELECT 1 FROM balance WHERE project = ? LIMIT 1");
    if (!project.empty()) query.Bind({Cell::Of(NameId(project))});
    if (project.empty()) query.Bind({});
    knows = query.Step();
  });
  if (!ok) return tl::unexpected<Error>(ok.error());
  return knows;
}

Result<bool> LedgerView::KnowsVersion(std::string_view version) {
  bool knows = false;
  auto ok = Read([&] {
    const int64_t id = NameId(version);
    Statement query = database_.Prepare("SELECT 1 FROM fact WHERE version = ? LIMIT 1");
    knows = id != 0 && query.Bind({Cell::Of(id)}).Step();
  });
  if (!ok) return tl::unexpected<Error>(ok.error());
  return knows;
}

Result<LedgerView::UnknownCopies> LedgerView::Unknown(std::string_view project) {
  UnknownCopies copies;
  auto ok = Read([&] {
    Statement query = database_.Prepare(kUnknownCopies);
    const int64_t only = NameId(project);
    query.Bind(
        {Cell::Of(project.empty() ? 0 : only), Cell::Of(project.empty() ? INT64_MAX : only)});
    int64_t id = 0;
    int64_t* count = nullptr;  // those of one project follow each other
    while (query.Step()) {
      if (Retired(query.Integer(1), query.Integer(2), query.Integer(3))) continue;
      if (query.Integer(0) != id) count = &copies[NameOf(query.Integer(0))];
      id = query.Integer(0);
      ++*count;
    }
  });
  if (!ok) return tl::unexpected<Error>(ok.error());
  return copies;
}

// The version of the run that wrote what a fact found: no failed run, no permit, and no attempt
// that a retry replaced.
std::string LedgerView::VersionBefore(Statement& step, int64_t previous) {
  while (previous != 0 && step.Bind({Cell::Of(previous)}).Step()) {
    if (step.Integer(1) != 0) return TextAt(step, 2);
    previous = step.Integer(0);
  }
  return {};
}

Result<void> LedgerView::Losses(std::string_view project,
                                const std::function<void(LossRow)>& take) {
  return Read([&] {
    Statement step = database_.Prepare(kStep);
    Statement query = database_.Prepare(std::string(kLosses) + (project.empty() ? "" : kOfProject));
    if (project.empty()) query.Bind({});
    if (!project.empty()) query.Bind({Cell::Of(NameId(project))});
    while (query.Step()) {
      LossRow loss = LossAt(query);
      loss.ledger = ledger_id_;
      loss.previous_version = VersionBefore(step, query.Integer(8));
      take(std::move(loss));
    }
  });
}
