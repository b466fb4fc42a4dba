#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "monitor/fact.h"
#include "monitor/sqlite.h"
#include "monitor/time.h"

// Columns of a ledger as readers want them; shared by the files of LedgerView.

inline std::optional<Time> TimeAt(const Statement& row, int column) {
  const auto millis = row.MaybeInteger(column);
  if (!millis) return std::nullopt;
  return Time(std::chrono::milliseconds(*millis));
}

// NULL: all.
inline Cell IdOrAll(std::string_view name, int64_t id) {
  return name.empty() ? Cell::Null() : Cell::Of(id);
}

// Empty for NULL.
inline std::string TextAt(const Statement& row, int column) {
  return row.IsNull(column) ? std::string() : std::string(row.Text(column));
}

inline std::string DayAt(const Statement& row, int column) {
  if (row.IsNull(column)) return {};
  return FormatDay(Day{static_cast<int32_t>(row.Integer(column))});
}

inline std::string UnitAt(const Statement& row, int column) {
  return row.IsNull(column) ? "events" : std::string(row.Text(column));
}
