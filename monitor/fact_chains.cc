#include "monitor/fact_chains.h"

#include <algorithm>

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

std::vector<FactRow> FactChains::Chain(int64_t last, std::deque<std::string>& storage) {
  std::vector<FactRow> chain;
  for (int64_t seq = last; seq != 0;) {
    chain.push_back(Row(seq, storage));
    if (chain.back().seq != seq) {
      database_.Refuse("fact " + std::to_string(seq) +
                       " of a chain is not there: the ledger is "
                       "damaged, see `rollcall check ledger`");
      return {};
    }
    seq = chain.back().previous;
  }
  std::reverse(chain.begin(), chain.end());
  return chain;
}

bool FactChains::Later(const FactRow& a, const FactRow& b) {
  const Source* source = a.source ? sources_.ById(a.source) : nullptr;
  const bool by_position = source && source->shape == Shape::kRewrite;
  if (a.log != 0 && a.log == b.log && (by_position || a.logged_at == b.logged_at)) {
    return a.position > b.position;
  }
  return a.logged_at > b.logged_at;
}

bool Supersedes(const FactRow& retry, const FactRow& earlier) {
  const RunCounts& a = retry.counts;
  const RunCounts& b = earlier.counts;
  return retry.kind == FactKind::kRun && earlier.kind == FactKind::kRun &&
         retry.batch == earlier.batch && !retry.batch.empty() && a.existing == earlier.before &&
         a.existing != kUnknownCount && a.fresh == b.fresh && a.duplicates == b.duplicates &&
         a.deleted == b.deleted;
}
