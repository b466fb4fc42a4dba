#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "monitor/fact_row.h"
#include "monitor/journal.h"
#include "monitor/source_book.h"
#include "monitor/sqlite.h"

// The facts of a partition in their order: a chain, linked by fact.previous from the newest on.
// Reads rows of the commit that is being made, too. Owned by the ledger, its thread only.
//
// The order is that of DESIGN section 3: within one log byte order is run order, unless runs are
// segments, whose lines come late and carry microseconds; logged time orders only between logs. A
// line counts as logged no later than those after it in its log, since a clock that is set back was
// wrong before. Where times are equal, a run that read what the last one wrote comes next, else
// logs stand in the order in which they were found, and what people say comes last.
class FactChains {
 public:
  // `entry`: the commit being made, whose rows are not in the table yet.
  FactChains(Database& database, SourceBook& sources, const JournalEntry& entry);

  // Views of what is returned point into the commit's batch or into `storage`.
  FactRow Row(int64_t seq, std::deque<std::string>& storage);
  // Oldest first. A damaged ledger fails the transaction, and the chain ends there.
  std::vector<FactRow> Chain(int64_t last, std::deque<std::string>& storage);
  // The sequence and the logged time of each fact of a chain, the newest first.
  std::vector<std::pair<int64_t, int64_t>> Moments(int64_t last);
  // The newest finished run from fact `seq` on backwards that no retry took the place of; seq is 0
  // when there is none.
  FactRow LatestRun(int64_t seq, std::deque<std::string>& storage);

  // Whether `a` comes after `b`, which is the same as Sort() says while logged times only rise and
  // they do not tie.
  bool Later(const FactRow& a, const FactRow& b);
  // Whether nothing but what they read and wrote tells their order; then only Sort() does.
  static bool Ties(const FactRow& a, const FactRow& b);
  void Sort(std::vector<FactRow>& chain);

 private:
  bool IsSegments(const FactRow& row);
  void AppendTied(const std::vector<FactRow>& tied, std::vector<FactRow>& sorted);
  // Follows a chain from its newest fact on.
  void Walk(int64_t last, std::deque<std::string>& storage,
            const std::function<void(const FactRow&)>& take);

  Database& database_;
  SourceBook& sources_;
  const JournalEntry& entry_;
  Statement select_row_;
};

// Whether two rows of different formats tell of the same run. Without run ids the line's time says
// so, since both come from one read.
bool SameRun(const FactRow& a, const FactRow& b);
// What a run and its retry share, in a byte; 0: there is no batch.
uint8_t BatchTag(std::string_view batch);
// Whether `retry` is the retry, after a crash, of `earlier` (DESIGN section 3, "Fact keys").
bool Supersedes(const FactRow& retry, const FactRow& earlier);
