#include "monitor/fact_chains.h"

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>

#include "monitor/fact_detail.h"

namespace {

// Where a fact stands between facts of other logs, and of its own where it is of segments.
struct Place {
  int64_t time = 0;
  int64_t micros = 0;
  int64_t log = 0;
  int64_t position = 0;
  auto operator<=>(const Place&) const = default;
};

Place PlaceOf(const FactRow& row, bool segments) {
  if (row.log == 0) return {row.logged_at, 0, std::numeric_limits<int64_t>::max(), row.seq};
  const int64_t micros = segments ? FactDetail(row.detail).Integer("micros") : 0;
  return {row.logged_at, micros, row.log, row.position};
}

}  // namespace

FactChains::FactChains(Database& database, SourceBook& sources, const JournalEntry& entry)
    : database_(database),
      sources_(sources),
      entry_(entry),
      select_row_(database.Prepare(std::string(kSelectFacts) + "WHERE seq = ?")) {}

FactRow FactChains::Row(int64_t seq, std::deque<std::string>& storage) {
  const std::vector<FactRow>& rows = entry_.rows;
  if (!rows.empty() && seq >= rows.front().seq) {
    return rows[static_cast<size_t>(seq - rows.front().seq)];
  }
  if (!select_row_.Bind({Cell::Of(seq)}).Step()) return {};
  return ReadFactRow(select_row_, storage);
}

void FactChains::Walk(int64_t last, std::deque<std::string>& storage,
                      const std::function<void(const FactRow&)>& take) {
  for (int64_t seq = last; seq != 0;) {
    const FactRow row = Row(seq, storage);
    if (row.seq != seq) {
      return database_.Refuse("fact " + std::to_string(seq) +
                              " of a chain is not there: the ledger is "
                              "damaged, see `rollcall check ledger`");
    }
    take(row);
    seq = row.previous;
  }
}

std::vector<FactRow> FactChains::Chain(int64_t last, std::deque<std::string>& storage) {
  std::vector<FactRow> chain;
  Walk(last, storage, [&](const FactRow& row) { chain.push_back(row); });
  std::reverse(chain.begin(), chain.end());
  return chain;
}

std::vector<std::pair<int64_t, int64_t>> FactChains::Moments(int64_t last) {
  std::vector<std::pair<int64_t, int64_t>> moments;
  std::deque<std::string> storage;
  Walk(last, storage, [&](const FactRow& row) {
    moments.emplace_back(row.seq, row.logged_at);
    storage.clear();
  });
  return moments;
}

FactRow FactChains::LatestRun(int64_t seq, std::deque<std::string>& storage) {
  while (seq != 0) {
    const FactRow row = Row(seq, storage);
    if (row.kind == FactKind::kRun && !(row.marks & kSuperseded)) return row;
    seq = row.previous;
  }
  return {};
}

bool FactChains::IsSegments(const FactRow& row) {
  const Source* source = sources_.ById(row.source);
  return source && source->shape == Shape::kSegments;
}

// Of several logs at one time: whichever read what the last run wrote comes next, else they stand
// in their order.
void FactChains::AppendTied(const std::vector<FactRow>& tied, std::vector<FactRow>& sorted) {
  std::map<int64_t, std::deque<FactRow>> logs;  // each in its own order; 0: segments
  for (const FactRow& row : tied) {
    logs[IsSegments(row) ? 0 : PlaceOf(row, false).log].push_back(row);
  }
  int64_t written = kUnknownCount;
  for (size_t i = sorted.size(); i-- > 0 && written == kUnknownCount;) {
    if (sorted[i].kind == FactKind::kRun) written = sorted[i].counts.written;
  }
  while (!logs.empty()) {
    const auto fits = [&](const auto& log) {
      const FactRow& row = log.second.front();
      return row.kind == FactKind::kRun && row.log != 0 && written != kUnknownCount &&
             row.counts.existing == written;
    };
    auto next = std::find_if(logs.begin(), logs.end(), fits);
    if (next == logs.end()) next = logs.begin();
    const FactRow row = next->second.front();
    if (row.kind == FactKind::kRun) written = row.counts.written;
    sorted.push_back(row);
    next->second.pop_front();
    if (next->second.empty()) logs.erase(next);
  }
}

bool FactChains::Later(const FactRow& a, const FactRow& b) {
  const bool segments = IsSegments(a);
  if (a.log != 0 && a.log == b.log && !segments) return a.position > b.position;
  if (a.logged_at != b.logged_at) return a.logged_at > b.logged_at;
  return PlaceOf(a, segments) > PlaceOf(b, segments);
}

void FactChains::Sort(std::vector<FactRow>& chain) {
  struct Placed {
    Place place;
    size_t index = 0;
  };
  std::vector<Placed> order;
  for (size_t i = 0; i < chain.size(); ++i) {
    order.push_back({PlaceOf(chain[i], IsSegments(chain[i])), i});
  }
  std::sort(order.begin(), order.end(), [](const Placed& a, const Placed& b) {
    return std::tie(a.place.log, a.place.position) > std::tie(b.place.log, b.place.position);
  });
  for (size_t i = 1; i < order.size(); ++i) {  // from each log's end to its begin
    const FactRow& row = chain[order[i].index];
    if (row.log == 0 || row.log != chain[order[i - 1].index].log || IsSegments(row)) continue;
    order[i].place.time = std::min(order[i].place.time, order[i - 1].place.time);
  }
  std::sort(order.begin(), order.end(),
            [](const Placed& a, const Placed& b) { return a.place < b.place; });
  std::vector<FactRow> sorted;
  sorted.reserve(chain.size());
  for (size_t i = 0; i < order.size();) {
    size_t end = i + 1;
    while (end < order.size() && order[end].place.time == order[i].place.time) ++end;
    std::vector<FactRow> tied;
    for (; i < end; ++i) tied.push_back(chain[order[i].index]);
    AppendTied(tied, sorted);
  }
  chain = std::move(sorted);
}

bool FactChains::Ties(const FactRow& a, const FactRow& b) {
  return a.logged_at == b.logged_at && a.log != b.log && a.log != 0 && b.log != 0;
}

bool SameRun(const FactRow& a, const FactRow& b) {
  return a.run == b.run && (!a.run.empty() || a.logged_at == b.logged_at);
}

// FNV-1a, folded: it is kept in the ledger, so it must be the same everywhere.
uint8_t BatchTag(std::string_view batch) {
  if (batch.empty()) return 0;
  uint32_t hash = 2166136261u;
  for (const char byte : batch) hash = (hash ^ static_cast<uint8_t>(byte)) * 16777619u;
  return static_cast<uint8_t>(1 + (hash ^ hash >> 16) % 255);
}

bool Supersedes(const FactRow& retry, const FactRow& earlier) {
  const RunCounts& a = retry.counts;
  const RunCounts& b = earlier.counts;
  return retry.kind == FactKind::kRun && earlier.kind == FactKind::kRun &&
         retry.batch == earlier.batch && !retry.batch.empty() && a.existing != kUnknownCount &&
         (a.existing == earlier.before || a.existing == b.existing) && a.fresh == b.fresh &&
         a.duplicates == b.duplicates && a.deleted == b.deleted;
}
