#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "monitor/grouped.h"

// Documents for people and for spreadsheets: aligned columns, or CSV. Pure functions.

struct Column {
  std::string title;
  bool right = false;  // numbers
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // Missing cells are empty, superfluous ones are dropped.
  void Add(std::vector<std::string> row);
  bool empty() const { return rows_.empty(); }
  // Columns as wide as their widest cell in characters. `room`: of a line; 0: without end. The
  // first column that does not fit is cut, those after it are left out, and a last line says so.
  std::string Text(size_t room = 0) const;
  // RFC 4180: CRLF lines, cells quoted where they must be, bytes unchanged.
  std::string Csv() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// An array of objects as a table: one column a key, in the order given ("a.b" reaches into objects
// and is titled "b"). Columns that hold numbers only are aligned right. null is written "-", and a
// column of nothing else is left out.
Table TableOf(const nlohmann::ordered_json& rows, const std::vector<std::string_view>& keys);
// The same as CSV: every column, null is an empty cell.
std::string CsvOf(const nlohmann::ordered_json& rows, const std::vector<std::string_view>& keys);

// What comes from logs and file names, fit for a terminal: one line of UTF-8 whose control
// characters are escaped (\n, \x1b).
std::string Printable(std::string_view text);
