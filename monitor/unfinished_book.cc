#include "monitor/unfinished_book.h"

namespace {

constexpr const char* kStart = "INSERT OR REPLACE INTO open_run VALUES (?,?,?,?,?,?,?)";
// A rewritten partition has one run at a time: what started before a run that ended is over.
constexpr const char* kEnd =
    "DELETE FROM open_run WHERE project = ?1 AND day = ?2 AND format = ?3 AND server = ?4 AND "
    "(run = ?5 OR (?6 AND started_at <= ?7))";
constexpr const char* kStarted =
    "SELECT 1 FROM open_run WHERE project = ? AND day = ? AND format = ? AND server = ?";
constexpr const char* kWithoutEnd =
    "SELECT project, day, format, server, started_at, seq FROM open_run WHERE started_at <= ?";

constexpr const char* kWaits = "SELECT project, day, format, server, since, seq FROM waiting";
constexpr const char* kPutWait = "INSERT OR REPLACE INTO waiting VALUES (?,?,?,?,?,?)";
constexpr const char* kDeleteWait =
    "DELETE FROM waiting WHERE project = ? AND day = ? AND format = ? AND server = ?";
constexpr const char* kWaiting =
    "SELECT project, day, format, server, since, seq FROM waiting w WHERE since <= ?1 AND NOT "
    "EXISTS (SELECT 1 FROM open_run r WHERE (r.project, r.day, r.format, r.server) = (w.project, "
    "w.day, w.format, w.server) AND r.started_at <= ?2) AND NOT EXISTS (SELECT 1 FROM alert a "
    "WHERE (a.project, a.day, a.format, a.server) = (w.project, w.day, w.format, w.server) AND "
    "a.rule = 'compaction_overdue' AND a.source = 0 AND a.state <> 'resolved' AND a.clear_since IS "
    "NULL)";

}  // namespace

UnfinishedBook::UnfinishedBook(Database& database)
    : database_(database),
      start_(database.Prepare(kStart)),
      end_(database.Prepare(kEnd)),
      started_(database.Prepare(kStarted)) {}

void UnfinishedBook::Open() {
  Statement started = database_.Prepare("SELECT 1 FROM open_run LIMIT 1");
  any_started_ = started.Bind({}).Step();
  waits_.clear();
  changed_.clear();
  Statement waits = database_.Prepare(kWaits);
  waits.Bind({});
  for (const Overdue& row : Rows(waits)) waits_[row.key] = row.wait;
}

std::vector<UnfinishedBook::Overdue> UnfinishedBook::Rows(Statement& rows) {
  std::vector<Overdue> all;
  const auto id = [&](int column) { return static_cast<int32_t>(rows.Integer(column)); };
  while (rows.Step()) {
    all.push_back({{id(0), id(1), id(2), id(3)}, {rows.Integer(4), rows.Integer(5)}});
  }
  return all;
}

void UnfinishedBook::Start(const FactRow& row) {
  any_started_ = true;
  start_.Run({Cell::Of(int64_t{row.partition.project}), Cell::Of(int64_t{row.partition.day}),
              Cell::Of(int64_t{row.partition.format}), Cell::Of(int64_t{row.partition.server}),
              Cell::Of(row.run), Cell::Of(row.logged_at), Cell::Of(row.seq)});
}

void UnfinishedBook::End(const PartitionKey& key, const FactRow& end, bool earlier) {
  end_.Run({Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
            Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server}), Cell::Of(end.run),
            Cell::Of(int64_t{earlier}), Cell::Of(end.logged_at)});
}

bool UnfinishedBook::AnyStarted(const PartitionKey& key) {
  started_.Bind({Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
                 Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server})});
  return started_.Step();
}

void UnfinishedBook::BeginWait(const PartitionKey& key, const Wait& wait) {
  const auto known = WaitOf(key);
  if (!known || wait.since < known->since) SetWait(key, wait);
}

void UnfinishedBook::SetWait(const PartitionKey& key, const std::optional<Wait>& wait) {
  if (!wait && !WaitOf(key)) return;
  changed_.insert(key);
  if (wait) {
    waits_[key] = *wait;
  } else {
    waits_.erase(key);
  }
}

std::optional<UnfinishedBook::Wait> UnfinishedBook::WaitOf(const PartitionKey& key) const {
  const auto found = waits_.find(key);
  return found == waits_.end() ? std::nullopt : std::optional(found->second);
}

void UnfinishedBook::Flush() {
  if (changed_.empty()) return;
  Statement put = database_.Prepare(kPutWait), remove = database_.Prepare(kDeleteWait);
  for (const PartitionKey& key : changed_) {
    const Cell project = Cell::Of(int64_t{key.project}), day = Cell::Of(int64_t{key.day}),
               format = Cell::Of(int64_t{key.format}), server = Cell::Of(int64_t{key.server});
    if (const auto wait = WaitOf(key)) {
      put.Run({project, day, format, server, Cell::Of(wait->since), Cell::Of(wait->seq)});
    } else {
      remove.Run({project, day, format, server});
    }
  }
  changed_.clear();
}

std::vector<UnfinishedBook::Overdue> UnfinishedBook::WithoutEnd(int64_t started) {
  if (!any_started_) return {};
  Statement rows = database_.Prepare(kWithoutEnd);
  rows.Bind({Cell::Of(started)});
  return Rows(rows);
}

std::vector<UnfinishedBook::Overdue> UnfinishedBook::Waiting(int64_t since, int64_t started) {
  if (waits_.empty()) return {};
  Statement rows = database_.Prepare(kWaiting);
  rows.Bind({Cell::Of(since), Cell::Of(started)});
  return Rows(rows);
}
