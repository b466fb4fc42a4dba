#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/balance.h"
#include "monitor/fact.h"
#include "monitor/sqlite.h"

// A row of table `fact`: a fact with its names interned, and what the arithmetic made of it.

// What a partition is called inside the ledger: ids of names, days since 1970.
struct PartitionKey {
  int32_t project = 0;
  int32_t day = Day::kNone;
  int32_t format = 0;
  int32_t server = 0;
  auto operator<=>(const PartitionKey&) const = default;
};

// Bits of fact.marks.
inline constexpr int64_t kSuperseded = 1;    // a retry took its place
inline constexpr int64_t kOpened = 2;        // the partition's first run
inline constexpr int64_t kUnknownAfter = 4;  // the verdict after it cannot be clear

struct FactRow {
  int64_t seq = 0;
  FactKind kind = FactKind::kRun;
  std::string_view kind_name;  // empty: NameOf(kind); kinds of other versions keep theirs
  bool synthetic = false;
  int32_t source = 0;  // 0: not from a log
  int64_t log = 0;
  int64_t position = 0;
  int32_t epoch = 0;
  int64_t logged_at = 0;  // Unix ms
  PartitionKey partition;
  std::string_view run;  // views into the batch or into the chain's storage
  std::string_view batch;
  int64_t version = 0;
  int64_t path = 0;
  RunCounts counts;
  std::string_view detail;
  // Derived.
  int64_t previous = 0;
  int64_t before = kUnknownCount;
  int64_t missing = 0;
  int64_t lost = 0;
  int64_t cause = 0;
  int64_t marks = 0;
};

// Same fact, read twice: DESIGN section 3, "Fact keys".
bool SameFact(const FactRow& a, const FactRow& b);

// Fills the cells of one row of the table, all columns in their order. `seq` is left to SQLite,
// which counts on from the last row: that is faster than being told.
inline constexpr size_t kFactColumns = 29;
void FillFactCells(const FactRow& row, Cell* cells);

// Appends the row's facts columns (not the derived ones) to `out`, for the hash chain: nine numbers
// of 64 bits, fourteen of 32 (ids, marks and the lengths of the texts), then the texts kind, run,
// batch and detail. Little endian; an absent count is -1, an absent day Day::kNone.
void AppendForHash(const FactRow& row, std::string& out);

// Reads rows back. The views point into `storage`.
extern const char* const kSelectFacts;  // "SELECT … FROM fact", to be followed by a WHERE
FactRow ReadFactRow(const Statement& row, std::deque<std::string>& storage);
